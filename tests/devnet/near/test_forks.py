"""Blocks that are taken back and built again, chains that stand still, and dear gas."""

from base64 import b64decode
from typing import Any

import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near import fees
from devnet.near.chain import ROOT_ACCOUNT, Chain, ChainConfig
from devnet.near.client import NEAR, Key, NearClient, Outcome, Signer, call
from devnet.near.crypto import base58_decode
from devnet.near.forks import take_back
from devnet.near.transaction import parse
from devnet.near.vm import Vm
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.test_conservation import KIT


def head(near: NearClient, finality: str = "optimistic") -> Any:
    return near.rpc.call("block", finality=finality)["header"]


def status(near: NearClient, hash_: str) -> dict[str, Any]:
    answer: dict[str, Any] = near.rpc.call(
        "tx", tx_hash=hash_, sender_account_id=ROOT_ACCOUNT, wait_until="NONE"
    )
    return answer


def send(near: NearClient, signer: Signer, receiver: str, *actions: Any) -> str:
    signed = near.sign(signer, receiver, actions)
    return str(near.rpc.call("broadcast_tx_async", signed))


def ends(outcome: Outcome) -> list[Any]:
    """What became of the receipts, without their ids."""
    return [
        (each["executor_id"], sorted(each["status"]), each["gas_burnt"], len(each["receipt_ids"]))
        for each in outcome.receipts
    ]


def everything(chain: Chain) -> list[Any]:
    """All that a block changes, in comparable form; the mempool aside."""
    runtime = chain.runtime
    return [
        dict(runtime.state.values), list(runtime.outgoing), list(chain.delayed),
        dict(runtime.received), dict(runtime.awaited_by), dict(runtime.missing),
        dict(chain.blocks), dict(chain.heights), dict(chain.included), dict(chain.outcomes),
        dict(chain.receipts), chain.head,
    ]  # fmt: skip


def test_a_block_that_is_taken_back_leaves_no_trace() -> None:
    """A contract that calls itself and waits for the answer has something in flight all along."""
    key = Key.generate()
    chain = Chain(ChainConfig("devnet", key.public_key), Vm())
    kit, nonce = f"kit.{ROOT_ACCOUNT}", 0

    def submit(receiver: str, *actions: Any) -> None:
        nonlocal nonce
        nonce += 1
        signed = tx.sign_and_serialize_transaction(
            ROOT_ACCOUNT, key.secret + key.public_bytes, receiver, nonce, list(actions),
            base58_decode(chain.head.hash),
        )  # fmt: skip
        chain.submit(parse(b64decode(signed)))

    submit(
        kit,
        tx.create_create_account_action(),
        tx.create_transfer_action(10 * NEAR),
        tx.create_deploy_contract_action(KIT),
    )
    before = []
    for _ in range(12):
        submit(kit, call("call_and_wait", b"", gas=60 * 10**12))
        before.append(everything(chain))
        chain.produce_block()
        if chain.head.height > fees.FINALITY_BLOCKS:
            copy = chain.copy()
            take_back(copy, fees.FINALITY_BLOCKS, keep_transactions=False)
            assert everything(copy) == before[-fees.FINALITY_BLOCKS]
    assert chain.runtime.missing  # something did wait
    assert len(chain.included) == 13


@pytest.mark.parametrize("depth", [1, 2])
def test_what_waited_runs_to_the_same_end_on_the_other_branch(
    near: NearClient, root: Signer, new_account: NewAccount, depth: int
) -> None:
    kit = new_account("kit", wasm=KIT)
    wait = call("call_and_wait", b"", gas=60 * 10**12)
    undisturbed = near.send(root, kit.account_id, [wait], "FINAL")
    near.rpc.call("devnet_stall")
    hash_ = send(near, root, kit.account_id, wait)
    near.mine(3)
    lost = head(near)
    near.rpc.call("devnet_reorganise", depth=depth)
    assert head(near)["height"] == lost["height"]
    assert head(near)["hash"] != lost["hash"]
    near.mine(6)
    near.rpc.call("devnet_resume")
    ended = status(near, hash_)
    assert ended["final_execution_status"] == "FINAL"
    assert ends(Outcome(ended)) == ends(undisturbed)
    with pytest.raises(JsonRpcError, match="DB Not Found Error"):
        near.rpc.call("block", block_id=lost["hash"])


