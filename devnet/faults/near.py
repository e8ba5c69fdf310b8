"""Faults of NEAR: our node and the way to it."""

from typing import Any, ClassVar, Final

from devnet.faults.chain import ChainFaults, Lie, Lies
from devnet.faults.near_past import NearPast
from devnet.faults.proxy import Proxies
from devnet.near_node import NearNode

_FAILURE: Final = {"Failure": {"ActionError": {"index": 0, "kind": "LackBalanceForState"}}}


def _other_hash(_method: str, block: dict[str, Any]) -> dict[str, Any]:
    """Its last character is another one."""
    hash_ = block["header"]["hash"]
    other = hash_[:-1] + ("3" if hash_[-1] == "2" else "2")
    return {**block, "header": {**block["header"], "hash": other}}


def _other_end(_method: str, found: dict[str, Any]) -> dict[str, Any]:
    """A success becomes a failure, and a failure a success."""
    status = found.get("status")
    if not isinstance(status, dict):
        return found
    return {**found, "status": {"SuccessValue": ""} if "Failure" in status else _FAILURE}


def _no_state(_method: str, found: dict[str, Any]) -> dict[str, Any]:
    """A view that answers null: there is no such lock."""
    return {**found, "result": list(b"null")} if "result" in found else found


class NearFaults(ChainFaults):
    """Prices are yocto per gas; only the two blocks that are not final can be replaced."""

    past = NearPast
    lies: ClassVar[Lies] = {
        Lie.BLOCK: (("block",), _other_hash),
        Lie.RECEIPT: (("tx", "EXPERIMENTAL_tx_status", "send_tx"), _other_end),
        Lie.STATE: (("query",), _no_state),
    }

    def __init__(self, node: NearNode, proxies: Proxies, urls: int) -> None:
        super().__init__(node.url, proxies, urls)
        self._rpc = node.client.rpc

    def jump(self, seconds: int) -> None:
        self.injected["jump"] += 1
        self._rpc.call("devnet_mine", blocks=1, seconds=seconds)

    def _stall(self) -> None:
        self._rpc.call("devnet_stall")

    def _resume(self) -> None:
        self._rpc.call("devnet_resume")

    def _reorganise(self, depth: int, *, keep_transactions: bool) -> None:
        self._rpc.call("devnet_reorganise", depth=depth, keep_transactions=keep_transactions)

    def _hold_price(self, price: int) -> int:
        before = int(self._rpc.call("gas_price", None)["gas_price"])
        self._rpc.call("devnet_set_gas_price", gas_price=str(price))
        return before

    def _release_price(self, before: int) -> None:
        self._rpc.call("devnet_set_gas_price", gas_price=str(before))
