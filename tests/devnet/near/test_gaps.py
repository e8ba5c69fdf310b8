"""Heights that no block has, and blocks without a chunk of their own: what clients must survive."""

from typing import Any

import near_jsonrpc_models as models
import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NearClient, Signer
from tests.devnet.near.oracle import assert_error_fits, assert_fits


def _block(near: NearClient, **which: Any) -> Any:
    answer = near.rpc.call("block", **(which or {"finality": "optimistic"}))
    assert_fits(answer, models.RpcBlockResponse)
    return answer


def _chunk(near: NearClient, block_id: int) -> Any:
    answer = near.rpc.call("chunk", block_id=block_id, shard_id=0)
    assert_fits(answer, models.RpcChunkResponse)
    return answer


def _head(near: NearClient) -> Any:
    return _block(near)["header"]


def _final(near: NearClient, finality: str = "final") -> int:
    return int(_block(near, finality=finality)["header"]["height"])


def test_a_skipped_height_has_no_block(near: NearClient) -> None:
    near.mine(3)
    before = _head(near)
    near.rpc.call("devnet_skip_heights", count=2)
    near.mine(2)
    after, head = _block(near, block_id=before["height"] + 3)["header"], _head(near)
    assert (after["prev_height"], after["prev_hash"]) == (before["height"], before["hash"])
    assert after["block_ordinal"] == before["block_ordinal"] + 1
    assert head["height"] == before["height"] + 4
    for missing in (before["height"] + 1, before["height"] + 2):
        for method, model in (
            ("block", models.ErrorWrapperForRpcBlockError),
            ("EXPERIMENTAL_changes_in_block", models.ErrorWrapperForRpcStateChangesError),
        ):
            with pytest.raises(JsonRpcError) as refused:
                near.rpc.call(method, block_id=missing)
            assert refused.value.error["cause"]["name"] == "UNKNOWN_BLOCK"
            assert_error_fits(refused.value.error, model)
        with pytest.raises(JsonRpcError) as refused:
            near.view_account("test.near", block_id=missing)
        assert refused.value.error["cause"]["name"] == "UNKNOWN_BLOCK"


def test_a_skipped_height_delays_finality(near: NearClient) -> None:
    near.mine(5)
    start = int(_head(near)["height"])
    assert (_final(near, "near-final"), _final(near)) == (start - 1, start - 2)
    near.rpc.call("devnet_skip_heights", count=1)
    seen = []
    for _ in range(3):
        near.mine()
        head = _head(near)
        seen.append((head["height"], _final(near, "near-final"), _final(near)))
        final = _block(near, finality="final")["header"]["hash"]
        assert head["last_final_block"] == final
    assert seen == [
        (start + 2, start - 1, start - 2),
        (start + 3, start + 2, start - 2),
        (start + 4, start + 3, start + 2),
    ]


def test_a_transaction_waits_longer_for_finality(near: NearClient, root: Signer) -> None:
    near.mine(2)
    signed = near.sign(root, "test.near", [tx.create_transfer_action(1)])
    sent = near.rpc.call("send_tx", signed_tx_base64=signed, wait_until="INCLUDED")
    included = int(_head(near)["height"])
    near.rpc.call("devnet_skip_heights", count=1)
    followed = near.rpc.call(
        "tx", sent["transaction"]["hash"], "test.near"
    )  # executed already: no block is made for it
    assert followed["final_execution_status"] == "EXECUTED_OPTIMISTIC"
    final = near.rpc.call(
        "tx",
        tx_hash=sent["transaction"]["hash"],
        sender_account_id="test.near",
        wait_until="FINAL",
    )
    assert final["final_execution_status"] == "FINAL"
    # the gap comes first, then three consecutive heights make the one before them final
    assert _head(near)["height"] == included + 4


def test_a_block_without_a_chunk_shows_that_of_the_block_before(
    near: NearClient, root: Signer
) -> None:
    near.send(root, "test.near", [tx.create_transfer_action(1)])
    full = _block(near)
    near.rpc.call("devnet_miss_chunks", count=2)
    near.mine(3)
    height = full["header"]["height"]
    for empty in (_block(near, block_id=height + 1), _block(near, block_id=height + 2)):
        header = empty["header"]
        assert (header["chunks_included"], header["chunk_mask"]) == (0, [False])
        assert empty["chunks"] == full["chunks"]
        assert empty["chunks"][0]["height_included"] == height
        assert _chunk(near, header["height"]) == _chunk(near, height)
        assert near.rpc.call("EXPERIMENTAL_changes_in_block", block_id=header["height"]) == {
            "block_hash": header["hash"],
            "changes": [],
        }
    next_one = _block(near, block_id=height + 3)
    assert next_one["header"]["chunk_mask"] == [True]
    assert next_one["chunks"][0]["height_included"] == height + 3
    assert next_one["chunks"][0]["prev_block_hash"] == next_one["header"]["prev_hash"]


def test_transactions_and_receipts_wait_for_the_next_chunk(near: NearClient, root: Signer) -> None:
    start = int(_head(near)["height"])
    near.rpc.call("devnet_miss_chunks", count=3)
    sent = near.send(root, "test.near", [tx.create_transfer_action(1)])
    included = near.rpc.call("block", sent.raw["transaction_outcome"]["block_hash"])
    assert included["header"]["height"] == start + 4
    assert near.rpc.call("devnet_miss_chunks", count=0)


def test_a_snapshot_remembers_what_is_to_be_missing(near: NearClient) -> None:
    start = int(_head(near)["height"])
    near.rpc.call("devnet_skip_heights", count=4)
    near.rpc.call("devnet_miss_chunks", count=1)
    kept = near.snapshot()
    near.mine()
    near.revert(kept)
    near.mine()
    head = _head(near)
    assert (head["height"], head["chunks_included"]) == (start + 5, 0)


@pytest.mark.parametrize("method", ["devnet_skip_heights", "devnet_miss_chunks"])
@pytest.mark.parametrize("count", [-1, 10**9, "1", None])
def test_counts_that_do_not_fit(near: NearClient, method: str, count: Any) -> None:
    with pytest.raises(JsonRpcError) as refused:
        near.rpc.call(method, count=count)
    assert refused.value.error["cause"]["name"] == "PARSE_ERROR"
