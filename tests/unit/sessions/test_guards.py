"""What a chain write is asked before it leaves: one fact changed in a write that might go."""

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.kernel.clock import Seconds
from sessions_app.domain.filled import filled
from sessions_app.domain.guards import objection
from sessions_app.domain.plan import Action
from sessions_app.domain.snapshot import Snapshot
from sessions_app.domain.states import Status
from tests.unit.sessions.test_next_step import (
    ABSENT,
    BOTH_LOCKED,
    DEADLINES,
    FILL,
    LAST_REVEAL,
    LOCKING,
    OPEN,
    REFUNDED,
    REFUNDING,
    REVEALING,
    WITHDRAWN,
    clocks,
    destination,
    source,
)

LOCK = replace(LOCKING, liquidity_is_reserved=True)
REVEAL = replace(REVEALING, secret_left=False)


def answer(facts: Snapshot, action: Action, **changes: Any) -> str | None:
    return objection(replace(facts, **changes), action)


def test_rule_5_each_write_may_leave_when_it_is_due() -> None:
    timelock = clocks(DEADLINES.destination_timelock)
    paid = {"destination": destination(WITHDRAWN, WITHDRAWN)}
    back = {"destination": destination(REFUNDED, REFUNDED)}
    assert answer(LOCK, Action.LOCK_DESTINATION) is None
    assert answer(REVEAL, Action.WITHDRAW_DESTINATION) is None
    assert answer(REVEALING, Action.WITHDRAW_SOURCE, **paid) is None
    assert answer(REFUNDING, Action.REFUND_DESTINATION, clocks=timelock) is None
    assert answer(REFUNDING, Action.REFUND_SOURCE_EARLY, **back) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chains_are_fresh": False}, "a chain's head is stale"),
        ({"destination": destination(OPEN, ABSENT)}, "our lock is there already"),
        ({"liquidity_is_reserved": False}, "the reservation has ended"),
        ({"secret_is_shown": True}, "the secret was shown before our lock was made"),
        ({"source": source(ABSENT, OPEN)}, "the source lock is no longer there"),
        ({"source": source(OPEN, ABSENT)}, "the source lock is no longer there"),
        ({"clocks": clocks(DEADLINES.destination_lock_by + 1)}, "too late for our lock"),
        ({"clocks": clocks(FILL, source=FILL + 100)}, "too late for our lock"),
        ({"status": Status.TIMEOUT}, "a leg holds funds"),
    ],
)
@pytest.mark.parametrize("left", [False, True])
def test_rule_2_our_lock_stays(change: dict[str, Any], reason: str, left: bool) -> None:
    facts = replace(LOCK, **{"destination_lock_left": left, **change})
    assert objection(facts, Action.LOCK_DESTINATION) == reason


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"chains_are_fresh": False}, "a chain's head is stale"),
    ({"source": source(ABSENT, OPEN)}, "the source lock is not open and final"),
    ({"source": source(OPEN, ABSENT)}, "the source lock is not open and final"),
    ({"destination": destination(ABSENT, OPEN)}, "our lock is not open and final"),
    ({"destination": destination(OPEN, ABSENT)}, "our lock is not open and final"),
    ({"clocks": clocks(LAST_REVEAL + 1)}, "too late to reveal the secret"),
    (
        {"clocks": clocks(FILL, source=DEADLINES.last_safe_source_withdrawal)},
        "too close to the last safe withdrawal of the source",
    ),
]


@pytest.mark.parametrize(
    ("change", "reason"),
    [*REFUSED, ({"status": Status.BOTH_LOCKED}, "the reveal guard agrees")],
)
def test_rule_3_the_secret_does_not_leave(change: dict[str, Any], reason: str) -> None:
    assert answer(REVEAL, Action.WITHDRAW_DESTINATION, **change) == reason


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_rule_3_the_reveal_guard_alone_says_each_reason(
    change: dict[str, Any], reason: str
) -> None:
    """Whoever asks it, whatever the machine would have found before."""
    found = filled(replace(REVEAL, **change))
    assert found is not None
    assert found.reveal_objection == reason


