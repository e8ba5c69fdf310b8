"""Each guard of the machine alone: one fact changed in a session that would otherwise go on."""

from dataclasses import replace
from typing import Any

import pytest

from auctions_app.timelocks import FinalityTiers
from chains_app.locks import LockState
from orchestrator.kernel.clock import Seconds
from sessions_app.domain.plan import Action, Step, next_step
from sessions_app.domain.snapshot import Leg, Snapshot
from sessions_app.domain.states import Status
from sessions_app.domain.timelocks import Clocks, fix_deadlines
from tests.unit.sessions.model import POLICY

FILL = 1_000_000
DEADLINES = fix_deadlines(Seconds(FILL), POLICY, FinalityTiers("final", "final"))
ABSENT, OPEN = LockState.ABSENT, LockState.OPEN
WITHDRAWN, REFUNDED = LockState.WITHDRAWN, LockState.REFUNDED


def clocks(wall: int, source: int | None = None, destination: int | None = None) -> Clocks:
    return Clocks(Seconds(wall), Seconds(source or wall), Seconds(destination or wall))


def source(head: LockState, final: LockState, final_time: int = FILL) -> Leg:
    d = DEADLINES
    return Leg(d.source_lock_by, d.source_timelock, head, final, Seconds(final_time))


def destination(head: LockState, final: LockState, final_time: int = FILL) -> Leg:
    d = DEADLINES
    return Leg(d.destination_lock_by, d.destination_timelock, head, final, Seconds(final_time))


SOURCE_LOCKED = Snapshot(
    status=Status.SOURCE_LOCKED,
    clocks=clocks(FILL + 10),
    chains_are_fresh=True,
    expires_at=Seconds(FILL),
    is_executed=True,
    deadlines=DEADLINES,
    source=source(OPEN, OPEN),
    destination=destination(ABSENT, ABSENT),
    guard_distance=POLICY.guard_distance,
    margin=POLICY.margin,
    clock_slack=POLICY.clock_slack,
    source_seen_in_time=True,
    secret_is_held=True,
)
LOCKING = replace(SOURCE_LOCKED, status=Status.DESTINATION_LOCKING)
BOTH_LOCKED = replace(
    SOURCE_LOCKED,
    status=Status.BOTH_LOCKED,
    destination=destination(OPEN, OPEN),
    destination_lock_left=True,
)
REVEALING = replace(BOTH_LOCKED, status=Status.REVEALING_SECRET, secret_left=True)
REFUNDING = replace(BOTH_LOCKED, status=Status.REFUNDING)
LAST_REVEAL = DEADLINES.destination_timelock - POLICY.guard_distance


def step(facts: Snapshot, **changes: Any) -> Step:
    return next_step(replace(facts, **changes))


def test_rule_2_our_lock_is_planned_when_the_ladder_holds() -> None:
    assert step(SOURCE_LOCKED).move_to is Status.DESTINATION_LOCKING
    assert step(LOCKING).actions == {Action.LOCK_DESTINATION}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"chains_are_fresh": False}, None),
        ({"source": source(ABSENT, OPEN)}, None),
        ({"source": source(ABSENT, ABSENT)}, Status.SOURCE_LOCKING),
        ({"source": source(REFUNDED, OPEN)}, Status.FAILED),
        ({"source": source(WITHDRAWN, OPEN)}, Status.FAILED),
        ({"secret_is_shown": True}, Status.FAILED),
        ({"cancel_requested": True}, Status.TIMEOUT),
        ({"clocks": clocks(DEADLINES.destination_lock_by + 1)}, Status.TIMEOUT),
        ({"clocks": clocks(FILL, source=FILL + 100)}, Status.TIMEOUT),
        # a head that lags may come back before it is too late
        ({"clocks": clocks(FILL, source=FILL + 100), "chains_are_fresh": False}, None),
        (
            {"clocks": clocks(DEADLINES.destination_lock_by + 1), "chains_are_fresh": False},
            Status.TIMEOUT,
        ),
        ({"source": replace(source(OPEN, OPEN), timelock=Seconds(FILL + 89))}, Status.TIMEOUT),
    ],
)
def test_rule_2_our_lock_is_not_planned(change: dict[str, Any], status: Status | None) -> None:
    found = step(SOURCE_LOCKED, **change)
    assert (found.move_to, found.actions) == (status, frozenset())


