"""anvil's blocks under faults: none for a while, others instead, or dear ones."""

import threading
import time
from http.client import HTTPException
from typing import Any

from devnet.anvil import Anvil
from devnet.jsonrpc import JsonRpc


class AnvilBlocks:
    """Takes over the making of timed blocks at the first fault that needs it.

    anvil's own interval can't be set again in parts of a second, nor does it hold a base fee.
    """

    def __init__(self, anvil: Anvil) -> None:
        self._anvil = anvil
        self._clock: _Clock | None = None
        self._was_instant = False

    def stall(self) -> None:
        """No blocks, but those of `Anvil.mine`."""
        if self._anvil.block_seconds is None:
            self._was_instant = self._anvil.rpc.call("anvil_getAutomine")
            self._anvil.rpc.call("evm_setAutomine", False)
        else:
            self._anvil.rpc.call("evm_setIntervalMining", 0)
            self.stop()

    def resume(self) -> None:
        """Blocks as before."""
        if self._anvil.block_seconds is not None:
            self._clock = _Clock(self._anvil, self._anvil.block_seconds)
        elif self._was_instant:
            self._anvil.rpc.call("evm_setAutomine", True)
            if int(self._anvil.rpc.call("txpool_status")["pending"], 16):
                self._anvil.mine()

    def hold_base_fee(self, wei: int | None) -> None:
        """Give each block that is made from now on this base fee; None lets it float again.

        Where each transaction makes its block at once, the fee still falls by an eighth a block.
        """
        self._anvil.held_base_fee = wei
        if self._anvil.block_seconds is not None and self._clock is None:
            self.stall()
            self.resume()

    def reorganise(self, depth: int, *, keep_transactions: bool) -> None:
        """Other blocks instead of the newest `depth`, with their transactions or without."""
        is_timed = self._anvil.block_seconds is not None
        if is_timed:
            self.stall()
        kept = self._newest_transactions(depth) if keep_transactions else []
        before = self._head_time()
        self._anvil.rpc.call("anvil_reorg", depth, kept)
        lost = max(0, before - self._head_time())  # anvil sets its clock back with the blocks
        self._anvil.rpc.call("evm_increaseTime", lost)
        if is_timed:
            self.resume()

    def _head_time(self) -> int:
        return int(self._anvil.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def _newest_transactions(self, depth: int) -> list[tuple[str, int]]:
        """Raw, each with the place of its block among the newest `depth`."""
        rpc = self._anvil.rpc
        kept: list[tuple[str, int]] = []
        first = int(rpc.call("eth_blockNumber"), 16) - depth + 1
        for place in range(depth):
            block: dict[str, Any] = rpc.call("eth_getBlockByNumber", hex(first + place), False)
            raw = [rpc.call("eth_getRawTransactionByHash", each) for each in block["transactions"]]
            kept += [(each, place) for each in raw]
        return kept

    def stop(self) -> None:
        """End the thread that makes blocks."""
        if self._clock is not None:
            self._clock.stop()
            self._clock = None


class _Clock:
    """A thread that has anvil make a block every `seconds`."""

    def __init__(self, anvil: Anvil, seconds: float) -> None:
        self._anvil, self._seconds = anvil, seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="anvil-blocks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        rpc = JsonRpc(self._anvil.url)
        due = time.monotonic() + self._seconds
        try:
            while not self._stopped.wait(max(0, due - time.monotonic())):
                self._anvil.make_block(rpc)
                due += self._seconds
        except (OSError, HTTPException):  # anvil has ended: `require_running` says so
            pass
        finally:
            rpc.close()
