"""When to look at a session again: the instants at which time alone changes `next_step`'s answer.

Each deadline counts in its own clock (rule 11), so a chain that lags is waited for as long as it
lags, and one that passed by the wall clock alone is not forgotten.
"""

from collections.abc import Iterator
from typing import Final

from orchestrator.kernel.clock import Seconds
from sessions_app.domain.filled import Filled, filled
from sessions_app.domain.snapshot import Leg, Snapshot
from sessions_app.domain.states import ENDS, Status

LONGEST_WAIT: Final = 600  # seconds; an open session is looked at this often, whatever was missed
SHORTEST_WAIT: Final = 1
_WAITS_FOR_FRESH_CHAINS = {Status.SOURCE_LOCKED, Status.BOTH_LOCKED}


def wake_at(facts: Snapshot) -> Seconds | None:
    """The wall time at which to look again; None when only a reorganisation can change it."""
    if facts.status in ENDS:
        return None
    pauses = [instant - clock for instant, clock in _timers(facts) if clock < instant]
    has_an_order = facts.status is Status.SOURCE_LOCKING and facts.order_is_held
    waits = facts.status in _WAITS_FOR_FRESH_CHAINS or has_an_order
    if waits and not facts.chains_are_fresh:
        pauses.append(SHORTEST_WAIT)
    shortest = min(pauses, default=LONGEST_WAIT)
    return Seconds(facts.clocks.wall + min(max(shortest, SHORTEST_WAIT), LONGEST_WAIT))


def _timers(facts: Snapshot) -> Iterator[tuple[int, int]]:
    """Each instant that can change the answer, with the time of the clock that it counts in."""
    after_the_fill = filled(facts)
    if after_the_fill is None:
        yield facts.expires_at, facts.clocks.wall
        return
    yield from _deadlines(after_the_fill)
    yield from _never_locked(after_the_fill.source)
    yield from _never_locked(after_the_fill.destination)


def _deadlines(s: Filled) -> Iterator[tuple[int, int]]:
    facts, d = s.facts, s.deadlines
    yield d.accept_by + facts.clock_slack + 1, facts.clocks.source_head
    yield d.destination_lock_by + 1, facts.destination_now
    yield d.destination_timelock - facts.guard_distance + 1, facts.destination_now
    yield d.destination_timelock, facts.clocks.destination_head
    yield d.last_safe_source_withdrawal, facts.source_now
    yield d.source_timelock, facts.clocks.source_head


def _never_locked(leg: Leg) -> Iterator[tuple[int, int]]:
    if not leg.is_seen:
        yield leg.lock_by + 1, leg.final_time
