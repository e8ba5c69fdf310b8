"""A lock as every chain knows it: its terms, how it stands, and what can be done to it."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Self

from orchestrator.kernel.clock import Seconds


class LockState(Enum):
    """How a proved lock stands. Decided counts as done; whether it is paid is said beside it."""

    ABSENT = "absent"
    OPEN = "open"
    WITHDRAWN = "withdrawn"
    REFUNDED = "refunded"

    @property
    def is_decided(self) -> bool:
        """Whether the money is owed to one party for ever."""
        return self in (LockState.WITHDRAWN, LockState.REFUNDED)


class Call(Enum):
    """A contract's methods, under the same names on every chain; then a token lock's preliminaries.

    LOCK_FOR makes a lock for its depositor, who signed an order. REPAY is a plain transfer: what a
    lock paid to us, its beneficiary, goes to its depositor. APPROVE lets the contract move the
    depositor's token, after APPROVE_ZERO where the token wants that first; REGISTER makes the
    beneficiary an account of the token; PREPARE binds the lock's terms and pays for their storage.
    """

    LOCK = "lock"
    LOCK_FOR = "lock_for"
    WITHDRAW = "withdraw"
    REFUND = "refund"
    REFUND_EARLY = "refund_early"
    PAY = "pay"
    REPAY = "repay"
    APPROVE_ZERO = "approve_zero"
    APPROVE = "approve"
    REGISTER = "register"
    PREPARE = "prepare"


# What may have to be written before a lock, for the lock's own depositor.
PRELIMINARIES: Final = (Call.APPROVE_ZERO, Call.APPROVE, Call.REGISTER, Call.PREPARE)


@dataclass(frozen=True)
class LockTerms:
    """One leg's terms, fixed in the session's snapshot; the lock's id or address follows from them.

    `chain` is the registry's name of the chain, `contract` the escrow factory or HTLC account,
    `token` None for the native coin, `amount` base units, instants in seconds (adapters convert).
    """

    chain: str
    contract: str
    depositor: str
    beneficiary: str
    token: str | None
    amount: int
    hashlock: bytes
    lock_by: Seconds
    timelock: Seconds

    def to_json(self) -> dict[str, Any]:
        """For a JSON column: amounts as decimal strings, bytes as hex."""
        return {**vars(self), "amount": str(self.amount), "hashlock": self.hashlock.hex()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        amount, hashlock = int(stored["amount"]), bytes.fromhex(stored["hashlock"])
        return cls(**{**stored, "amount": amount, "hashlock": hashlock})


def native_value(call: Call, terms: LockTerms) -> int:
    """Base units of the native coin that a call moves out of its signer's account, fees aside."""
    moves = call in (Call.LOCK, Call.REPAY) and terms.token is None
    return terms.amount if moves else 0


@dataclass(frozen=True)
class Block:
    """A block's place: `time` in seconds of chain time, hashes in the chain's own notation."""

    height: int
    hash: str
    parent_hash: str
    time: Seconds


@dataclass(frozen=True)
class LockReading:
    """A lock's state read at one block, named by its hash (rule 7).

    `is_paid` is False while a decided payout is owed or in flight; `secret` where the chain keeps
    it readable (NEAR), None elsewhere (on EVM it stands in the withdrawal's event). `is_doubted`:
    what no two nodes tell, where two should; it counts at the head, and never as final.
    """

    state: LockState
    is_paid: bool
    secret: bytes | None
    block: Block
    is_doubted: bool = False
