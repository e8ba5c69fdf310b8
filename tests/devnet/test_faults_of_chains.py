"""The faults of the chains themselves, and the URLs that a devnet gives to its service."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from py_near import transactions as near_transactions

from devnet.anvil import start_anvil
from devnet.evm import Sender, new_account
from devnet.faults import BaseFaults, Failure, Lie
from devnet.faults.proxy import Proxies
from devnet.jsonrpc import JsonRpc, JsonRpcError
from devnet.network import Devnet
from tests.devnet.waiting import until

SOMEBODY = "0x" + "22" * 20
HELD_FEE = 10**12
NANOSECONDS = 10**9


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with Devnet(proxied_urls=2) as running:
        yield running


def near_head(devnet: Devnet, finality: str = "optimistic") -> Any:
    return devnet.near.client.rpc.call("block", finality=finality)["header"]


def base_head(devnet: Devnet) -> Any:
    return devnet.anvil.rpc.call("eth_getBlockByNumber", "latest", False)


def send_on_base(devnet: Devnet) -> str:
    """A transfer that is mined at once."""
    account = new_account()
    devnet.anvil.fund(account.address, 10**18)
    hash_ = Sender(devnet.anvil, account).send(SOMEBODY, "0x", 1)
    until(lambda: receipt(devnet, hash_))
    return hash_


def receipt(devnet: Devnet, hash_: str) -> Any:
    return devnet.anvil.rpc.call("eth_getTransactionReceipt", hash_)


def test_the_service_is_sent_through_the_proxies(devnet: Devnet) -> None:
    for faults, name in ((devnet.faults.base, "BASE"), (devnet.faults.near, "NEAR")):
        assert devnet.environment[f"{name}_RPC_URL"] == ",".join(faults.urls)
        assert len(set(faults.urls)) == 2
    near = JsonRpc(devnet.faults.near.urls[0])
    assert near.call("status")["chain_id"] == "devnet"
    near.close()


@pytest.mark.parametrize("keep", [True, False])
def test_base_reorganises_with_or_without_its_transactions(devnet: Devnet, keep: bool) -> None:
    devnet.anvil.mine(2)
    hash_ = send_on_base(devnet)
    devnet.anvil.mine()
    lost, start = base_head(devnet), receipt(devnet, hash_)
    devnet.faults.base.reorganise(2, keep_transactions=keep)
    found = receipt(devnet, hash_)
    assert base_head(devnet)["number"] == lost["number"]
    assert devnet.anvil.rpc.call("eth_getBlockByHash", lost["hash"], False) is None
    if keep:
        assert (found["blockNumber"], found["status"]) == (start["blockNumber"], "0x1")
        assert found["blockHash"] != start["blockHash"]
    else:
        assert found is None


def test_near_reorganises(devnet: Devnet) -> None:
    devnet.mine(3)
    lost = near_head(devnet)
    devnet.faults.near.reorganise(1)
    assert near_head(devnet)["height"] == lost["height"]
    assert near_head(devnet)["hash"] != lost["hash"]
    assert devnet.faults.injected["near"]["reorganise"] == 1


def test_blocks_on_demand_stall_and_go_on(devnet: Devnet) -> None:
    account = new_account()
    devnet.anvil.fund(account.address, 10**18)
    heights = devnet.heights()
    with devnet.faults.base.stalling(), devnet.faults.near.stalling():
        hash_ = Sender(devnet.anvil, account).send(SOMEBODY, "0x", 1)
        near = devnet.near
        transfer = near_transactions.create_transfer_action(1)
        signed = near.client.sign(near.root, near.root.account_id, [transfer])
        near.client.rpc.call("broadcast_tx_async", signed)
        assert devnet.heights() == heights
        assert receipt(devnet, hash_) is None
    until(lambda: receipt(devnet, hash_))
    assert all(now > before for now, before in zip(devnet.heights(), heights, strict=True))


def test_the_base_fee_is_held_over_blocks_and_falls_back(devnet: Devnet) -> None:
    before = devnet.anvil.rpc.call("eth_feeHistory", "0x1", "latest", [])["baseFeePerGas"][-1]
    start = int(base_head(devnet)["number"], 16)
    with devnet.faults.base.fee_spike(7 * HELD_FEE):
        devnet.anvil.mine()
    start += 1
    with devnet.faults.base.fee_spike(HELD_FEE):  # the first one's fee is gone
        devnet.anvil.mine(3)
        devnet.anvil.mine(2, seconds=5)
    blocks = [
        devnet.anvil.rpc.call("eth_getBlockByNumber", hex(start + 1 + place), False)
        for place in range(5)
    ]
    assert [int(block["baseFeePerGas"], 16) for block in blocks] == [HELD_FEE] * 5
    devnet.anvil.mine()
    assert base_head(devnet)["baseFeePerGas"] == before


def test_gas_on_near_becomes_dear_and_cheap_again(devnet: Devnet) -> None:
    usual = near_head(devnet)["gas_price"]
    with devnet.faults.near.fee_spike(7 * int(usual)):
        devnet.mine(2)
        assert near_head(devnet)["gas_price"] == str(7 * int(usual))
    devnet.mine()
    assert near_head(devnet)["gas_price"] == usual


def test_both_clocks_jump_together_or_one_alone(devnet: Devnet) -> None:
    def times() -> tuple[int, int]:
        near = int(near_head(devnet)["timestamp_nanosec"]) // NANOSECONDS
        return int(base_head(devnet)["timestamp"], 16), near

    start = times()
    devnet.faults.jump(1_000)
    together = times()
    devnet.faults.near.jump(500)
    alone = times()
    assert all(1_000 <= b - a <= 1_060 for a, b in zip(start, together, strict=True))
    assert alone[0] == together[0]
    assert 500 <= alone[1] - together[1] <= 530


def test_a_lagging_near_node_knows_nothing_newer(devnet: Devnet) -> None:
    rpc = JsonRpc(devnet.faults.near.urls[0])
    near, root = devnet.near.client, devnet.near.root
    devnet.mine(3)
    transfer = near_transactions.create_transfer_action(5)
    sent = near.send(root, "f" * 64, [transfer], "FINAL")
    devnet.mine()
    head = near_head(devnet)
    account = {"request_type": "view_account", "account_id": "f" * 64}
    which = {"tx_hash": sent.hash, "sender_account_id": root.account_id, "wait_until": "NONE"}
    with devnet.faults.near.stale(10):
        assert rpc.call("status")["sync_info"]["latest_block_height"] == head["height"] - 10
        assert rpc.call("block", finality="final")["header"]["height"] == head["height"] - 12
        for at in (head["height"], head["hash"]):
            with pytest.raises(JsonRpcError, match="DB Not Found Error"):
                rpc.call("block", block_id=at)
        with pytest.raises(JsonRpcError, match="DB Not Found Error"):
            rpc.call("block", head["height"])
        with pytest.raises(JsonRpcError, match="does not exist"):
            rpc.call("query", finality="optimistic", **account)
        with pytest.raises(JsonRpcError, match=f"Transaction {sent.hash}"):
            rpc.call("tx", **which)
    included = rpc.call("block", block_id=sent.raw["transaction_outcome"]["block_hash"])
    with devnet.faults.near.stale(head["height"] - included["header"]["height"]):
        seen = rpc.call("tx", **which)
    assert (seen["final_execution_status"], seen["status"]) == ("INCLUDED", "Started")
    assert seen["receipts_outcome"] == []
    assert rpc.call("tx", **which)["final_execution_status"] == "FINAL"
    rpc.close()


def test_near_lies(devnet: Devnet) -> None:
    honest, lying = (JsonRpc(url) for url in devnet.faults.near.urls)
    with devnet.faults.near.lying(Lie.BLOCK, at=1):
        told = [each.call("block", finality="final")["header"] for each in (honest, lying)]
    assert told[0]["height"] == told[1]["height"]
    assert told[0]["hash"] != told[1]["hash"]
    honest.close()
    lying.close()


def test_timed_blocks_stall_and_hold_their_fee(tmp_path_factory: pytest.TempPathFactory) -> None:
    """anvil can't be given back a part of a second: we make its blocks from the first fault on."""
    anvil = start_anvil(tmp_path_factory.mktemp("anvil"), block_seconds=0.05)
    with Proxies() as proxies:
        base = BaseFaults(anvil, proxies, urls=0)

        def height() -> int:
            return int(anvil.rpc.call("eth_blockNumber"), 16)

        until(lambda: height() >= 2)
        with base.stalling():
            anvil.mine()  # behind one that may have been under way
            stalled = height()
            anvil.mine(2)
            assert height() == stalled + 2
        until(lambda: height() >= stalled + 5)
        with base.fee_spike(HELD_FEE):
            first = height() + 2  # one may have been under way
            until(lambda: height() >= first + 3)
            fees = {
                anvil.rpc.call("eth_getBlockByNumber", hex(first + place), False)["baseFeePerGas"]
                for place in range(4)
            }
        base.reorganise(2)
        reorganised = height()
        until(lambda: height() >= reorganised + 2)
        base.stop()
        threads = {thread.name for thread in threading.enumerate()}
    anvil.stop()
    assert fees == {hex(HELD_FEE)}
    assert "anvil-blocks" not in threads
    assert base.injected == {"stall": 1, "fee_spike": 1, "reorganise": 1}


def test_a_devnet_without_proxies_is_as_ever(devnet: Devnet) -> None:
    """No thread, and a fault that needs a proxy says so."""
    with Proxies() as proxies:
        direct = BaseFaults(devnet.anvil, proxies, urls=0)
        with pytest.raises(ValueError, match="proxied_urls=1"), direct.failing(Failure.LOST):
            pass
        assert not proxies.is_running
