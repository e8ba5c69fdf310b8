"""Blocks at an interval: a mempool, and waiters for each level of a transaction."""

import signal
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import near_jsonrpc_models as models
import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, Key, NearClient, Signer
from devnet.near.crypto import base58_decode
from devnet.near.transaction import parse
from tests.devnet.near.oracle import assert_error_fits
from tests.devnet.near.running import Running, running_node


@pytest.fixture(scope="module")
def timed() -> Iterator[Running]:
    with running_node("--block-ms", "50") as node:
        yield node


@pytest.fixture
def stopped() -> Iterator[Running]:
    """A node whose next block is an hour away: what is sent stays in the mempool."""
    with running_node("--block-ms", "3600000", "--wait-seconds", "1") as node:
        yield node


def _transfer(node: Running, amount: int = 1) -> str:
    return node.near.sign(node.root, "test.near", [tx.create_transfer_action(amount)])


def test_blocks_come_by_themselves(timed: Running) -> None:
    """Two blocks after the transaction's last receipt ran: only the clock can have made them."""
    sent = timed.near.send(
        timed.root, "test.near", [tx.create_transfer_action(1)], wait_until="FINAL"
    )
    head = timed.near.rpc.call("status")["sync_info"]["latest_block_height"]
    assert head >= _block_height(timed.near, sent.raw["transaction_outcome"]) + 2


def test_many_transactions_of_one_key_share_blocks(stopped: Running) -> None:
    """All wait in the mempool, in any order of arrival, and the next block takes them all."""
    near = stopped.near
    key = near.query("view_access_key", "test.near", public_key=stopped.root.key.public_key)
    nonces = range(key["nonce"] + 1, key["nonce"] + 31)
    signed = [_sign(stopped, nonce, key["block_hash"], nonce) for nonce in nonces]
    hashes = [near.rpc.call("broadcast_tx_async", each) for each in reversed(signed)]
    near.mine(1)
    block = near.rpc.call("block", finality="optimistic")
    chunk = near.rpc.call("chunk", block["chunks"][0]["chunk_hash"])
    assert [each["nonce"] for each in chunk["transactions"]] == list(nonces)
    assert [each["hash"] for each in chunk["transactions"]] == hashes[::-1]


def test_waiters_do_not_wait_for_each_other(timed: Running) -> None:
    """Each with a key of its own: transactions of one key may overtake each other."""
    keys = [Key.generate() for _ in range(20)]
    add = [tx.create_full_access_key_action(key.public_bytes) for key in keys]
    timed.near.send(timed.root, "test.near", add)

    def send(key: Key) -> Any:
        near = NearClient(timed.url)
        signer, transfer = Signer("test.near", key), tx.create_transfer_action(1)
        try:
            return near.send(signer, "test.near", [transfer], wait_until="FINAL").raw
        finally:
            near.close()

    with ThreadPoolExecutor(len(keys)) as pool:
        answers = list(pool.map(send, keys))
    signed_by = [answer["transaction"]["public_key"] for answer in answers]
    assert signed_by == [key.public_key for key in keys]
    assert {answer["final_execution_status"] for answer in answers} == {"FINAL"}


@pytest.mark.parametrize(
    ("level", "enough"),
    [
        ("INCLUDED", {"INCLUDED", "EXECUTED_OPTIMISTIC", "EXECUTED", "FINAL"}),
        ("EXECUTED_OPTIMISTIC", {"EXECUTED_OPTIMISTIC", "EXECUTED", "FINAL"}),
        ("INCLUDED_FINAL", {"INCLUDED_FINAL", "EXECUTED", "FINAL"}),
        ("EXECUTED", {"EXECUTED", "FINAL"}),
        ("FINAL", {"FINAL"}),
    ],
)
def test_a_waiter_gets_its_level(timed: Running, level: str, enough: set[str]) -> None:
    answer = timed.near.rpc.call("send_tx", signed_tx_base64=_transfer(timed), wait_until=level)
    assert answer["final_execution_status"] in enough
    final = timed.near.rpc.call("status")["sync_info"]["latest_block_height"] - 2
    included = _block_height(timed.near, answer["transaction_outcome"])
    if level in {"INCLUDED_FINAL", "EXECUTED", "FINAL"}:
        assert included <= final
    if level == "FINAL":
        heights = [_block_height(timed.near, each) for each in answer["receipts_outcome"]]
        assert max(heights) <= final


