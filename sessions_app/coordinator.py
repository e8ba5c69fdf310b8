"""Drives sessions: reads the stored facts of a batch, asks `next_step`, commits what it answers.

No I/O but the database (rule 8); what a fill must know of our balances is asked before.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from auctions_app.market import current_market
from auctions_app.reservations import hold_gas, release_gas, release_reservation
from orchestrator.kernel.clock import Seconds, instant, seconds, wall_clock
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.queries import Given, IsAmong, Select
from sessions_app.alarming import Overdue, attention_for, overdue_duties, set_attention, tell
from sessions_app.binding import Evidence
from sessions_app.domain.attention import Attention
from sessions_app.domain.filled import Filled, filled
from sessions_app.domain.plan import next_step
from sessions_app.domain.snapshot import Snapshot
from sessions_app.domain.states import Status
from sessions_app.domain.timers import wake_at
from sessions_app.filling import Readings, chains_of, read_chains, try_to_fill
from sessions_app.lifecycle import Commit, claim_due, lock_sessions
from sessions_app.models import Session

log = structlog.get_logger(__name__)

BATCH: Final = 100
_SET_ASIDE: Final = timedelta(seconds=30)  # until a session that failed alone is tried again
_STATES: Final = Session.objects.values_list("status", "quote__route_id").distinct()
_DUE: Final = Select(lambda: _STATES.filter(wake_at__lte=Given("now")))
_OF_THESE: Final = Select(lambda: _STATES.filter(IsAmong(F("id"), Given("ids"))))
_STEPS: Final = 20  # more moves at once than any life has


class NoRestError(OrchestratorError):
    """The machine moves in circles on the same facts; a fault of ours, nothing was written."""

    code = "no_rest"


def advance(session_ids: Iterable[UUID]) -> int:
    """Drive these sessions as far as their facts allow; returns how many it could.

    A batch that fails is tried one by one, so that one bad row does not stop the others.
    """
    ids = sorted(set(session_ids))
    done = 0
    for start in range(0, len(ids), BATCH):
        done += _advance_or_set_aside(ids[start : start + BATCH])
    return done


def advance_due() -> int:
    """Drive a batch of sessions whose time has come, but for those that others hold."""
    now = instant(wall_clock())
    claimed: list[UUID] = []

    def claim() -> list[Session]:
        sessions = claim_due(now, BATCH)
        claimed.extend(session.id for session in sessions)
        return sessions

    try:
        due = _DUE.all(now=now)
        return _advance_batch(claim, _readings_for(due)) if due else 0
    except Exception:
        log.exception("batch_failed", sessions=len(claimed))
        return sum(_advance_or_set_aside([each]) for each in claimed)


def _advance_or_set_aside(ids: list[UUID]) -> int:
    try:
        readings = _readings_for(_OF_THESE.all(ids=ids))
        return _advance_batch(partial(lock_sessions, ids), readings)
    except Exception:
        if len(ids) > 1:
            log.exception("batch_failed", sessions=len(ids))
            return sum(_advance_or_set_aside([each]) for each in ids)
        log.exception("session_set_aside", session_id=str(ids[0]))
        _set_aside(ids[0])
        return 0


def _readings_for(states: Iterable[tuple[str, str]]) -> Readings:
    """What the fills of sessions that wait for one must know; asked before any transaction.

    `states`: the sessions' statuses, each with its route.
    """
    waiting = {route_id for status, route_id in states if status == Status.EXECUTING.value}
    return read_chains(chains_of(waiting))


@transaction.atomic
def _advance_batch(claim: Callable[[], list[Session]], readings: Readings) -> int:
    sessions = claim()
    if sessions:
        advance_locked(sessions, readings)
    return len(sessions)


def advance_locked(sessions: list[Session], readings: Readings) -> None:
    """Drive sessions whose rows the caller's transaction has locked, and write them."""
    now = wall_clock()
    evidence = Evidence.gather(sessions, now)
    commit, overdue = Commit(instant(now)), overdue_duties(sessions, evidence)
    for session in sessions:
        _drive(session, evidence, readings, commit, overdue)
    commit.write(sessions)


def _drive(
    session: Session, evidence: Evidence, readings: Readings, commit: Commit, overdue: Overdue
) -> None:
    """Move a session until it rests; then plan what is due, and when to look again."""
    for _ in range(_STEPS):
        evidence.bind(session)
        facts = evidence.snapshot(session)
        step, legs = next_step(facts), evidence.legs.get(session.id, {})
        if step.move_to is not None:
            if not commit.move(session, step, legs) or step.void:  # writes are others by now
                evidence = Evidence.gather([session], evidence.now)
            continue
        if facts.status is Status.EXECUTING:
            ask_again = _try_to_fill(session, readings, evidence.now)
            if ask_again is None:
                evidence = Evidence.gather([session], evidence.now)
                continue
            session.wake_at = instant(ask_again)
            return
        commit.stop(step.stop, legs, evidence.writes)
        commit.plan(session, step.actions, legs, evidence.writes)
        set_attention(session, attention_for(session, step, overdue), evidence)
        _rest(session, facts, evidence)
        return
    raise NoRestError(f"{session.id} does not come to rest from {session.status}")


def _try_to_fill(session: Session, readings: Readings, now: Seconds) -> Seconds | None:
    """As `try_to_fill`; where the route was taken out nobody fills, and the auction runs out."""
    if session.quote.route_id not in current_market().routes:
        return seconds(session.expires_at)
    return try_to_fill(session, readings, now)


def _rest(session: Session, facts: Snapshot, evidence: Evidence) -> None:
    after_the_fill = filled(facts)
    if after_the_fill is not None:
        heads = {chain: clock.head_time for chain, clock in evidence.clocks.items()}
        _end_reservation(session, after_the_fill, heads)
    wakes = wake_at(facts)
    session.wake_at = None if wakes is None else instant(wakes)


def _end_reservation(session: Session, facts: Filled, heads: Mapping[str, Seconds]) -> None:
    """Our lock's part when it is final or not to be; gas when it can't be needed any more, and it
    is held again when a reorganisation takes that back.
    """
    if session.is_reserved and facts.needs_no_reservation:
        was_made = facts.destination.is_seen
        release_reservation(session_id=session.id, heads=heads if was_made else None)
        session.is_reserved, session.holds_gas = False, True
    if session.is_reserved or session.holds_gas is not facts.needs_no_gas:
        return
    session.holds_gas = not session.holds_gas
    if session.holds_gas:
        hold_gas(session_id=session.id)
    else:
        release_gas(session_id=session.id, heads=heads)


def _set_aside(session_id: UUID) -> None:
    """Try it again later, alone, and show it to a person meanwhile."""
    now = instant(wall_clock())
    row = Session.objects.filter(id=session_id)
    row.update(wake_at=now + _SET_ASIDE)
    reason = Attention.ADVANCE_FAILED
    if row.exclude(attention=reason).update(attention=reason, attention_since=now):
        tell(session_id, reason)
