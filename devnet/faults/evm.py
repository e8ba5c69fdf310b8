"""Faults of BASE: anvil and the way to it."""

from typing import Any, ClassVar

from devnet.anvil import Anvil
from devnet.faults.anvil import AnvilBlocks
from devnet.faults.chain import ChainFaults, Lie, Lies
from devnet.faults.evm_past import EvmPast
from devnet.faults.proxy import Proxies


def _other_hash(_method: str, block: dict[str, Any]) -> dict[str, Any]:
    """Its last digit is another one."""
    return {**block, "hash": block["hash"][:-1] + ("1" if block["hash"][-1] == "0" else "0")}


def _other_end(_method: str, receipt: dict[str, Any]) -> dict[str, Any]:
    return {**receipt, "status": "0x0" if receipt["status"] == "0x1" else "0x1"}


def _no_state(_method: str, _word: str) -> str:
    return "0x" + "00" * 32


class BaseFaults(ChainFaults):
    """Prices are wei of base fee per gas."""

    past = EvmPast
    lies: ClassVar[Lies] = {
        Lie.BLOCK: (("eth_getBlockByNumber",), _other_hash),
        Lie.RECEIPT: (("eth_getTransactionReceipt",), _other_end),
        Lie.STATE: (("eth_getStorageAt",), _no_state),
    }

    def __init__(self, anvil: Anvil, proxies: Proxies, urls: int) -> None:
        super().__init__(anvil.url, proxies, urls)
        self._anvil, self._blocks = anvil, AnvilBlocks(anvil)

    def jump(self, seconds: int) -> None:
        self.injected["jump"] += 1
        self._anvil.mine(1, seconds)

    def stop(self) -> None:
        """End the thread that made blocks, if a fault needed one."""
        self._blocks.stop()

    def _stall(self) -> None:
        self._blocks.stall()

    def _resume(self) -> None:
        self._blocks.resume()

    def _reorganise(self, depth: int, *, keep_transactions: bool) -> None:
        self._blocks.reorganise(depth, keep_transactions=keep_transactions)

    def _hold_price(self, price: int) -> int:
        """The answer is what the next block would have had, whatever the head's was."""
        history = self._anvil.rpc.call("eth_feeHistory", "0x1", "latest", [])
        self._blocks.hold_base_fee(price)
        self._anvil.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(price))
        return int(history["baseFeePerGas"][-1], 16)

    def _release_price(self, before: int) -> None:
        self._blocks.hold_base_fee(None)
        self._anvil.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(before))
