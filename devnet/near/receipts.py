"""Receipts, the outcomes of running them, and the block that collects both."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from devnet.near.account_id import SYSTEM
from devnet.near.actions import Action, Transfer
from devnet.near.crypto import SYSTEM_KEY, ZERO_HASH, hash_of
from devnet.near.state import Change


class ActionReceipt(NamedTuple):
    """Actions on their way to `receiver_id`; they wait until all `input_data_ids` have come.

    `output_receivers` are the (data id, account) pairs to whom the result is sent.
    """

    id: str
    predecessor_id: str
    receiver_id: str
    signer_id: str
    signer_public_key: str
    gas_price: int
    actions: tuple[Action, ...]
    output_receivers: tuple[tuple[str, str], ...] = ()
    input_data_ids: tuple[str, ...] = ()

    @property
    def is_refund(self) -> bool:
        """Whether the runtime itself sent it."""
        return self.predecessor_id == SYSTEM


class DataReceipt(NamedTuple):
    """The result of a receipt, on its way to one that waits for it; None when it failed."""

    id: str
    predecessor_id: str
    receiver_id: str
    data_id: str
    data: bytes | None


Receipt = ActionReceipt | DataReceipt


def deposit_refund(receipt_id: str, receiver_id: str, amount: int) -> ActionReceipt:
    """Yocto that go back to the sender of a receipt that failed."""
    transfer = (Transfer(amount),)
    return ActionReceipt(receipt_id, SYSTEM, receiver_id, SYSTEM, SYSTEM_KEY, 0, transfer)


def gas_refund(receipt_id: str, signer_id: str, public_key: str, amount: int) -> ActionReceipt:
    """Yocto for gas that was bought and not burnt; the key's allowance grows with it."""
    transfer = (Transfer(amount),)
    return ActionReceipt(receipt_id, SYSTEM, signer_id, signer_id, public_key, 0, transfer)


class Outcome(NamedTuple):
    """What became of a transaction or receipt; `status` is nearcore's ExecutionStatusView."""

    id: str
    block_hash: str
    block_height: int
    executor_id: str
    status: Any
    logs: tuple[str, ...]
    receipt_ids: tuple[str, ...]
    gas_burnt: int
    tokens_burnt: int

    @property
    def failure(self) -> Any:
        """The error of a failed one, else None."""
        return self.status.get("Failure")


class BlockId(NamedTuple):
    """A block that another one refers to."""

    height: int
    hash: str


_NONE_YET = BlockId(0, ZERO_HASH)


@dataclass
class Block:
    """A block and what happened in it; complete and constant once it is part of the chain.

    `last_final` and `last_near_final` are the newest blocks that this one makes final, and nearly
    so. A block that lacks a chunk of its own shows that of an earlier block: `older_chunk`.
    """

    height: int
    hash: str
    timestamp: int
    total_supply: int
    gas_price: int
    epoch: int = 0
    ordinal: int = 1
    prev: BlockId | None = None
    last_final: BlockId = _NONE_YET
    last_near_final: BlockId = _NONE_YET
    older_chunk: "Block | None" = None
    transactions: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    incoming: list[Receipt] = field(default_factory=list)  # made by the chunk before
    gas_used: int = 0
    balance_burnt: int = 0
    ids_made: int = 0

    @property
    def id(self) -> BlockId:
        """Its height and hash."""
        return BlockId(self.height, self.hash)

    @property
    def prev_hash(self) -> str:
        """The hash of the block before it; the first block has none."""
        return self.prev.hash if self.prev else ZERO_HASH

    @property
    def with_chunk(self) -> "Block":
        """The block whose chunk this one shows: itself, or an earlier one."""
        return self.older_chunk or self

    def new_id(self, parent: str) -> str:
        """A fresh id for a receipt or data that follows from `parent`."""
        self.ids_made += 1
        return hash_of(parent.encode(), self.hash.encode(), self.ids_made.to_bytes(8, "little"))

    def add(self, outcome: Outcome) -> None:
        """Record an outcome and count its gas."""
        self.outcomes.append(outcome)
        self.gas_used += outcome.gas_burnt

    def burn(self, amount: int) -> None:
        """Count yocto that leave the supply."""
        self.balance_burnt += amount
        self.total_supply -= amount
