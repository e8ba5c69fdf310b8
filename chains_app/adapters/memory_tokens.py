"""Tokens of the in-memory chain: what a lock of one needs before it, and what that costs."""

from dataclasses import dataclass
from typing import Final

from chains_app.locks import Call
from chains_app.tokens import TokenSpec

UNLIMITED: Final = 2**256 - 1  # an allowance that locks do not use up


@dataclass(frozen=True)
class MemoryToken:
    """A token's behaviour: it `needs_approval` as an ERC-20 does (`approve_zero_first` as well), or
    `needs_preparation` as a NEP-141 on the HTLC: registered receivers, and prepared locks.

    `registration` and `storage`: what these take of the native coin. `takes_orders`: its locks may
    be made by its depositors' signed orders.
    """

    decimals: int = 6
    needs_approval: bool = False
    approve_zero_first: bool = False
    needs_preparation: bool = False
    registration: int = 0
    storage: int = 0
    takes_orders: bool = False

    @property
    def preliminaries(self) -> tuple[Call, ...]:
        """What may have to come before a lock."""
        approvals = (Call.APPROVE,) if self.needs_approval else ()
        zero = (Call.APPROVE_ZERO,) if self.approve_zero_first else ()
        prepared = (Call.REGISTER, Call.PREPARE) if self.needs_preparation else ()
        return (*zero, *approvals, *prepared)

    def deposit(self, call: Call) -> int:
        """The native coin that a call takes along."""
        return {Call.REGISTER: self.registration, Call.PREPARE: self.storage}.get(call, 0)

    def spec(self, name: str, fee: int) -> TokenSpec:
        """As the registry declares it."""
        calls = [Call.LOCK, Call.WITHDRAW, Call.REFUND, Call.REFUND_EARLY, Call.PAY, Call.REPAY]
        calls += [Call.LOCK_FOR] if self.takes_orders else []
        return TokenSpec(
            symbol=name.upper(),
            token=name,
            decimals=self.decimals,
            gas=dict.fromkeys((*calls, *self.preliminaries), fee),
            deposits={call: self.deposit(call) for call in self.preliminaries},
            approve_zero_first=self.approve_zero_first,
        )


PLAIN: Final = MemoryToken()  # a token that nobody declared: it asks for nothing
