"""Blocks on demand: finality, state at past blocks, the clock, snapshots, what a block changed."""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, Key, NearClient, Signer, ViewError, call
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import KEEPER
from tests.devnet.near.running import running_node


@pytest.fixture
def keeper(new_account: NewAccount) -> Signer:
    return new_account("keeper", wasm=KEEPER)


def _head(near: NearClient, finality: str = "optimistic") -> Any:
    return near.rpc.call("block", finality=finality)["header"]


def _number(near: NearClient, keeper: Signer, method: str, **at: Any) -> int:
    packed = near.query(
        "call_function", keeper.account_id, method_name=method, args_base64="", **at
    )["result"]
    return int.from_bytes(bytes(packed), "little")


# finality and past blocks


def test_a_block_is_final_two_blocks_later(near: NearClient) -> None:
    near.mine(5)
    head = _head(near)
    assert _head(near, "near-final")["height"] == head["height"] - 1
    final = _head(near, "final")
    assert final["height"] == head["height"] - 2
    assert (head["last_final_block"], head["prev_height"]) == (final["hash"], head["height"] - 1)


def test_queries_see_the_state_of_their_finality(near: NearClient, keeper: Signer) -> None:
    for number in (1, 2, 3):
        near.mine(2)
        near.send(keeper, keeper.account_id, [call("set", number)])
    # A call of oneself runs in its transaction's block, its refund in the block after.
    expected = {"optimistic": 3, "near-final": 3, "final": 2}
    for finality, number in expected.items():
        assert near.view(keeper.account_id, "get", finality=finality) == number
    near.mine(1)
    assert near.view(keeper.account_id, "get", finality="final") == 3


def test_every_query_reads_past_blocks(near: NearClient, keeper: Signer) -> None:
    near.send(keeper, keeper.account_id, [call("set", b"1")])
    past = _head(near)
    before = _everything(near, keeper, past["hash"])
    key = Key.generate().public_bytes
    near.send(
        keeper,
        keeper.account_id,
        [
            call("set", b"2"),
            tx.create_full_access_key_action(key),
            tx.create_deploy_contract_action(KEEPER + b"\0\1\0"),  # and an empty custom section
        ],
        "FINAL",
    )
    near.mine(20)
    assert _everything(near, keeper, past["hash"]) == before
    assert _everything(near, keeper, past["height"]) == before
    now = _everything(near, keeper, _head(near)["hash"])
    assert [ours == theirs for ours, theirs in zip(now, before, strict=True)] == [False] * 6


def _everything(near: NearClient, keeper: Signer, block_id: str | int) -> list[Any]:
    name, at = keeper.account_id, {"block_id": block_id}
    return [
        near.view(name, "get", **at),
        near.query("view_account", name, **at),
        near.query("view_access_key_list", name, **at)["keys"],
        near.query("view_access_key", name, public_key=keeper.key.public_key, **at)["nonce"],
        near.query("view_code", name, **at)["hash"],
        near.query("view_state", name, prefix_base64="", **at)["values"],
    ]


def test_what_was_deleted_is_still_there_in_the_past(near: NearClient, keeper: Signer) -> None:
    near.send(keeper, keeper.account_id, [call("set", b"1")])
    past = _head(near)["height"]
    near.send(keeper, keeper.account_id, [call("remove")])
    state = near.query("view_state", keeper.account_id, prefix_base64="", block_id=past)
    assert [b64decode(entry["key"]) for entry in state["values"]] == [b"key"]
    assert near.query("view_state", keeper.account_id, prefix_base64="")["values"] == []


def test_what_is_new_was_not_there_in_the_past(near: NearClient, keeper: Signer) -> None:
    with pytest.raises(JsonRpcError) as refused:
        near.view_account(keeper.account_id, block_id=0)
    info = refused.value.error["cause"]["info"]
    assert (info["block_height"], info["requested_account_id"]) == (0, keeper.account_id)


