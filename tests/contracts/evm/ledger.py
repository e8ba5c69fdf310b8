"""What the contracts should do, as plain bookkeeping: the model of the property test."""

from collections import Counter
from dataclasses import dataclass

from tests.contracts.evm.chain import NAMELESS, NATIVE
from tests.contracts.evm.locks import Lock, State, hash_of


@dataclass
class Entry:
    """One lock that was made: where its money lies, how it stands, what it has been through."""

    lock: Lock
    escrow: str
    state: State = State.OPEN
    secret_in_time: bool = False
    payouts: int = 0


class Ledger:
    """Every unit of every asset and every lock. Each method returns the refusal's name, or ""."""

    def __init__(self) -> None:
        self.units: Counter[tuple[str, str]] = Counter()  # (token, holder)
        self.entries: dict[str, Entry] = {}  # by escrow
        self.blocked: set[tuple[str, str]] = set()  # (token, receiver)
        self.now = 0

    def move(self, token: str, sender: str, receiver: str, amount: int) -> None:
        """Move units from one holder to another."""
        self.units[token, sender] -= amount
        self.units[token, receiver] += amount

    def create(self, lock: Lock, escrow: str) -> str:
        """A depositor with enough units locks them."""
        if lock.amount == 0:
            return "ZeroAmount"
        if self.now > lock.lock_by:
            return "LockByPassed"
        if lock.lock_by > lock.timelock:
            return "LockByAfterTimelock"
        if escrow in self.entries:
            return "LockExists"
        self.entries[escrow] = Entry(lock, escrow)
        self.move(lock.token, lock.depositor, escrow, lock.amount)
        return ""

    def withdraw(self, entry: Entry, secret: bytes) -> str:
        """Anybody shows a secret."""
        if entry.state != State.OPEN:
            return "NotOpen"
        if self.now >= entry.lock.timelock:
            return "TimelockPassed"
        if hash_of(secret) != entry.lock.hashlock:
            return "WrongSecret"
        entry.secret_in_time = True
        self._pay(entry, entry.lock.beneficiary)
        return ""

    def cancel(self, entry: Entry) -> str:
        """Anybody asks for the refund."""
        if entry.state != State.OPEN:
            return "NotOpen"
        if self.now < entry.lock.timelock:
            return "TimelockNotReached"
        self._pay(entry, entry.lock.depositor, refund=True)
        return ""

    def cancel_by_beneficiary(self, entry: Entry, caller: str) -> str:
        """`caller` gives the money back."""
        if entry.state != State.OPEN:
            return "NotOpen"
        if caller != entry.lock.beneficiary:
            return "OnlyBeneficiary"
        self._pay(entry, entry.lock.depositor, refund=True)
        return ""

    def pay(self, entry: Entry) -> str:
        """Anybody asks for a payout that failed before."""
        if entry.state not in (State.OWED_TO_BENEFICIARY, State.OWED_TO_DEPOSITOR):
            return "NothingOwed"
        refund = entry.state == State.OWED_TO_DEPOSITOR
        to = entry.lock.depositor if refund else entry.lock.beneficiary
        self._pay(entry, to, refund=refund)
        return "PayoutFailed" if (entry.lock.token, to) in self.blocked else ""

    def donate(self, token: str, donor: str, escrow: str, amount: int) -> str:
        """Units are given to an escrow's address; once it exists it takes no ether."""
        if token == NATIVE and escrow in self.entries:
            return NAMELESS
        self.move(token, donor, escrow, amount)
        return ""

    def _pay(self, entry: Entry, to: str, *, refund: bool = False) -> None:
        if (entry.lock.token, to) in self.blocked:
            entry.state = State.OWED_TO_DEPOSITOR if refund else State.OWED_TO_BENEFICIARY
            return
        entry.state = State.REFUNDED if refund else State.WITHDRAWN
        entry.payouts += 1
        self.move(entry.lock.token, entry.escrow, to, entry.lock.amount)