@pytest.mark.parametrize(
    "change",
    [
        {"secret_is_shown": True},
        {"source": source(ABSENT, OPEN)},
        {"source": source(OPEN, ABSENT)},
        {"clocks": clocks(DEADLINES.destination_lock_by + 1)},
        {"cancel_requested": True},  # a person wants the source given back
    ],
)
def test_rule_5_a_lock_that_has_not_left_is_voided_with_the_move(change: dict[str, Any]) -> None:
    found = step(LOCKING, **change)
    assert found.move_to in {Status.FAILED, Status.TIMEOUT}
    assert found.void == {Action.LOCK_DESTINATION}


def test_rule_2_a_lock_that_has_left_is_never_counted_as_not_made() -> None:
    late = clocks(DEADLINES.destination_lock_by + 1)
    assert step(LOCKING, clocks=late, destination_lock_left=True).void == frozenset()
    wish = step(LOCKING, cancel_requested=True, destination_lock_left=True)
    assert (wish.move_to, wish.void) == (None, frozenset())
    returning = step(REFUNDING, destination=destination(ABSENT, ABSENT))
    assert (returning.move_to, returning.actions) == (None, frozenset())


def test_rule_3_the_secret_goes_out_when_the_guard_agrees() -> None:
    assert step(BOTH_LOCKED).move_to is Status.REVEALING_SECRET
    assert step(BOTH_LOCKED, clocks=clocks(LAST_REVEAL)).move_to is Status.REVEALING_SECRET


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"secret_is_held": False}, None),
        ({"chains_are_fresh": False}, None),
        ({"source": source(ABSENT, OPEN)}, None),
        ({"source": source(OPEN, ABSENT)}, None),
        ({"destination": destination(ABSENT, OPEN)}, None),
        ({"destination": destination(OPEN, ABSENT)}, Status.DESTINATION_LOCKING),
        ({"destination": destination(REFUNDED, REFUNDED)}, Status.TIMEOUT),
        ({"clocks": clocks(LAST_REVEAL + 1)}, Status.TIMEOUT),
        ({"clocks": clocks(FILL, destination=LAST_REVEAL + 1)}, Status.TIMEOUT),
        ({"clocks": clocks(FILL, source=DEADLINES.last_safe_source_withdrawal)}, None),
    ],
)
def test_rule_3_the_secret_stays(change: dict[str, Any], status: Status | None) -> None:
    found = step(BOTH_LOCKED, **change)
    assert (found.move_to, found.actions) == (status, frozenset())


@pytest.mark.parametrize(
    "status", [Status.TIMEOUT, Status.FAILED, Status.REFUNDING, Status.BOTH_LOCKED]
)
def test_a_preimage_on_chain_turns_everything_forward(status: Status) -> None:
    stale = {"secret_is_held": False, "chains_are_fresh": False, "clocks": clocks(LAST_REVEAL + 1)}
    found = step(BOTH_LOCKED, status=status, secret_is_shown=True, **stale)
    assert found.move_to is Status.REVEALING_SECRET


def test_rule_4_destination_first() -> None:
    assert step(REVEALING).actions == {Action.WITHDRAW_DESTINATION}
    in_head = {"destination": destination(WITHDRAWN, OPEN)}
    assert step(REVEALING, **in_head).actions == frozenset()
    last = clocks(DEADLINES.last_safe_source_withdrawal)
    assert step(REVEALING, **in_head, clocks=last).actions == {Action.WITHDRAW_SOURCE}
    paid = {"destination": destination(WITHDRAWN, WITHDRAWN)}
    assert step(REVEALING, **paid).actions == {Action.WITHDRAW_SOURCE}