def test_a_view_sees_the_height_and_time_of_its_block(near: NearClient, keeper: Signer) -> None:
    past = _head(near)
    near.mine(3, seconds=1000)
    for header in (past, _head(near, "final"), _head(near)):
        at = {"block_id": header["hash"]}
        assert _number(near, keeper, "height", **at) == header["height"]
        assert _number(near, keeper, "time", **at) == header["timestamp"]


def test_blocks_that_are_not_kept_are_garbage_collected() -> None:
    with running_node("--epoch-blocks", "4") as node:
        node.near.mine(2)
        sent = node.near.send(node.root, "test.near", [tx.create_transfer_action(1)])
        old = _head(node.near)
        node.near.mine(16)  # the current epoch begins at 16: with it five epochs, none collected
        assert node.near.rpc.call("status")["sync_info"]["earliest_block_height"] == 0
        node.near.mine(1)
        earliest = node.near.rpc.call("status")["sync_info"]["earliest_block_height"]
        assert (old["height"], earliest) == (3, 4)
        assert node.near.view_account("test.near", block_id=earliest)["block_height"] == earliest
        for block_id in (old["hash"], old["height"]):
            with pytest.raises(JsonRpcError) as refused:
                node.near.view_account("test.near", block_id=block_id)
            assert refused.value.error["cause"] == {
                "name": "GARBAGE_COLLECTED_BLOCK",
                "info": {"block_height": old["height"], "block_hash": old["hash"]},
            }
        which = {"tx_hash": sent.hash, "sender_account_id": "test.near", "wait_until": "NONE"}
        with pytest.raises(JsonRpcError, match="doesn't exist"):
            node.near.rpc.call("tx", **which)


# the clock


def test_mining_moves_head_finality_and_time(near: NearClient) -> None:
    before = _head(near)
    mined = near.mine(blocks=3, seconds=3600)
    head = _head(near)
    assert mined == {
        "height": head["height"],
        "hash": head["hash"],
        "timestamp_nanosec": head["timestamp_nanosec"],
    }
    assert head["height"] == before["height"] + 3
    assert head["timestamp"] >= before["timestamp"] + 3600 * 10**9
    near.mine(1)
    assert _head(near)["timestamp"] >= head["timestamp"] + 1  # the clock stays ahead


def test_a_block_stands_at_the_time_that_was_set(near: NearClient, keeper: Signer) -> None:
    target = _head(near)["timestamp"] + 50
    near.set_next_block_time(target)
    near.mine(1)
    assert _head(near)["timestamp"] == target
    near.mine(1)
    assert _head(near)["timestamp"] > target


def test_a_call_runs_at_the_time_that_was_set(
    near: NearClient, keeper: Signer, root: Signer
) -> None:
    target = _head(near)["timestamp"] + 1000
    near.set_next_block_time(target, blocks_before=1)
    outcome = near.send(root, keeper.account_id, [call("time")])
    assert int.from_bytes(outcome.value, "little") == target


def test_time_does_not_go_back(near: NearClient) -> None:
    with pytest.raises(JsonRpcError, match="the head's time is"):
        near.set_next_block_time(_head(near)["timestamp"])


# snapshots


def test_a_revert_restores_everything(near: NearClient, keeper: Signer, root: Signer) -> None:
    near.send(keeper, keeper.account_id, [call("set", b"1")])
    before, state = _head(near), _everything(near, keeper, _head(near)["hash"])
    snapshot = near.snapshot()
    for _ in range(2):  # a snapshot can be returned to more than once
        sent = near.send(keeper, keeper.account_id, [call("set", b"2")], "FINAL")
        near.mine(5, seconds=10_000)
        near.revert(snapshot)
        assert _head(near) == before
        assert _everything(near, keeper, before["hash"]) == state
        which = {"tx_hash": sent.hash, "sender_account_id": keeper.account_id}
        with pytest.raises(JsonRpcError, match="doesn't exist"):
            near.rpc.call("tx", **which, wait_until="NONE")
    near.mine(1)
    assert _head(near)["timestamp"] < before["timestamp"] + 10_000 * 10**9


