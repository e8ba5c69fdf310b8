"""Chain facts to sessions: what the chains showed of a session's legs, as the machine sees it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import F

from chains_app.locks import Call, LockState
from chains_app.models import IntentStatus
from chains_app.registry import get_chain
from chains_app.selectors import (
    ChainClock,
    LegFacts,
    Write,
    known_of,
)
from orchestrator.kernel.clock import Seconds, seconds
from orchestrator.kernel.hashlock import Secret, fits
from orchestrator.queries import Given, IsAmong, Select
from sessions_app.domain.snapshot import Leg as Sight
from sessions_app.domain.snapshot import Snapshot
from sessions_app.domain.timelocks import Clocks, Head, is_stale
from sessions_app.models import Leg, Role, Session

FACTS_AGE: Final = 10  # seconds; the most that facts may be old when something first leaves us
_LEGS: Final = Select(lambda: Leg.objects.filter(IsAmong(F("session_id"), Given("sessions"))))
_UNREAD: Final = LegFacts(
    head=LockState.ABSENT,
    final=LockState.ABSENT,
    final_time=Seconds(0),
    head_paid=False,
    final_paid=False,
    first_seen_time=None,
    stood_finally=False,
    preimage=None,
    is_doubted=False,
)

Legs = Mapping[Role, Leg]


@dataclass(frozen=True)
class Evidence:
    """All stored facts about a batch of sessions, read in a few queries at the wall time `now`."""

    now: Seconds
    legs: Mapping[UUID, Legs]
    facts: Mapping[UUID, LegFacts]
    left: Mapping[UUID, set[Call]]
    writes: Mapping[tuple[UUID, Call], Write]
    clocks: Mapping[str, ChainClock]

    @classmethod
    def gather(cls, sessions: Iterable[Session], now: Seconds) -> "Evidence":
        """Read it; the sessions' rows should be locked for what is decided on it."""
        legs: dict[UUID, dict[Role, Leg]] = defaultdict(dict)
        for leg in _LEGS.all(sessions=[session.pk for session in sessions]):
            legs[leg.session_id][Role(leg.role)] = leg
        references = [leg.id for both in legs.values() for leg in both.values()]
        known = known_of(references)
        return cls(now, legs, known.facts, known.left, known.writes, known.clocks)

    def bind(self, session: Session) -> None:
        """Keep with the session what a reorganisation does not undo."""
        legs, deadlines = self.legs.get(session.id), session.fixed_deadlines
        if not legs or deadlines is None:
            return
        seen_at = self._of(legs[Role.SOURCE]).first_seen_time
        session.source_seen_in_time |= seen_at is not None and seen_at <= deadlines.accept_by
        session.secret_is_shown |= any(self._is_opened(leg) for leg in legs.values())

    def snapshot(self, session: Session, *, age: int | None = None) -> Snapshot:
        """The session's facts; `age`: the most seconds that a head may not have advanced for,
        where the chain's own bound is not strict enough.
        """
        legs, policy = self.legs.get(session.id, {}), session.timelock_policy
        expires_at = seconds(session.expires_at)
        if Role.DESTINATION not in legs:
            return self._before_the_fill(session, expires_at, legs.get(Role.SOURCE), age)
        source, destination = legs[Role.SOURCE], legs[Role.DESTINATION]
        left = self.left.get(destination.id, set())
        seen = self._sight(destination).is_seen
        return Snapshot(
            status=session.state,
            clocks=Clocks(self.now, self._head(source).time, self._head(destination).time),
            chains_are_fresh=self._are_fresh(source, destination, policy.clock_slack, age),
            expires_at=expires_at,
            is_executed=session.is_executed,
            cancel_requested=session.cancel_requested,
            order_is_held=session.signed_order is not None,
            deadlines=session.fixed_deadlines,
            source=self._sight(source),
            destination=self._sight(destination),
            guard_distance=policy.guard_distance,
            margin=policy.margin,
            clock_slack=policy.clock_slack,
            source_seen_in_time=session.source_seen_in_time,
            liquidity_is_reserved=session.is_reserved,
            destination_lock_left=Call.LOCK in left or seen,  # a lock of ours that stands has left
            secret_is_held=session.secret_id is not None,
            secret_left=Call.WITHDRAW in left,
            payout_is_refused=session.payout_is_refused,
            secret_is_shown=session.secret_is_shown,
            source_is_repaid=self._is_repaid(source),
        )

    def _before_the_fill(
        self, session: Session, expires_at: Seconds, source: Leg | None, age: int | None
    ) -> Snapshot:
        """`source`: of a gasless session, whose lock may come before its fill, or without one."""
        source_head = self.now if source is None else self._head(source).time
        slack = session.timelock_policy.clock_slack
        return Snapshot(
            status=session.state,
            clocks=Clocks(self.now, source_head, self.now),
            chains_are_fresh=source is None or not self._is_stale(source, source, slack, age),
            expires_at=expires_at,
            is_executed=session.is_executed,
            cancel_requested=session.cancel_requested,
            deadlines=session.fixed_deadlines,
            source=None if source is None else self._sight(source),
            source_is_repaid=source is not None and self._is_repaid(source),
        )

    def _is_repaid(self, source: Leg) -> bool:
        """What was withdrawn to us went to the maker, finally."""
        facts, repayment = self._of(source), self.writes.get((source.id, Call.REPAY))
        is_done = repayment is not None and repayment.status is IntentStatus.DONE
        return is_done and LockState.WITHDRAWN in (facts.head, facts.final)

    def _of(self, leg: Leg) -> LegFacts:
        return self.facts.get(leg.id, _UNREAD)

    def _sight(self, leg: Leg) -> Sight:
        facts, terms = self._of(leg), leg.lock_terms
        return Sight(
            terms.lock_by,
            terms.timelock,
            facts.head,
            facts.final,
            facts.final_time,
            facts.stood_finally,
            facts.final_paid,
            facts.is_doubted,
        )

    def _is_opened(self, leg: Leg) -> bool:
        preimage, terms = self._of(leg).preimage, leg.lock_terms
        function = get_chain(terms.chain).hash_function
        return preimage is not None and fits(Secret(preimage), terms.hashlock, function)

    def _head(self, leg: Leg) -> Head:
        clock = self.clocks.get(leg.lock_terms.chain)
        if clock is None or clock.advanced_at is None:
            return Head(Seconds(0), Seconds(0))
        return Head(clock.head_time, seconds(clock.advanced_at))

    def _are_fresh(self, source: Leg, destination: Leg, slack: int, age: int | None) -> bool:
        return not any(
            self._is_stale(leg, other, slack, age)
            for leg, other in ((source, destination), (destination, source))
        )

    def _is_stale(self, leg: Leg, other: Leg, slack: int, age: int | None) -> bool:
        stale_after = get_chain(leg.lock_terms.chain).stale_after
        if stale_after is None:
            return False
        bound = stale_after if age is None else min(age, stale_after)
        return is_stale(self._head(leg), self._head(other), self.now, bound, slack)