def test_rule_4_what_no_two_nodes_tell_of_our_lock_ends_no_duty() -> None:
    """It counts at the last safe moment, if it showed the secret; from its timelock on the contract
    is asked.
    """
    doubted = {"destination": replace(destination(WITHDRAWN, OPEN), is_doubted=True)}
    assert step(REVEALING, **doubted).actions == {Action.WITHDRAW_DESTINATION}
    after = {**doubted, "clocks": clocks(DEADLINES.last_safe_source_withdrawal)}
    unshown = step(REVEALING, **after)
    assert unshown.actions == {Action.REFUND_DESTINATION}
    shown = step(REVEALING, **after, secret_is_shown=True)
    assert shown.actions == {Action.REFUND_DESTINATION, Action.WITHDRAW_SOURCE}


def test_rule_4_the_source_withdrawal_is_asked_for_until_it_is_final() -> None:
    paid = {"destination": destination(WITHDRAWN, WITHDRAWN)}
    in_head = step(REVEALING, **paid, source=source(WITHDRAWN, OPEN))
    assert in_head.actions == {Action.WITHDRAW_SOURCE}
    assert step(REVEALING, **paid, source=source(WITHDRAWN, WITHDRAWN)).move_to is Status.COMPLETED


def test_rule_3_only_a_secret_that_never_left_can_time_out() -> None:
    late = {"clocks": clocks(LAST_REVEAL + 1)}
    kept = step(REVEALING, **late, secret_left=False)
    assert kept.move_to is Status.TIMEOUT
    assert kept.void == {Action.WITHDRAW_DESTINATION}
    assert step(REVEALING, **late).move_to is None


def test_rule_4_the_source_is_given_back_only_after_the_destination() -> None:
    timelock = DEADLINES.destination_timelock
    assert step(REFUNDING).actions == frozenset()
    at_timelock = step(REFUNDING, clocks=clocks(timelock))
    assert at_timelock.actions == {Action.REFUND_DESTINATION}
    in_head = step(REFUNDING, clocks=clocks(timelock), destination=destination(REFUNDED, OPEN))
    assert in_head.actions == frozenset()
    back = {"destination": destination(REFUNDED, REFUNDED)}
    assert step(REFUNDING, **back).actions == {Action.REFUND_SOURCE_EARLY}
    expired = clocks(DEADLINES.source_timelock)
    assert step(REFUNDING, **back, clocks=expired).actions == {Action.REFUND_SOURCE}


def test_rule_11_a_refund_waits_for_the_chain_and_not_for_the_wall_clock() -> None:
    ahead = clocks(DEADLINES.destination_timelock, destination=FILL + 1)
    assert step(REFUNDING, clocks=ahead).actions == frozenset()
    ahead = clocks(DEADLINES.source_timelock, source=DEADLINES.source_timelock - 1)
    back = {"destination": destination(REFUNDED, REFUNDED)}
    assert step(REFUNDING, clocks=ahead, **back).actions == {Action.REFUND_SOURCE_EARLY}


def test_rule_11_a_deadline_to_beat_counts_from_the_later_clock() -> None:
    """Also where both heads lag behind the wall clock."""
    lagging = {"source": FILL + 1, "destination": FILL + 1}
    late = step(BOTH_LOCKED, clocks=clocks(LAST_REVEAL + 1, **lagging))
    assert late.move_to is Status.TIMEOUT
    in_head = {"destination": destination(WITHDRAWN, OPEN)}
    last = clocks(DEADLINES.last_safe_source_withdrawal, **lagging)
    assert step(REVEALING, **in_head, clocks=last).actions == {Action.WITHDRAW_SOURCE}


