"""What the escrow has to do, said a second time: a model without receipts, gas or storage."""

from collections import Counter
from dataclasses import dataclass, field

from tests.contracts.near.interface import (
    FT_ATTEMPTS_COST,
    REFUNDED_COST,
    STORAGE_DEPOSIT,
    WITHDRAWN_COST,
    Lock,
)

OWED = {"owed_to_beneficiary": "withdrawn", "owed_to_depositor": "refunded"}


@dataclass
class ModelLock:
    """A lock with its times in whole hours since the model's start."""

    lock: Lock
    lock_by: int
    timelock: int
    payer: str
    state: str
    secret: bytes
    secret_shown: bool = False

    @property
    def is_live(self) -> bool:
        """Not ended: it still has its whole storage deposit."""
        return self.state not in ("withdrawn", "refunded")

    @property
    def holds(self) -> int:
        """The amount that the escrow owes to somebody."""
        return self.lock.amount if self.state in ("open", *OWED) else 0

    @property
    def receiver(self) -> str:
        """Whom a decided lock pays."""
        to_beneficiary = self.state == "owed_to_beneficiary"
        return self.lock.beneficiary if to_beneficiary else self.lock.depositor


@dataclass
class Model:
    """Expected balances beside the escrow's own, and every lock."""

    near: Counter[str]
    tokens: Counter[str]
    registered: set[str]
    hour: int = 0
    locks: dict[str, ModelLock] = field(default_factory=dict)
    used: set[tuple[str, str | None, str]] = field(default_factory=set)

    def admits(self, made: ModelLock) -> bool:
        """Whether a lock may still come to be."""
        is_new = made.lock.id() not in self.locks and index(made.lock) not in self.used
        return is_new and self.hour <= made.lock_by

    def make(self, made: ModelLock) -> None:
        """Takes a new lock, whose payer pays for its storage, and for a native one the amount."""
        self.locks[made.lock.id()] = made
        self.near[made.payer] -= STORAGE_DEPOSIT
        if made.state == "open":
            self.near[made.payer] -= made.lock.amount
            self.used.add(index(made.lock))

    def fund(self, made: ModelLock, sender: str, amount: int) -> bool:
        """Opens a prepared lock with tokens, if they are exactly its own."""
        fits = made.state == "prepared" and self.hour <= made.lock_by
        fits = fits and (sender, amount) == (made.lock.depositor, made.lock.amount)
        if not fits or index(made.lock) in self.used or self.tokens[sender] < amount:
            return False
        self.tokens[sender] -= amount
        self.used.add(index(made.lock))
        made.state = "open"
        return True

    def withdraw(self, made: ModelLock, *, fits: bool) -> bool:
        """Decides for the beneficiary."""
        if made.state != "open" or not fits or self.hour >= made.timelock:
            return False
        made.state, made.secret_shown = "owed_to_beneficiary", True
        self.pay(made)
        return True

    def refund(self, made: ModelLock, *, early_by: str | None = None) -> bool:
        """Decides for the depositor, in time or by the beneficiary."""
        allowed = self.hour >= made.timelock
        if early_by is not None:
            allowed = early_by == made.lock.beneficiary
        if made.state != "open" or not allowed:
            return False
        made.state = "owed_to_depositor"
        self.pay(made)
        return True

    def pay(self, made: ModelLock) -> bool:
        """Pays a decided lock if its receiver can be paid; false when there was nothing to try."""
        if made.state not in OWED:
            return False
        balances = self.near if made.lock.token is None else self.tokens
        exists = self.near if made.lock.token is None else self.registered
        if made.receiver in exists:
            balances[made.receiver] += made.lock.amount
            made.state = OWED[made.state]
            self.near[made.payer] += STORAGE_DEPOSIT - kept(made)
        return True

    def remove(self, made: ModelLock) -> bool:
        """Gives up a lock that was never funded."""
        if made.state != "prepared" or self.hour <= made.lock_by:
            return False
        del self.locks[made.lock.id()]
        self.near[made.payer] += STORAGE_DEPOSIT
        made.state = "removed"
        return True

    def obligations(self) -> int:
        """The yocto that the escrow needs beyond what it had at the beginning."""
        native = sum(made.holds for made in self.locks.values() if made.lock.token is None)
        return native + sum(
            STORAGE_DEPOSIT if made.is_live else kept(made) for made in self.locks.values()
        )

    def tokens_held(self) -> int:
        """The tokens that the escrow has to hold, to the unit."""
        return sum(made.holds for made in self.locks.values() if made.lock.token is not None)


def index(lock: Lock) -> tuple[str, str | None, str]:
    """What a depositor uses up."""
    return lock.depositor, lock.token, lock.hashlock


def kept(made: ModelLock) -> int:
    """The yocto of an ended lock's storage deposit that stay in the escrow."""
    ended = WITHDRAWN_COST if made.state == "withdrawn" else REFUNDED_COST
    return ended + (0 if made.lock.token is None else FT_ATTEMPTS_COST)
