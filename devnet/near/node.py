"""A running node: when blocks are made, and who waits for which transaction."""

import asyncio
import logging
from collections.abc import Callable

from devnet.near.chain import Chain, ChainConfig
from devnet.near.receipts import Block
from devnet.near.status import Level, Progress, progress
from devnet.near.transaction import SignedTransaction
from devnet.near.vm import Vm

_MAX_BLOCKS_PER_TRANSACTION = 1_000
_BLOCK_LINE = "block %d %s: %d transactions, %d receipts, %.3f Tgas%s"

log = logging.getLogger(__name__)


class WaitTimeoutError(Exception):
    """The level was not reached in time; `found` is how far the transaction has come."""

    def __init__(self, found: Progress | None) -> None:
        super().__init__("timeout")
        self.found = found


class UnknownSnapshotError(LookupError):
    """No snapshot of this id."""


class Node:
    """One chain and its clockwork.

    Without a block interval blocks are made on demand: a transaction gets the blocks that it needs
    until all of its receipts have run, and a waiter for finality the two more that it waits for.
    """

    def __init__(
        self, config: ChainConfig, block_ms: int | None = None, wait_seconds: float = 10
    ) -> None:
        self.vm = Vm()
        self.chain = Chain(config, self.vm)
        self.block_ms, self.wait_seconds = block_ms, wait_seconds
        self._snapshots: dict[str, Chain] = {}
        self._snapshots_made = 0
        self._new_block = asyncio.Event()
        self._mode_changed = asyncio.Event()

    def produce_block(self) -> None:
        """Make a block and wake those who wait for one."""
        block = self.chain.produce_block()
        if log.isEnabledFor(logging.INFO):
            log.info(_BLOCK_LINE, *_told_of(block))
        waiters, self._new_block = self._new_block, asyncio.Event()
        waiters.set()

    async def run(self) -> None:
        """Make a block per interval, for ever; the interval may change or stop meanwhile."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            next_due = None
            if self.block_ms is not None:
                next_due = max(due + self.block_ms / 1000, loop.time())
            try:
                async with asyncio.timeout_at(next_due):
                    await self._mode_changed.wait()
                self._mode_changed.clear()
                due = loop.time()
            except TimeoutError:
                due = next_due or loop.time()
                self.produce_block()

    def set_block_ms(self, block_ms: int | None) -> None:
        """Change the block interval; None for blocks on demand."""
        self.block_ms = block_ms
        self._mode_changed.set()
        if block_ms is None:
            self._drain()

    def submit(self, transaction: SignedTransaction) -> None:
        """Take a transaction into the mempool; raises InvalidTxError."""
        self.chain.submit(transaction)
        if self.block_ms is None:
            self._drain()

    def _drain(self) -> None:
        for _ in range(_MAX_BLOCKS_PER_TRANSACTION):
            if self.chain.is_idle:
                return
            self.produce_block()

    async def wait(self, transaction_hash: str, level: Level) -> Progress | None:
        """Wait until a transaction has reached a level; None for NONE before it is in a block.

        Raises InvalidTxError when it fell out of the mempool, WaitTimeoutError when time is up,
        also for one that the node has never seen: it may still come.
        """
        reached = self._when_reached(transaction_hash, level)
        if self.block_ms is None and transaction_hash in self.chain.included:
            self._mine_until(reached)
        try:
            async with asyncio.timeout(self.wait_seconds):
                while not reached():
                    await self._new_block.wait()
        except TimeoutError:
            raise WaitTimeoutError(progress(self.chain, transaction_hash)) from None
        return progress(self.chain, transaction_hash)

    def _when_reached(self, transaction_hash: str, level: Level) -> Callable[[], bool]:
        def reached() -> bool:
            rejected = self.chain.rejected.get(transaction_hash)
            if rejected is not None:
                raise rejected
            found = progress(self.chain, transaction_hash)
            return level in found.reached if found else level == "NONE"

        return reached

    def _mine_until(self, reached: Callable[[], bool]) -> None:
        for _ in range(_MAX_BLOCKS_PER_TRANSACTION):  # skipped heights may delay finality
            if reached():
                return
            self.produce_block()

    # development

    def skip_heights(self, count: int) -> None:
        """Let the next block leave out `count` heights."""
        self.chain.heights_to_skip = count

    def miss_chunks(self, count: int) -> None:
        """Let the next `count` blocks come without a chunk: nothing happens in them."""
        self.chain.chunks_to_miss = count

    def mine(self, blocks: int, seconds: int) -> None:
        """Put the chain's clock ahead by `seconds` for ever after, and make `blocks` blocks."""
        self.chain.clock_offset += seconds * 10**9
        for _ in range(blocks):
            self.produce_block()

    def snapshot(self) -> str:
        """Keep a copy of the whole chain and return its id."""
        self._snapshots_made += 1
        snapshot_id = str(self._snapshots_made)
        self._snapshots[snapshot_id] = self.chain.copy()
        return snapshot_id

    def revert(self, snapshot_id: str) -> None:
        """Return to a snapshot, which stays valid; raises UnknownSnapshotError."""
        if snapshot_id not in self._snapshots:
            raise UnknownSnapshotError(snapshot_id)
        self.chain = self._snapshots[snapshot_id].copy()


def _told_of(block: Block) -> tuple[object, ...]:
    receipts = len(block.outcomes) - len(block.transactions)
    gap = ", no chunk" if block.older_chunk else ""
    gas = block.gas_used / 10**12
    return block.height, block.hash, len(block.transactions), receipts, gas, gap