def test_transactions_go_back_and_stand_in_the_new_blocks(near: NearClient, root: Signer) -> None:
    near.mine(3)
    near.rpc.call("devnet_stall")
    hash_ = send(near, root, ROOT_ACCOUNT, tx.create_transfer_action(1))
    near.mine()
    block = status(near, hash_)["transaction_outcome"]["block_hash"]
    near.rpc.call("devnet_reorganise", depth=1, keep_transactions=True)
    again = status(near, hash_)["transaction_outcome"]["block_hash"]
    assert (block != again, again) == (True, head(near)["hash"])
    near.rpc.call("devnet_resume")


def test_lost_transactions_are_unknown_and_their_nonce_is_free(
    near: NearClient, root: Signer
) -> None:
    near.mine(3)
    near.rpc.call("devnet_stall")
    signed = near.sign(root, "f" * 64, [tx.create_transfer_action(5)])
    hash_ = str(near.rpc.call("broadcast_tx_async", signed))
    near.mine(2)
    assert near.balance("f" * 64) == 5
    near.rpc.call("devnet_reorganise", depth=2, keep_transactions=False)
    with pytest.raises(JsonRpcError, match="doesn't exist"):
        status(near, hash_)
    with pytest.raises(JsonRpcError, match="does not exist"):
        near.balance("f" * 64)
    assert near.rpc.call("broadcast_tx_async", signed) == hash_
    near.mine(2)
    near.rpc.call("devnet_resume")
    assert near.balance("f" * 64) == 5


def test_final_blocks_stay(near: NearClient) -> None:
    near.mine(5)
    final = head(near, "final")
    for _ in range(3):
        near.rpc.call("devnet_reorganise", depth=2, keep_transactions=False)
        assert near.rpc.call("block", block_id=final["height"])["header"]["hash"] == final["hash"]
    for depth in (0, 3):
        with pytest.raises(JsonRpcError, match="`depth` must be an integer from 1 to 2"):
            near.rpc.call("devnet_reorganise", depth=depth)


def test_a_chain_at_its_beginning_has_no_block_to_give(near: NearClient) -> None:
    chain = Chain(ChainConfig("devnet", Key.generate().public_key), Vm())
    chain.produce_block()
    with pytest.raises(ValueError, match="only the newest 1 blocks are not final"):
        take_back(chain, 2, keep_transactions=True)


def test_a_stalled_chain_makes_no_block_and_goes_on_with_what_waited(
    near: NearClient, root: Signer
) -> None:
    before = head(near)["height"]
    near.rpc.call("devnet_stall")
    near.rpc.call("devnet_stall")
    hash_ = send(near, root, "f" * 64, tx.create_transfer_action(5))
    assert head(near)["height"] == before
    with pytest.raises(JsonRpcError, match="doesn't exist"):
        status(near, hash_)
    near.rpc.call("devnet_resume")
    assert near.balance("f" * 64) == 5


def test_dear_gas_is_paid_and_told(near: NearClient, root: Signer) -> None:
    dear = 7 * fees.GAS_PRICE
    usual, spiked = [_cost(near, root, price) for price in (fees.GAS_PRICE, dear)]
    assert head(near)["gas_price"] == str(dear)
    assert near.rpc.call("gas_price", None) == {"gas_price": str(dear)}
    assert spiked == 7 * usual
    near.rpc.call("devnet_set_gas_price")
    near.mine()
    assert head(near)["gas_price"] == str(fees.GAS_PRICE)


def _cost(near: NearClient, root: Signer, price: int) -> int:
    near.rpc.call("devnet_set_gas_price", gas_price=str(price))
    before = near.balance(ROOT_ACCOUNT)
    outcome = near.send(root, ROOT_ACCOUNT, [tx.create_transfer_action(1)], "FINAL")
    spent = before - near.balance(ROOT_ACCOUNT)
    assert spent == outcome.tokens_burnt
    return spent


@pytest.mark.parametrize("price", ["", "-1", "1", "1e9", str(10**16)])
def test_a_senseless_price_is_refused(near: NearClient, price: str) -> None:
    with pytest.raises(JsonRpcError, match="`gas_price` must be from"):
        near.rpc.call("devnet_set_gas_price", gas_price=price)
