"""The chain: genesis, mempool, blocks, finality, its own clock, and what each block keeps."""

import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

from devnet.near import fees
from devnet.near.actions import AccessKey
from devnet.near.crypto import ZERO_HASH, hash_of
from devnet.near.errors import InvalidTxError
from devnet.near.forks import InFlight, in_flight
from devnet.near.receipts import ActionReceipt, Block, DataReceipt, Outcome, Receipt
from devnet.near.runtime import Runtime
from devnet.near.state import Account, Column, Record, State, key_storage
from devnet.near.transaction import SignedTransaction
from devnet.near.verifier import charge, check_form
from devnet.near.vm import Vm

Finality = Literal["optimistic", "near-final", "final"]

GENESIS_SUPPLY = 10**33  # yocto: a thousand million NEAR
ROOT_ACCOUNT = "test.near"
_ENDOWMENT = 10**30  # yocto of each further account: a million NEAR
_REJECTED_KEPT = 1_000


class UnknownBlockError(LookupError):
    """No block of this height or hash is on the chain."""


class GarbageCollectedError(LookupError):
    """The block was on the chain, but its state and content are no longer kept."""

    def __init__(self, height: int, block_hash: str) -> None:
        super().__init__(f"block {height} is no longer kept")
        self.height, self.block_hash = height, block_hash


class Included(NamedTuple):
    """A transaction in the chain."""

    transaction: SignedTransaction
    block_hash: str
    height: int


class PinnedTime(NamedTuple):
    """A block that is still to come, and the time at which it is to stand."""

    height: int
    timestamp: int


@dataclass(frozen=True)
class ChainConfig:
    """How the chain is called, whose key owns everything at first, and how long its epochs are.

    As a node that is no archive, it keeps the blocks and the state of five epochs. The accounts of
    `more_accounts` are there from the start, with the same key.
    """

    chain_id: str
    root_public_key: str
    epoch_blocks: int = fees.EPOCH_BLOCKS
    more_accounts: tuple[str, ...] = ()