def test_an_unknown_snapshot(near: NearClient) -> None:
    with pytest.raises(JsonRpcError, match="unknown snapshot `nope`"):
        near.revert("nope")


# changes


def _changes(near: NearClient, kind: str, block_id: str, **more: Any) -> Any:
    return near.rpc.call("EXPERIMENTAL_changes", changes_type=kind, block_id=block_id, **more)[
        "changes"
    ]


def test_data_changes_by_account_and_prefix(near: NearClient, keeper: Signer) -> None:
    sent = near.send(keeper, keeper.account_id, [call("set", b"1")])
    ran = sent.raw["receipts_outcome"][0]
    names = [keeper.account_id]
    found = _changes(
        near,
        "data_changes",
        ran["block_hash"],
        account_ids=names,
        key_prefix_base64=b64encode(b"ke").decode(),
    )
    assert found == [
        {
            "cause": {"type": "receipt_processing", "receipt_hash": ran["id"]},
            "type": "data_update",
            "change": {
                "account_id": keeper.account_id,
                "key_base64": b64encode(b"key").decode(),
                "value_base64": b64encode(b"1").decode(),
            },
        }
    ]
    for prefix, accounts in ((b"x", names), (b"", ["test.near"])):
        packed = b64encode(prefix).decode()
        assert not _changes(
            near,
            "data_changes",
            ran["block_hash"],
            account_ids=accounts,
            key_prefix_base64=packed,
        )
    removed = near.send(keeper, keeper.account_id, [call("remove")])
    block_hash = removed.raw["receipts_outcome"][0]["block_hash"]
    found = _changes(near, "data_changes", block_hash, account_ids=names, key_prefix_base64="")
    assert [change["type"] for change in found] == ["data_deletion"]


def test_a_failed_call_changes_no_data(near: NearClient, keeper: Signer) -> None:
    sent = near.send(keeper, keeper.account_id, [call("set_and_panic", b"1")])
    block_hash = sent.raw["receipts_outcome"][0]["block_hash"]
    names = [keeper.account_id]
    assert not _changes(near, "data_changes", block_hash, account_ids=names, key_prefix_base64="")


def test_account_changes_tell_their_causes(near: NearClient, keeper: Signer) -> None:
    sent = near.send(keeper, keeper.account_id, [call("get")])
    transaction = sent.raw["transaction_outcome"]
    receipt_id = sent.raw["receipts_outcome"][0]["id"]
    found = _changes(
        near, "account_changes", transaction["block_hash"], account_ids=[keeper.account_id]
    )
    assert [change["cause"] for change in found] == [
        {"type": "transaction_processing", "tx_hash": sent.hash},
        {"type": "receipt_processing", "receipt_hash": receipt_id},
        {"type": "action_receipt_gas_reward", "receipt_hash": receipt_id},
    ]


def test_key_and_code_changes(near: NearClient, keeper: Signer) -> None:
    key, other = Key.generate(), Key.generate()
    actions = [
        tx.create_full_access_key_action(key.public_bytes),
        tx.create_full_access_key_action(other.public_bytes),
        tx.create_deploy_contract_action(KEEPER),
    ]
    sent = near.send(keeper, keeper.account_id, actions)
    block_hash, name = sent.raw["receipts_outcome"][0]["block_hash"], keeper.account_id
    single = _changes(
        near,
        "single_access_key_changes",
        block_hash,
        keys=[{"account_id": name, "public_key": key.public_key}],
    )
    assert [change["change"]["public_key"] for change in single] == [key.public_key]
    every = _changes(near, "all_access_key_changes", block_hash, account_ids=[name])
    assert {change["change"]["public_key"] for change in every} == {
        keeper.key.public_key,
        key.public_key,
        other.public_key,
    }
    (code,) = _changes(near, "contract_code_changes", block_hash, account_ids=[name])
    assert b64decode(code["change"]["code_base64"]) == KEEPER
    touched = near.rpc.call("EXPERIMENTAL_changes_in_block", block_id=block_hash)["changes"]
    assert [change["type"] for change in touched] == [
        "account_touched",
        "access_key_touched",
        "contract_code_touched",
    ]


