"""When a session is looked at again, though nothing happened to it."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.kernel.clock import Seconds
from sessions_app.domain.plan import next_step
from sessions_app.domain.snapshot import Snapshot
from sessions_app.domain.states import ENDS, Status
from sessions_app.domain.timers import LONGEST_WAIT, wake_at
from tests.unit.sessions.test_next_step import (
    ABSENT,
    BOTH_LOCKED,
    DEADLINES,
    FILL,
    LOCKING,
    OPEN,
    REFUNDED,
    REFUNDING,
    REVEALING,
    SOURCE_LOCKED,
    WITHDRAWN,
    clocks,
    destination,
    source,
)

FRESH = Snapshot(Status.INITIALIZED, clocks(FILL), True, expires_at=Seconds(FILL + 30))
WAITING = replace(SOURCE_LOCKED, status=Status.SOURCE_LOCKING, source=source(ABSENT, ABSENT))
D = DEADLINES


@pytest.mark.parametrize(
    ("facts", "instant"),
    [
        (FRESH, FILL + 30),
        (replace(WAITING, clocks=clocks(FILL)), D.source_lock_by + 1),
        (replace(WAITING, clocks=clocks(D.accept_by + 8)), D.accept_by + 11),
        (replace(REVEALING, clocks=clocks(D.destination_timelock)), D.last_safe_source_withdrawal),
        (replace(REFUNDING, clocks=clocks(D.last_safe_source_withdrawal)), D.source_timelock),
        (replace(REFUNDING, clocks=clocks(D.source_timelock)), D.source_timelock + LONGEST_WAIT),
    ],
)
def test_the_timer_wakes_at_the_next_deadline(facts: Snapshot, instant: int) -> None:
    assert wake_at(facts) == instant


def test_rule_11_a_refund_waits_for_a_chain_that_lags_and_is_not_forgotten() -> None:
    timelock = D.destination_timelock
    lagging = replace(REFUNDING, clocks=clocks(timelock + 2, destination=timelock - 3))
    assert next_step(lagging).actions == frozenset()
    assert wake_at(lagging) == timelock + 2 + 3


def test_rule_11_a_lock_that_never_came_waits_for_finality_and_is_not_forgotten() -> None:
    late = clocks(D.source_lock_by + 10)
    never = source(ABSENT, ABSENT, D.source_lock_by - 2)
    waiting = replace(WAITING, status=Status.TIMEOUT, source=never, clocks=late)
    assert wake_at(waiting) == late.wall + 3


ORDERED = replace(WAITING, order_is_held=True)


@pytest.mark.parametrize("facts", [SOURCE_LOCKED, BOTH_LOCKED, ORDERED])
def test_a_stale_chain_is_waited_for(facts: Snapshot) -> None:
    assert wake_at(replace(facts, chains_are_fresh=False)) == FILL + 11


@pytest.mark.parametrize("status", [status for status in Status if status in ENDS])
def test_an_ended_session_sleeps(status: Status) -> None:
    assert wake_at(replace(BOTH_LOCKED, status=status)) is None


LIVES: list[dict[str, Any]] = [
    {"source": source(ABSENT, ABSENT)},
    {"source": source(OPEN, ABSENT)},
    {"source": source(OPEN, OPEN)},
    {"destination": destination(OPEN, OPEN), "destination_lock_left": True},
    {"destination": destination(WITHDRAWN, OPEN), "destination_lock_left": True},
    {"destination": destination(WITHDRAWN, WITHDRAWN), "destination_lock_left": True},
    {"destination": destination(REFUNDED, REFUNDED), "destination_lock_left": True},
]


@pytest.mark.parametrize("status", [status for status in Status if status not in ENDS])
@pytest.mark.parametrize("life", LIVES)
def test_time_never_changes_the_answer_while_the_session_sleeps(
    status: Status, life: dict[str, Any]
) -> None:
    """Second by second through a whole life: a new answer is never found asleep."""
    wakes, before = None, None
    for second in range(FILL, D.source_timelock + 5):
        now = clocks(second, destination=second - 2)
        final = {
            name: replace(leg, final_time=Seconds(second - 5))
            for name, leg in {"source": LOCKING.source, "destination": LOCKING.destination, **life}
            .items()
            if name in ("source", "destination") and leg is not None
        }  # fmt: skip
        facts = replace(LOCKING, **{**life, **final, "status": status, "clocks": now})
        answer = next_step(facts)
        if wakes is None or second >= wakes:
            wakes = wake_at(facts)
        else:
            assert answer == before
        before = answer