class Chain:
    """All of a chain's data; it does nothing by itself, others ask it to produce blocks."""

    def __init__(self, config: ChainConfig, vm: Vm) -> None:
        self.config = config
        self.clock_offset = 0  # nanoseconds that the chain is ahead of the wall clock
        self.pinned: PinnedTime | None = None
        self.heights_to_skip = self.chunks_to_miss = 0
        self.gas_price = fees.GAS_PRICE  # of the blocks to come
        self.runtime = Runtime(State(), vm)
        self.delayed: deque[Receipt] = deque()
        self.before: deque[InFlight] = deque()  # of the blocks that are not final
        self.mempool: dict[str, SignedTransaction] = {}
        self.rejected: dict[
            str, InvalidTxError
        ] = {}  # left the mempool without getting into a block
        # By height, ordered: from a plain dict the first entry is not taken in constant time.
        self.blocks: OrderedDict[int, Block] = OrderedDict()
        self.heights: OrderedDict[str, int] = OrderedDict()  # by hash, of a validity period
        self.included: dict[str, Included] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.receipts: dict[str, ActionReceipt] = {}
        self.data_receipts: dict[str, DataReceipt] = {}
        self.head = self._genesis()
        self.genesis = self.head

    def _genesis(self) -> Block:
        others = self.config.more_accounts
        self._endow(ROOT_ACCOUNT, GENESIS_SUPPLY - len(others) * _ENDOWMENT)
        for account_id in others:
            self._endow(account_id, _ENDOWMENT)
        now = time.time_ns()
        genesis_hash = hash_of(self.config.chain_id.encode(), now.to_bytes(8, "little"))
        block = Block(0, genesis_hash, now, GENESIS_SUPPLY, self.gas_price)
        self._append(block)
        return block

    def _endow(self, account_id: str, amount: int) -> None:
        state, public_key = self.runtime.state, self.config.root_public_key
        key = AccessKey(0, None)
        usage = fees.STORAGE_BYTES_ACCOUNT + key_storage(public_key, key)
        state.put(Record(Column.ACCESS_KEY, account_id, public_key), key)
        state.put(Record(Column.ACCOUNT, account_id), Account(amount, ZERO_HASH, usage))

    # blocks

    def produce_block(self) -> Block:
        """Build the next block: its transactions, then the receipts that are due."""
        block = self._next_block()
        self.before.append(in_flight(self))
        if self.chunks_to_miss:
            self.chunks_to_miss -= 1
            block.older_chunk = self.head.with_chunk
        else:
            self._fill(block)
        self._append(block)
        return block

    def _fill(self, block: Block) -> None:
        due: deque[Receipt] = deque()
        block.incoming, self.runtime.outgoing = self.runtime.outgoing, []
        for transaction in self._take_mempool():
            self._include(transaction, block, due)
        due += self.delayed
        due += block.incoming
        while due and block.gas_used < fees.BLOCK_GAS_LIMIT:
            self._process(due.popleft(), block)
        self.delayed = due

    def _next_block(self) -> Block:
        prev, height = self.head, self.head.height + 1 + self.heights_to_skip
        self.heights_to_skip = 0
        timestamp = self._next_time(height)
        parts = height.to_bytes(8, "little"), timestamp.to_bytes(8, "little")
        # By nearcore's rule a height that nobody filled delays finality: a block becomes final
        # when the two heights after it are filled.
        follows = height == prev.height + 1
        twice = follows and prev.prev is not None and prev.last_near_final == prev.prev
        return Block(
            height,
            hash_of(prev.hash.encode(), *parts),
            timestamp,
            prev.total_supply,
            self.gas_price,
            height // self.config.epoch_blocks,
            prev.ordinal + 1,
            prev.id,
            prev.last_near_final if twice else prev.last_final,
            prev.id if follows else prev.last_near_final,
        )

    def _next_time(self, height: int) -> int:
        now = time.time_ns()
        time_by_clock = max(self.head.timestamp + 1, now + self.clock_offset)
        if self.pinned is None:
            return time_by_clock
        pinned = self.pinned
        if height < pinned.height:  # leave room for the blocks up to the pinned one
            return min(time_by_clock, pinned.timestamp - (pinned.height - height))
        self.pinned = None
        self.clock_offset = pinned.timestamp - now
        return pinned.timestamp

    def pin_time(self, timestamp: int, blocks_before: int) -> None:
        """Let the block after `blocks_before` others stand at exactly `timestamp` nanoseconds.

        The clock goes on from there. Raises ValueError when the head's time leaves no room.
        """
        if timestamp <= self.head.timestamp + blocks_before:
            raise ValueError(f"the head's time is {self.head.timestamp} already")
        self.pinned = PinnedTime(self.head.height + 1 + blocks_before, timestamp)

    def _take_mempool(self) -> list[SignedTransaction]:
        taken = sorted(self.mempool.values(), key=lambda each: each.nonce)
        self.mempool = {}
        return taken

    def _include(self, transaction: SignedTransaction, block: Block, due: deque[Receipt]) -> None:
        try:
            self.check_block_hash(transaction.block_hash)
            receipt = self.runtime.convert(transaction, block)
        except InvalidTxError as error:
            self._reject(transaction, error)
            return
        self.included[transaction.hash] = Included(transaction, block.hash, block.height)
        self.receipts[receipt.id] = receipt
        if receipt.receiver_id == receipt.predecessor_id:
            due.append(receipt)  # a local receipt runs in the same block
        else:
            self.runtime.outgoing.append(receipt)

    def _reject(self, transaction: SignedTransaction, error: InvalidTxError) -> None:
        self.rejected[transaction.hash] = error
        if len(self.rejected) > _REJECTED_KEPT:
            self.rejected.pop(next(iter(self.rejected)))

    def _process(self, receipt: Receipt, block: Block) -> None:
        made_before = len(self.runtime.outgoing)
        self.runtime.process(receipt, block)
        for made in self.runtime.outgoing[made_before:]:
            if isinstance(made, DataReceipt):
                self.data_receipts[made.id] = made
            else:
                self.receipts[made.id] = made

    def _append(self, block: Block) -> None:
        self.runtime.state.close_block(block.height)
        self.blocks[block.height] = block
        self.heights[block.hash] = block.height
        self.outcomes.update((outcome.id, outcome) for outcome in block.outcomes)
        self.head = block
        self._collect_garbage()

    def _collect_garbage(self) -> None:
        """Drop the blocks of the epochs that are too old to be kept."""
        while len(self.before) > self.head.ordinal - self.block_at(self.final_height()).ordinal:
            self.before.popleft()
        first_kept = (self.head.epoch + 1 - fees.EPOCHS_KEPT) * self.config.epoch_blocks
        while self.earliest.height < first_kept:
            self._forget(self.blocks.popitem(last=False)[1])
            self.runtime.state.forget(self.earliest.height)
        if len(self.heights) > fees.VALIDITY_BLOCKS + 1:
            self.heights.popitem(last=False)

    def _forget(self, old: Block) -> None:
        for transaction_hash in old.transactions:
            self.included.pop(transaction_hash, None)
        for outcome in old.outcomes:
            self.outcomes.pop(outcome.id, None)
            self.receipts.pop(outcome.id, None)
        for receipt in old.incoming:
            self.data_receipts.pop(receipt.id, None)

    @property
    def is_idle(self) -> bool:
        """Whether the next block would be empty."""
        return not (self.mempool or self.delayed or self.runtime.outgoing)

    # looking blocks up

    def final_height(self, finality: Finality = "final") -> int:
        """The height of the newest block of this finality."""
        if finality == "optimistic":
            return self.head.height
        head = self.head
        return (head.last_final if finality == "final" else head.last_near_final).height

    def block_at(self, height: int) -> Block:
        """The block at a height; raises UnknownBlockError or GarbageCollectedError."""
        block = self.blocks.get(height)
        if block is not None:
            return block
        if height < self.earliest.height:
            for block_hash, at_height in self.heights.items():
                if at_height == height:
                    raise GarbageCollectedError(height, block_hash)
        raise UnknownBlockError(height)

    def block_of(self, block_hash: str) -> Block:
        """The block of a hash; raises UnknownBlockError or GarbageCollectedError."""
        if block_hash not in self.heights:
            raise UnknownBlockError(block_hash)
        return self.block_at(self.heights[block_hash])

    @property
    def earliest(self) -> Block:
        """The oldest block that is kept."""
        return self.blocks[next(iter(self.blocks))]

    # transactions

    def submit(self, transaction: SignedTransaction) -> None:
        """Check a transaction and put it into the mempool; raises InvalidTxError."""
        if transaction.hash in self.included or transaction.hash in self.mempool:
            return
        self.check(transaction)
        self.rejected.pop(transaction.hash, None)
        self.mempool[transaction.hash] = transaction

    def check(self, transaction: SignedTransaction) -> None:
        """Raise InvalidTxError when the next block could not include the transaction."""
        self.check_block_hash(transaction.block_hash)
        check_form(transaction)
        charge(transaction, self.runtime.state, self.head.height + 1, self.gas_price)

    def check_block_hash(self, block_hash: str) -> None:
        """Raise InvalidTxError when a transaction's block hash is unknown or too old."""
        height = self.heights.get(block_hash)
        if height is None or self.head.height - height > fees.VALIDITY_BLOCKS:
            raise InvalidTxError("Expired")

    # development

    def copy(self) -> "Chain":
        """An independent copy, for a snapshot; all that blocks hold is constant and shared."""
        copied = object.__new__(Chain)
        copied.config, copied.genesis, copied.head = self.config, self.genesis, self.head
        copied.clock_offset, copied.pinned = self.clock_offset, self.pinned
        copied.heights_to_skip, copied.chunks_to_miss = self.heights_to_skip, self.chunks_to_miss
        copied.gas_price, copied.before = self.gas_price, self.before.copy()
        copied.runtime = self.runtime.copy()
        copied.delayed = self.delayed.copy()
        copied.mempool = dict(self.mempool)
        copied.rejected = dict(self.rejected)
        copied.blocks = self.blocks.copy()
        copied.heights = self.heights.copy()
        copied.included = dict(self.included)
        copied.outcomes = dict(self.outcomes)
        copied.receipts = dict(self.receipts)
        copied.data_receipts = dict(self.data_receipts)
        return copied
