"""A session after its fill, and what the rules ask of it (docs/rules.md)."""

from dataclasses import dataclass

from chains_app.locks import LockState
from sessions_app.domain.snapshot import Leg, Snapshot
from sessions_app.domain.states import Status
from sessions_app.domain.timelocks import Deadlines, ladder_holds

S = Status


@dataclass(frozen=True)
class Filled:
    """A snapshot after the fill: legs and deadlines are there."""

    facts: Snapshot
    deadlines: Deadlines
    source: Leg
    destination: Leg

    @property
    def destination_is_gone(self) -> bool:
        """Finally back with us, or never to be locked; else the source stays (rule 4)."""
        return (
            self.destination.final is LockState.REFUNDED
            or self.destination.can_never_be_locked
            or not self.facts.destination_lock_left
        )

    @property
    def is_lost_race(self) -> bool:
        """The maker has the destination for good and the source is beyond our reach."""
        return self.destination.final is LockState.WITHDRAWN and (
            self.source.final is LockState.REFUNDED or self.source.can_never_be_locked
        )

    @property
    def reveal_window_is_over(self) -> bool:
        """Closer to the destination's timelock than the guard allows (rule 3)."""
        return (
            self.facts.destination_now + self.facts.guard_distance
            > self.deadlines.destination_timelock
        )

    @property
    def reveal_objection(self) -> str | None:
        """Why the secret must not leave us now (rule 3); None when the guard agrees."""
        if not self.facts.chains_are_fresh:
            return "a chain's head is stale"
        if not self.source.is_open:
            return "the source lock is not open and final"
        if not self.destination.is_open:
            return "our lock is not open and final"
        if self.reveal_window_is_over:
            return "too late to reveal the secret"
        last_instant = self.deadlines.last_safe_source_withdrawal - self.facts.guard_distance
        if self.facts.source_now > last_instant:
            return "too close to the last safe withdrawal of the source"
        return None

    @property
    def is_too_late_for_our_lock(self) -> bool:
        """No time is left for it to be included, or the ladder fails (rule 2) on the timelocks that
        the chain showed. One that fails while a head lags may hold when that one has caught up; the
        guard signs nothing until then.
        """
        d, clocks = self.deadlines, self.facts.clocks
        holds = ladder_holds(
            self.source.timelock, self.destination.timelock, self.facts.margin, clocks
        )
        is_over = self.facts.destination_now > d.destination_lock_by
        return is_over or (self.facts.chains_are_fresh and not holds)

    @property
    def needs_no_reservation(self) -> bool:
        """Our lock is final, or no move leads to one any more."""
        return self.destination.final is not LockState.ABSENT or (
            self.destination_is_gone and self.facts.status not in _BEFORE_OUR_LOCK
        )

    @property
    def needs_no_gas(self) -> bool:
        """Nothing is left to withdraw or refund: each leg has ended finally, or holds nothing."""
        destination_is_over = self.destination_is_gone or self.destination.final.is_decided
        source_is_over = self.source.final.is_decided or not self.source.is_seen
        return destination_is_over and source_is_over


_BEFORE_OUR_LOCK = {S.EXECUTING, S.SOURCE_LOCKING, S.SOURCE_LOCKED, S.DESTINATION_LOCKING}


def filled(facts: Snapshot) -> Filled | None:
    """The facts as they stand after the fill; None before it."""
    if facts.deadlines is None or facts.source is None or facts.destination is None:
        return None
    return Filled(facts, facts.deadlines, facts.source, facts.destination)
