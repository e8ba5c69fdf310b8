"""Transactions that the chain refuses: nearcore's error, and nothing has changed."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, TGAS, Key, NearClient, Signer, call
from devnet.near.crypto import base58_decode
from tests.devnet.near.conftest import NewAccount

CALL_FEE = (108_059_500_000 + 2_319_861_500_000) * 2  # gas of receipt and call, send and run
TRANSFER_FEE = (108_059_500_000 + 115_123_062_500) * 2
GAS_PRICE = 100_000_000


@pytest.fixture
def alice(new_account: NewAccount) -> Signer:
    return new_account("alice")


def _signed(
    near: NearClient,
    signer: Signer,
    actions: Sequence[Any],
    *,
    nonce: int | None = None,
    block_hash: str | None = None,
) -> str:
    key = near.query("view_access_key", signer.account_id, public_key=signer.key.public_key)
    head = near.rpc.call("status")["sync_info"]["latest_block_hash"]
    signed: str = tx.sign_and_serialize_transaction(
        signer.account_id,
        signer.key.secret + signer.key.public_bytes,
        "test.near",
        nonce or int(key["nonce"]) + 1,
        list(actions),
        base58_decode(block_hash or head),
    )
    return signed


def _refusal(near: NearClient, signed: str) -> Any:
    """The InvalidTxError of a transaction, after checking that it left no trace."""
    before = near.rpc.call("block", finality="optimistic")["header"]
    with pytest.raises(JsonRpcError) as refused:
        near.rpc.call("broadcast_tx_commit", signed)
    assert near.rpc.call("block", finality="optimistic")["header"] == before
    assert refused.value.error["cause"] == {"name": "INVALID_TRANSACTION", "info": {}}
    return refused.value.error["data"]["TxExecutionError"]["InvalidTxError"]


def test_wrong_signature(near: NearClient, alice: Signer) -> None:
    signed = bytearray(b64decode(_signed(near, alice, [tx.create_transfer_action(1)])))
    signed[-1] ^= 1
    assert _refusal(near, b64encode(signed).decode()) == "InvalidSignature"


def test_signature_by_another_key(near: NearClient, alice: Signer) -> None:
    ours = bytearray(b64decode(_signed(near, alice, [tx.create_transfer_action(1)])))
    theirs = b64decode(_signed(near, alice, [tx.create_transfer_action(2)]))
    ours[-64:] = theirs[-64:]
    assert _refusal(near, b64encode(ours).decode()) == "InvalidSignature"


def test_reused_nonce(near: NearClient, alice: Signer) -> None:
    near.send(alice, "test.near", [tx.create_transfer_action(1)])
    key = near.query("view_access_key", alice.account_id, public_key=alice.key.public_key)
    signed = _signed(near, alice, [tx.create_transfer_action(2)], nonce=key["nonce"])
    nonces = {"tx_nonce": key["nonce"], "ak_nonce": key["nonce"]}
    assert _refusal(near, signed) == {"InvalidNonce": nonces}


def test_nonce_beyond_the_block(near: NearClient, alice: Signer) -> None:
    height = near.rpc.call("status")["sync_info"]["latest_block_height"]
    bound = (height + 1) * 1_000_000
    signed = _signed(near, alice, [tx.create_transfer_action(1)], nonce=bound)
    nonces = {"tx_nonce": bound, "upper_bound": bound}
    assert _refusal(near, signed) == {"NonceTooLarge": nonces}
    near.rpc.call("send_tx", _signed(near, alice, [tx.create_transfer_action(1)], nonce=bound - 1))


def test_unknown_block_hash(near: NearClient, alice: Signer) -> None:
    signed = _signed(near, alice, [tx.create_transfer_action(1)], block_hash="1" * 32)
    assert _refusal(near, signed) == "Expired"


def test_block_hash_is_good_for_86400_blocks(near: NearClient, alice: Signer) -> None:
    head = near.rpc.call("status")["sync_info"]["latest_block_hash"]
    for _ in range(9):  # all at once would be one long call
        near.mine(9_600)
    first = _signed(near, alice, [tx.create_transfer_action(1)], block_hash=head)
    late = _signed(near, alice, [tx.create_transfer_action(2)], block_hash=head)
    assert "status" in near.rpc.call("send_tx", first)
    assert _refusal(near, late) == "Expired"


def test_overdraft(near: NearClient, alice: Signer) -> None:
    balance = near.balance(alice.account_id)
    signed = _signed(near, alice, [tx.create_transfer_action(balance)])
    cost = balance + TRANSFER_FEE * GAS_PRICE
    amounts = {"balance": str(balance), "cost": str(cost)}
    assert _refusal(near, signed) == {
        "NotEnoughBalance": {"signer_id": alice.account_id, **amounts}
    }


def test_attached_gas_is_part_of_the_cost(near: NearClient, new_account: NewAccount) -> None:
    poor = new_account("poor", balance=10**21)
    signed = _signed(near, poor, [call("m", b"", gas=300 * TGAS)])
    bytes_fee = 47_683_715 + 2_235_934  # of the method's one letter
    cost = (CALL_FEE + bytes_fee + 300 * TGAS) * GAS_PRICE
    amounts = {"balance": str(10**21), "cost": str(cost)}
    assert _refusal(near, signed) == {"NotEnoughBalance": {"signer_id": poor.account_id, **amounts}}


def test_cost_beyond_u128(near: NearClient, alice: Signer) -> None:
    actions = [tx.create_transfer_action(2**128 - 1)] * 2
    assert _refusal(near, _signed(near, alice, actions)) == "CostOverflow"


def test_balance_that_storage_needs(near: NearClient, new_account: NewAccount) -> None:
    keys = [tx.create_full_access_key_action(Key.generate().public_bytes) for _ in range(8)]
    holder = new_account("holder", balance=NEAR)
    near.send(holder, holder.account_id, keys)
    balance, usage = near.balance(holder.account_id), 182 + 8 * 82
    needed = usage * 10**19
    amount = balance - TRANSFER_FEE * GAS_PRICE - needed + 1
    signed = _signed(near, holder, [tx.create_transfer_action(amount)])
    assert _refusal(near, signed) == {
        "LackBalanceForState": {"signer_id": holder.account_id, "amount": "1"}
    }


def test_unknown_signer_and_key(near: NearClient, alice: Signer) -> None:
    nobody = Signer("nobody.test.near", Key.generate())
    head = near.rpc.call("status")["sync_info"]["latest_block_hash"]
    actions = [tx.create_transfer_action(1)]
    secret = nobody.key.secret + nobody.key.public_bytes
    for name, expected in (
        (nobody.account_id, {"SignerDoesNotExist": {"signer_id": nobody.account_id}}),
        (
            alice.account_id,
            {
                "InvalidAccessKeyError": {
                    "AccessKeyNotFound": {
                        "account_id": alice.account_id,
                        "public_key": nobody.key.public_key,
                    }
                }
            },
        ),
    ):
        signed = tx.sign_and_serialize_transaction(
            name, secret, "test.near", 1, actions, base58_decode(head)
        )
        assert _refusal(near, signed) == expected


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (
            [tx.create_transfer_action(1)] * 101,
            {"TotalNumberOfActionsExceeded": {"total_number_of_actions": 101, "limit": 100}},
        ),
        (
            [call("m", gas=150 * TGAS), call("m", gas=150 * TGAS + 1)],
            {
                "TotalPrepaidGasExceeded": {
                    "total_prepaid_gas": 300 * TGAS + 1,
                    "limit": 300 * TGAS,
                }
            },
        ),
        ([call("m", gas=2**64 - 1), call("m", gas=1)], "IntegerOverflow"),
        ([call("m", gas=0)], "FunctionCallZeroAttachedGas"),
        (
            [call("m" * 257)],
            {"FunctionCallMethodNameLengthExceeded": {"length": 257, "limit": 256}},
        ),
        (
            [
                tx.create_function_call_access_key_action(
                    Key.generate().public_bytes, 1, "not valid", []
                )
            ],
            {"InvalidAccountId": {"account_id": "not valid"}},
        ),
        (
            [
                tx.create_function_call_access_key_action(
                    Key.generate().public_bytes, 1, "test.near", ["m" * 257]
                )
            ],
            {"AddKeyMethodNameLengthExceeded": {"length": 257, "limit": 256}},
        ),
        (
            [
                tx.create_function_call_access_key_action(
                    Key.generate().public_bytes, 1, "test.near", ["m" * 250] * 8
                )
            ],
            {
                "AddKeyMethodNamesNumberOfBytesExceeded": {
                    "total_number_of_bytes": 2008,
                    "limit": 2000,
                }
            },
        ),
    ],
)
def test_malformed_actions(
    near: NearClient, alice: Signer, actions: Sequence[Any], expected: Any
) -> None:
    assert _refusal(near, _signed(near, alice, actions)) == {"ActionsValidation": expected}


def test_too_large_a_transaction(near: NearClient, alice: Signer) -> None:
    signed = _signed(near, alice, [call("m", bytes(1_572_864))])
    size = len(b64decode(signed))
    assert _refusal(near, signed) == {"TransactionSizeExceeded": {"size": size, "limit": 1_572_864}}


def test_the_same_transaction_twice_is_one(near: NearClient, alice: Signer) -> None:
    signed = _signed(near, alice, [tx.create_transfer_action(1)])
    first = near.rpc.call("broadcast_tx_commit", signed)
    height = near.rpc.call("status")["sync_info"]["latest_block_height"]
    assert near.rpc.call("broadcast_tx_commit", signed) == first
    assert near.rpc.call("broadcast_tx_async", signed) == first["transaction"]["hash"]
    assert near.rpc.call("status")["sync_info"]["latest_block_height"] == height


def test_an_unknown_transaction(near: NearClient) -> None:
    with pytest.raises(JsonRpcError) as refused:
        near.rpc.call("tx", tx_hash="1" * 32, sender_account_id="test.near", wait_until="NONE")
    assert refused.value.error["cause"] == {
        "name": "UNKNOWN_TRANSACTION",
        "info": {"requested_transaction_hash": "1" * 32},
    }


def test_a_refused_transaction_stays_unknown(near: NearClient, alice: Signer) -> None:
    balance = near.balance(alice.account_id)
    actions = [tx.create_transfer_action(balance)]
    _refusal(near, _signed(near, alice, actions))
    assert near.balance(alice.account_id) == balance