@pytest.mark.parametrize("known", [{"secret_left": True}, {"secret_is_shown": True}])
def test_rule_4_a_known_secret_is_used_for_the_maker_whatever_the_window(
    known: dict[str, bool],
) -> None:
    late = {"clocks": clocks(LAST_REVEAL + 1), "chains_are_fresh": False}
    assert answer(REVEAL, Action.WITHDRAW_DESTINATION, **known, **late) is None
    vanished = {"destination": destination(ABSENT, OPEN)}
    assert answer(REVEAL, Action.WITHDRAW_DESTINATION, **known, **vanished) == (
        "our lock is not open"
    )


def test_rule_4_the_source_is_withdrawn_and_given_back_after_the_destination_only() -> None:
    waits = "not due while the session is revealing_secret"
    assert answer(REVEALING, Action.WITHDRAW_SOURCE) == waits
    refund = Action.REFUND_SOURCE_EARLY
    assert answer(REFUNDING, refund) == "not due while the session is refunding"
    in_head = {"destination": destination(REFUNDED, OPEN)}
    assert answer(REFUNDING, refund, **in_head) == "not due while the session is refunding"


def test_before_the_fill_nothing_may_leave() -> None:
    fresh = Snapshot(Status.INITIALIZED, clocks(FILL), True, expires_at=Seconds(FILL + 30))
    for action in Action:
        assert objection(fresh, action) == "the session was not filled"


def test_gas_is_held_until_nothing_is_left_to_withdraw_or_refund() -> None:
    def is_over(**changes: Any) -> bool:
        found = filled(replace(BOTH_LOCKED, **changes))
        assert found is not None
        return found.needs_no_gas

    paid, back = destination(WITHDRAWN, WITHDRAWN), destination(REFUNDED, REFUNDED)
    assert not is_over()
    assert not is_over(destination=paid)
    assert not is_over(destination=paid, source=source(WITHDRAWN, OPEN))
    assert is_over(destination=paid, source=source(WITHDRAWN, WITHDRAWN))
    assert is_over(destination=paid, source=source(REFUNDED, REFUNDED))  # a lost race
    assert not is_over(destination=back)
    assert is_over(destination=back, source=source(REFUNDED, REFUNDED))
    assert not is_over(source=source(WITHDRAWN, WITHDRAWN))
    assert not is_over(source=source(WITHDRAWN, WITHDRAWN), destination=destination(REFUNDED, OPEN))


def test_gas_is_held_for_a_source_that_we_never_locked_against() -> None:
    never = destination(ABSENT, ABSENT)
    found = filled(replace(LOCK, status=Status.TIMEOUT, destination=never))
    assert found is not None
    assert not found.needs_no_gas
    nothing = filled(replace(found.facts, source=source(ABSENT, ABSENT)))
    assert nothing is not None
    assert nothing.needs_no_gas


def test_the_reservation_ends_when_our_lock_is_final_or_never_made() -> None:
    def is_over(facts: Snapshot, **changes: Any) -> bool:
        found = filled(replace(facts, **changes))
        assert found is not None
        return found.needs_no_reservation

    assert is_over(BOTH_LOCKED)
    assert is_over(LOCK, status=Status.TIMEOUT)
    assert not is_over(LOCK)
    assert not is_over(LOCK, status=Status.SOURCE_LOCKED)
    assert not is_over(LOCK, destination_lock_left=True)
    in_head = destination(OPEN, ABSENT)
    assert not is_over(LOCK, destination_lock_left=True, destination=in_head)
    assert not is_over(LOCK, status=Status.TIMEOUT, destination_lock_left=True)
    gone = destination(ABSENT, ABSENT, DEADLINES.destination_lock_by + 1)
    assert is_over(LOCK, status=Status.TIMEOUT, destination_lock_left=True, destination=gone)