# lookups


def test_the_old_form_of_queries(near: NearClient, keeper: Signer) -> None:
    near.send(keeper, keeper.account_id, [call("set", b"5")])
    name = keeper.account_id
    viewed = near.rpc.call("query", f"call/{name}/get", "")
    assert json.loads(bytes(viewed["result"])) == 5
    account = near.rpc.call("query", f"account/{name}", "")
    assert account == near.view_account(name)
    assert near.rpc.call("query", f"access_key/{name}", "")["keys"] != []
    key = near.rpc.call("query", f"access_key/{name}/{keeper.key.public_key}", "")
    assert key["permission"] == "FullAccess"


def test_a_chunk_has_its_transactions_and_the_receipts_of_the_chunk_before(
    near: NearClient, root: Signer, keeper: Signer
) -> None:
    sent = near.send(root, keeper.account_id, [call("set", b"1")], "FINAL")
    block = near.rpc.call("block", sent.raw["transaction_outcome"]["block_hash"])
    chunk = near.rpc.call("chunk", block["chunks"][0]["chunk_hash"])
    assert [each["hash"] for each in chunk["transactions"]] == [sent.hash]
    assert chunk["receipts"] == []
    ran, refund = sent.raw["receipts_outcome"]
    for outcome in (ran, refund):
        chunk = near.rpc.call("chunk", block_id=outcome["block_hash"], shard_id=0)
        assert [each["receipt_id"] for each in chunk["receipts"]] == [outcome["id"]]
        assert chunk["transactions"] == []
        assert chunk["header"]["gas_used"] == outcome["outcome"]["gas_burnt"]


def test_a_receipt_to_oneself_is_in_no_chunk(near: NearClient, root: Signer) -> None:
    """It runs in the block of its transaction, so that no chunk has to bring it there."""
    sent = near.send(root, root.account_id, [tx.create_transfer_action(1)])
    block = near.rpc.call("block", sent.raw["transaction_outcome"]["block_hash"])
    chunk = near.rpc.call("chunk", block["chunks"][0]["chunk_hash"])
    assert chunk["receipts"] == []
    outcomes = (sent.raw["transaction_outcome"], sent.raw["receipts_outcome"][0])
    gas = sum(each["outcome"]["gas_burnt"] for each in outcomes)
    assert block["chunks"][0]["gas_used"] == gas


def test_a_large_state_is_not_viewed(near: NearClient, keeper: Signer) -> None:
    near.send(keeper, keeper.account_id, [call("set", bytes(50_000))])
    with pytest.raises(JsonRpcError) as refused:
        near.query("view_state", keeper.account_id, prefix_base64="")
    assert refused.value.error["cause"]["name"] == "TOO_LARGE_CONTRACT_STATE"


def test_the_supply_falls_by_what_is_burnt(near: NearClient, root: Signer) -> None:
    before = int(_head(near)["total_supply"])
    sent = near.send(root, root.account_id, [tx.create_transfer_action(NEAR)])
    header = _head(near)
    chunk = near.rpc.call("block", header["hash"])["chunks"][0]
    assert before - int(header["total_supply"]) == sent.tokens_burnt
    assert int(chunk["balance_burnt"]) == sent.tokens_burnt


def test_a_view_of_a_missing_contract(near: NearClient) -> None:
    with pytest.raises(ViewError, match="CodeDoesNotExist"):
        near.view("test.near", "get")