def test_rule_11_accept_by_passes_by_the_source_chains_clock() -> None:
    waiting = replace(
        SOURCE_LOCKED,
        status=Status.SOURCE_LOCKING,
        source=source(ABSENT, ABSENT),
        source_seen_in_time=False,
    )
    last = DEADLINES.accept_by + POLICY.clock_slack
    assert step(waiting, clocks=clocks(last + 60, source=last)).move_to is None
    assert step(waiting, clocks=clocks(last + 1)).move_to is Status.TIMEOUT


def test_rule_4_what_reached_us_against_a_refunded_destination_is_owed() -> None:
    owed = replace(
        REFUNDING,
        source=source(WITHDRAWN, WITHDRAWN),
        destination=destination(REFUNDED, REFUNDED),
        secret_is_shown=True,
    )
    found = step(owed)
    assert found.actions == {Action.REPAY_SOURCE}
    assert found.attention == "repayment_owed"
    not_final = step(owed, source=source(WITHDRAWN, OPEN))
    assert (not_final.actions, not_final.attention) == (frozenset(), None)
    assert step(owed, source_is_repaid=True).move_to is Status.REFUNDED


def test_rule_4_a_write_that_left_is_not_pushed_on_when_the_destination_ended_otherwise() -> None:
    """Of the source: a withdrawal when we have the destination, an early refund when not."""
    assert step(REFUNDING).stop == frozenset()
    back = {"destination": destination(REFUNDED, REFUNDED)}
    assert step(REFUNDING, **back).stop == {Action.WITHDRAW_SOURCE}
    assert step(REVEALING).stop == {Action.REFUND_SOURCE_EARLY}


def test_rule_4_nothing_is_owed_while_the_maker_can_still_be_paid() -> None:
    found = step(REFUNDING, source=source(WITHDRAWN, WITHDRAWN))
    assert (found.move_to, found.actions, found.attention) == (None, frozenset(), None)


def test_rule_1_a_session_is_refunded_only_with_both_legs_back() -> None:
    back = {"source": source(REFUNDED, REFUNDED)}
    assert step(REFUNDING, **back).move_to is None
    assert step(REFUNDING, **back, destination=destination(REFUNDED, OPEN)).move_to is None
    both = step(REFUNDING, **back, destination=destination(REFUNDED, REFUNDED))
    assert both.move_to is Status.REFUNDED


def test_rule_1_a_lost_race_is_booked_and_stays_booked() -> None:
    lost = replace(
        REVEALING,
        source=source(REFUNDED, REFUNDED),
        destination=destination(WITHDRAWN, WITHDRAWN),
        secret_is_shown=True,
    )
    assert step(lost).move_to is Status.FAILED
    assert step(lost).attention == "lost_race"
    after = step(lost, status=Status.FAILED)
    assert (after.move_to, after.actions, after.attention) == (None, frozenset(), "lost_race")


@pytest.mark.parametrize(
    ("status", "at_source", "at_destination", "back_to"),
    [
        ("completed", (WITHDRAWN, OPEN), (WITHDRAWN, WITHDRAWN), "revealing_secret"),
        ("completed", (WITHDRAWN, WITHDRAWN), (OPEN, OPEN), "revealing_secret"),
        ("refunded", (REFUNDED, REFUNDED), (OPEN, OPEN), "refunding"),
        ("refunded", (REFUNDED, OPEN), (REFUNDED, REFUNDED), "refunding"),
        ("cancelled", (OPEN, ABSENT), (ABSENT, ABSENT), "source_locking"),
    ],
)
def test_an_end_whose_effects_left_the_chain_opens_again(
    status: str,
    at_source: tuple[LockState, LockState],
    at_destination: tuple[LockState, LockState],
    back_to: str,
) -> None:
    legs = {"source": source(*at_source), "destination": destination(*at_destination)}
    found = step(BOTH_LOCKED, status=Status(status), **legs)
    assert (found.move_to, found.by_reorganisation) == (Status(back_to), True)