def _block_height(near: NearClient, outcome: Any) -> int:
    return int(near.rpc.call("block", outcome["block_hash"])["header"]["height"])


def test_nobody_waits_for_none(stopped: Running) -> None:
    signed = _transfer(stopped)
    answer = stopped.near.rpc.call("send_tx", signed_tx_base64=signed, wait_until="NONE")
    assert answer == {"final_execution_status": "NONE"}
    transaction_hash = stopped.near.rpc.call("broadcast_tx_async", signed)
    assert _is_unknown(stopped.near, transaction_hash)  # nearcore looks into blocks only
    stopped.near.mine(1)
    included = stopped.near.rpc.call("tx", transaction_hash, "test.near")
    assert included["final_execution_status"] == "EXECUTED_OPTIMISTIC"
    stopped.near.mine(2)
    followed = stopped.near.rpc.call("tx", transaction_hash, "test.near")
    assert followed["final_execution_status"] == "FINAL"


def test_a_transaction_that_lost_its_money_in_the_mempool_is_refused(stopped: Running) -> None:
    """Two that the head allows each, but not both: the second falls out of the mempool."""
    near = stopped.near
    balance = near.balance("test.near")
    key = near.query("view_access_key", "test.near", public_key=stopped.root.key.public_key)
    hashes = []
    for nonce in (1, 2):
        signed = _sign(stopped, key["nonce"] + nonce, key["block_hash"], balance - NEAR)
        hashes.append(near.rpc.call("broadcast_tx_async", signed))
    near.mine(2)
    first = near.rpc.call("tx", hashes[0], "test.near")
    assert first["final_execution_status"] == "EXECUTED_OPTIMISTIC"
    assert _is_unknown(near, hashes[1])


def _is_unknown(near: NearClient, transaction_hash: str) -> bool:
    with pytest.raises(JsonRpcError) as refused:
        near.rpc.call(
            "tx", tx_hash=transaction_hash, sender_account_id="test.near", wait_until="NONE"
        )
    return bool(refused.value.error["cause"]["name"] == "UNKNOWN_TRANSACTION")


def test_an_invalid_transaction_that_nobody_waits_for_is_dropped(stopped: Running) -> None:
    near = stopped.near
    key = near.query("view_access_key", "test.near", public_key=stopped.root.key.public_key)
    invalid = _sign(stopped, key["nonce"], key["block_hash"], 1)
    transaction_hash = near.rpc.call("broadcast_tx_async", invalid)
    sent = near.rpc.call("send_tx", signed_tx_base64=invalid, wait_until="NONE")
    assert sent == {"final_execution_status": "NONE"}
    near.mine(1)
    assert _is_unknown(near, transaction_hash)
    for method in ("send_tx", "broadcast_tx_commit", "tx", "EXPERIMENTAL_tx_status"):
        with pytest.raises(JsonRpcError) as refused:
            near.rpc.call(method, signed_tx_base64=invalid)
        assert refused.value.error["cause"]["name"] == "INVALID_TRANSACTION"
        assert "InvalidNonce" in str(refused.value.error["data"])


def test_who_asks_too_early_is_told_when_it_comes(timed: Running) -> None:
    near = timed.near
    signed = _transfer(timed)
    transaction_hash = parse(b64decode(signed)).hash
    which = {"tx_hash": transaction_hash, "sender_account_id": "test.near"}
    with ThreadPoolExecutor(1) as pool, closing(NearClient(timed.url)) as other:
        asked = pool.submit(other.rpc.call, "tx", **which, wait_until="FINAL")
        near.rpc.call("broadcast_tx_async", signed)
        assert asked.result()["final_execution_status"] == "FINAL"


