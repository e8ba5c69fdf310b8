"""anvil, the EVM chain of the devnet (npm package @foundry-rs/anvil-linux-amd64)."""

import signal
import time
from pathlib import Path

from devnet.jsonrpc import JsonRpc
from devnet.processes import Child, accepts_connections, free_port, start

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
CHAIN_ID = 31337
# Blocks whose state is kept, and that it can reorganise. By itself anvil writes older ones to disk,
# more with each block and for ever, and a chain that goes back to one has lost its contracts' code.
STATES = 128


def start_anvil(folder: Path, *, block_seconds: float | None = None, port: int = 0) -> "Anvil":
    """Start anvil: a block every `block_seconds`, or on demand (one per transaction) when None.

    Epochs of one slot let `finalized` follow the head by two blocks instead of staying at 0 for 64.
    """
    port = port or free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--chain-id", str(CHAIN_ID)]
    options += ["--accounts", "0", "--slots-in-an-epoch", "1"]
    options += ["--prune-history", str(STATES), "--cache-path", str(folder)]
    if block_seconds is not None:
        options += ["--block-time", str(block_seconds)]
    # SIGKILL: anvil keeps nothing on disk, and handles SIGTERM only once it has started
    child = start("anvil", [BINARY, *options], folder, stop_signal=signal.SIGKILL)
    child.wait_until(lambda: accepts_connections(port))
    return Anvil(child, f"http://127.0.0.1:{port}", block_seconds)


class Anvil:
    """A running anvil and its development methods (amounts in wei, times in seconds).

    `held_base_fee`: that of each block made here, None to let it float.
    """

    def __init__(self, child: Child, url: str, block_seconds: float | None) -> None:
        self.child, self.url, self.rpc = child, url, JsonRpc(url)
        self.block_seconds = block_seconds
        self.held_base_fee: int | None = None

    def fund(self, address: str, wei: int) -> None:
        """Set the balance of `address`."""
        self.rpc.call("anvil_setBalance", address, hex(wei))

    def mine(self, blocks: int = 1, seconds: int = 0) -> None:
        """Add `blocks` blocks, the last `seconds` or more after the head; the clock stays so."""
        if self.held_base_fee is not None:
            for _ in range(blocks - 1):
                self.make_block(self.rpc)
        elif blocks > 1:
            self.rpc.call("anvil_mine", hex(blocks - 1))
        if seconds:
            self._move_clock(seconds)
        self.make_block(self.rpc)

    def make_block(self, rpc: JsonRpc) -> None:
        """One block, asked for over a connection of the caller's thread."""
        if self.held_base_fee is not None:
            rpc.call("anvil_setNextBlockBaseFeePerGas", hex(self.held_base_fee))
        rpc.call("evm_mine")

    def _move_clock(self, seconds: int) -> None:
        """By `seconds`, and by what many quick blocks have put the head ahead of anvil's clock."""
        head = int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        ahead_of_wall = int(self.rpc.call("evm_increaseTime", seconds))
        behind = head + seconds - (int(time.time()) + ahead_of_wall)
        if behind > 0:
            self.rpc.call("evm_increaseTime", behind)

    def snapshot(self) -> str:
        """Remember the whole state; the answer goes to `revert`, once."""
        return str(self.rpc.call("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Go back to `snapshot`; raises ValueError if it is unknown or was used before."""
        if self.rpc.call("evm_revert", snapshot) is not True:
            raise ValueError(
                f"anvil has no snapshot {snapshot!r}: take a new one after each revert"
            )

    def stop(self) -> None:
        """End the process."""
        self.rpc.close()
        self.child.stop()