def test_a_vanished_source_calls_for_a_person_and_nothing_else() -> None:
    for facts in (BOTH_LOCKED, REVEALING):
        found = step(facts, source=source(ABSENT, OPEN))
        assert (found.move_to, found.attention) == (None, "source_lock_vanished")


def test_a_source_that_vanished_is_missed_for_as_long_as_our_lock_can_be_taken() -> None:
    gone = {"source": source(ABSENT, OPEN)}
    until = DEADLINES.source_lock_by
    for clock in (clocks(FILL + 12), clocks(until)):
        found = step(REFUNDING, clocks=clock, order_is_held=True, **gone)
        assert found.attention == "source_lock_vanished"
        assert found.actions == {Action.LOCK_SOURCE}
    back = {"destination": destination(REFUNDED, REFUNDED)}
    found = step(REFUNDING, order_is_held=True, **gone, **back)
    assert (found.move_to, found.actions, found.attention) == (None, frozenset(), None)


def test_a_source_that_was_final_and_vanished_for_good_is_shown_to_a_person() -> None:
    """Neither refunded nor never locked: this session does not end by itself."""
    missed = replace(source(ABSENT, ABSENT, DEADLINES.source_lock_by + 1), stood_finally=True)
    back = {"destination": destination(REFUNDED, REFUNDED)}
    found = step(REFUNDING, source=missed, **back)
    assert (found.move_to, found.attention) == (None, "source_lock_vanished")


def test_rule_4_a_destination_that_nobody_can_withdraw_any_more_is_taken_back() -> None:
    timelock = DEADLINES.destination_timelock
    assert step(REVEALING, clocks=clocks(timelock - 1)).actions == {Action.WITHDRAW_DESTINATION}
    assert step(REVEALING, clocks=clocks(timelock)).actions == {Action.REFUND_DESTINATION}
    lags = clocks(timelock, destination=timelock - 1)
    assert step(REVEALING, clocks=lags).actions == {Action.WITHDRAW_DESTINATION}
    paid = {"destination": destination(WITHDRAWN, OPEN)}
    assert step(REVEALING, clocks=clocks(timelock), **paid).actions == frozenset()
    back = {"destination": destination(REFUNDED, REFUNDED)}
    assert step(REVEALING, clocks=clocks(timelock), **back).move_to is Status.REFUNDING


def test_a_source_that_we_can_no_longer_withdraw_calls_for_a_person() -> None:
    paid = {"destination": destination(WITHDRAWN, WITHDRAWN)}
    timelock = DEADLINES.source_timelock
    before, late = (step(REVEALING, **paid, clocks=clocks(at)) for at in (timelock - 1, timelock))
    assert (before.move_to, before.attention) == (None, None)
    assert (late.move_to, late.attention) == (None, "source_expired")
    ours = step(REVEALING, **paid, clocks=clocks(timelock), source=source(WITHDRAWN, OPEN))
    assert ours.attention is None


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, None),
        ({"is_executed": True}, Status.EXECUTING),
        ({"cancel_requested": True, "is_executed": True}, Status.CANCELLED),
        ({"clocks": clocks(FILL + 30)}, Status.CANCELLED),
        ({"clocks": clocks(FILL + 30), "status": Status.EXECUTING}, Status.CANCELLED),
    ],
)
def test_before_the_fill(changes: dict[str, Any], status: Status | None) -> None:
    fresh = Snapshot(Status.INITIALIZED, clocks(FILL), True, expires_at=Seconds(FILL + 30))
    assert step(fresh, **changes).move_to is status


def test_the_fill_and_only_the_fill_starts_source_locking() -> None:
    waiting = Snapshot(
        Status.EXECUTING, clocks(FILL), True, expires_at=Seconds(FILL + 30), is_executed=True
    )
    assert step(waiting).move_to is None
    assert step(SOURCE_LOCKED, status=Status.EXECUTING).move_to is Status.SOURCE_LOCKING