def test_who_asks_for_what_never_comes_is_told_in_time(stopped: Running) -> None:
    which = {"tx_hash": "1" * 32, "sender_account_id": "test.near"}
    for method in ("tx", "EXPERIMENTAL_tx_status"):
        error = _timeout(stopped.near, method, **which, wait_until="INCLUDED")
        assert error["cause"] == {"name": "TIMEOUT_ERROR", "info": {"cause": "NOT_OBSERVED"}}


def test_when_told_to_it_checks_what_nobody_waits_for() -> None:
    with running_node("--block-ms", "3600000", "--check-broadcasts") as node:
        near = node.near
        key = near.query("view_access_key", "test.near", public_key=node.root.key.public_key)
        with pytest.raises(JsonRpcError) as refused:
            near.rpc.call("broadcast_tx_async", _sign(node, key["nonce"], key["block_hash"], 1))
        assert refused.value.error["cause"]["name"] == "INVALID_TRANSACTION"
        pending = near.rpc.call("broadcast_tx_async", _transfer(node))
        which = {"tx_hash": pending, "sender_account_id": "test.near", "wait_until": "NONE"}
        assert near.rpc.call("tx", **which) == {"final_execution_status": "NONE"}


def _sign(node: Running, nonce: int, block_hash: str, amount: int) -> str:
    secret = node.root.key.secret + node.root.key.public_bytes
    signed: str = tx.sign_and_serialize_transaction(
        "test.near",
        secret,
        "nobody.test.near",
        nonce,
        [tx.create_transfer_action(amount)],
        base58_decode(block_hash),
    )
    return signed


def test_a_wait_is_bounded(stopped: Running) -> None:
    signed = _transfer(stopped)
    error = _timeout(stopped.near, "broadcast_tx_commit", signed_tx_base64=signed)
    assert error["cause"] == {"name": "TIMEOUT_ERROR", "info": {"cause": "NOT_OBSERVED"}}
    stopped.near.mine(1)
    error = _timeout(stopped.near, "send_tx", signed_tx_base64=signed, wait_until="FINAL")
    pending = error["cause"]["info"]
    assert pending["cause"] == "PENDING"
    assert pending["status"]["final_execution_status"] == "EXECUTED_OPTIMISTIC"


def _timeout(near: NearClient, method: str, **params: Any) -> dict[str, Any]:
    with pytest.raises(JsonRpcError, match="Timeout") as refused:
        near.rpc.call(method, **params)
    assert_error_fits(refused.value.error, models.ErrorWrapperForRpcTransactionError)
    return refused.value.error


def test_the_block_mode_can_be_changed(stopped: Running) -> None:
    near, transfer = stopped.near, [tx.create_transfer_action(1)]
    pending = near.rpc.call("broadcast_tx_async", _transfer(stopped))
    near.rpc.call("devnet_set_block_ms", ms=None)
    answer = near.rpc.call("tx", pending, "test.near")
    assert answer["final_execution_status"] == "EXECUTED_OPTIMISTIC"
    for ms in (3_600_000, 10, None):
        near.rpc.call("devnet_set_block_ms", ms=ms)
        if ms == 3_600_000:
            _timeout(near, "broadcast_tx_commit", signed_tx_base64=_transfer(stopped))
        else:
            sent = near.send(stopped.root, "test.near", transfer, wait_until="FINAL")
            assert sent.raw["final_execution_status"] == "FINAL"


def test_a_signal_ends_the_node() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with running_node("--chain-id", "other") as node:
            assert node.near.rpc.call("status")["chain_id"] == "other"
            node.process.send_signal(number)
            assert node.process.wait(10) == 0


def test_nothing_but_the_announcement_is_printed() -> None:
    with running_node() as node:
        node.process.send_signal(signal.SIGTERM)
        assert node.process.stdout is not None
        assert node.process.stdout.read() == ""
