"""The pure machine over in-memory chains: both are paid or both get their money back, always."""

from collections.abc import Callable

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from chains_app.locks import Call, LockState
from sessions_app.domain.plan import Action
from sessions_app.domain.states import Status
from tests.unit.sessions.model import (
    DESTINATION_AMOUNT,
    LOCK,
    MAKER,
    POLICY,
    SOURCE_AMOUNT,
    STRANGER,
    World,
)

OUTAGE = 10  # seconds without a working service and two working chains; the margin insures 15

EVENTS: dict[str, Callable[[World], None]] = {
    "block": lambda w: w.pass_time(1),
    "source block": lambda w: w.pass_time(1, destination_mines=False),
    "destination block": lambda w: w.pass_time(1, source_mines=False),
    "halt": lambda w: w.pass_time(3, source_mines=False, destination_mines=False),
    "slow block": lambda w: w.pass_time(6),
    "maker locks": World.maker_locks,
    "maker withdraws": World.maker_withdraws,
    "maker gives back": lambda w: w.destination.send(MAKER, Call.REFUND_EARLY),
    "maker posts the secret": World.maker_posts,
    "maker cancels": World.maker_cancels,
    "maker refuses payment": World.maker_refuses_payment,
    "maker takes payment": World.maker_takes_payment,
    "staff refund": World.staff_refund,
    "stranger withdraws the source": lambda w: w.stranger_withdraws(w.source),
    "stranger withdraws the destination": lambda w: w.stranger_withdraws(w.destination),
    "stranger refunds the source": lambda w: w.source.send(STRANGER, Call.REFUND),
    "stranger refunds the destination": lambda w: w.destination.send(STRANGER, Call.REFUND),
    "source reorganises": lambda w: w.source.reorganise(1, forgets=False),
    "source forgets": lambda w: w.source.reorganise(2, forgets=True),
    "destination reorganises": lambda w: w.destination.reorganise(1, forgets=False),
    "destination forgets": lambda w: w.destination.reorganise(2, forgets=True),
    "facts of the source alone": lambda w: w.source.poll(w.wall),
    "facts of the destination alone": lambda w: w.destination.poll(w.wall),
    "late facts": lambda w: w.poll(behind=2),
    "the same facts again": World.decide_twice,
    "worker dies before it sends": lambda w: w.work(sends=False),
    "worker's bytes are lost": lambda w: w.work(arrives=False),
    "worker acts on old facts": lambda w: w.work(polls=False),
    "two workers": World.work_twice,
    "worker": World.work,
}

OFTEN = ["block", "worker", "maker locks", "maker posts the secret", "halt", "slow block"]
events = st.lists(st.sampled_from(sorted(EVENTS) + OFTEN), max_size=25)
skews = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


def live_through(world: World, names: list[str]) -> None:
    """Play the events; the service is never cut off for longer than `OUTAGE`."""
    for name in names:
        EVENTS[name](world)
        if world.wall - world.last_good > OUTAGE:
            settle(world, 1)


def settle(world: World, seconds: int, step: int = 1) -> None:
    """Chains and service work as they should, a block each `step` seconds."""
    for _ in range(0, seconds, step):
        world.pass_time(step)
        world.work()
        world.last_good = world.wall


def assert_atomic(world: World) -> None:
    """Rule 1: at the end the legs are both withdrawn, or both back, or were never locked."""
    source, destination = world.source.final_state, world.destination.final_state
    assert_money(world, source, destination)
    if world.status is Status.COMPLETED:
        assert (source, destination) == (LockState.WITHDRAWN, LockState.WITHDRAWN)
        return
    back = {LockState.REFUNDED, LockState.ABSENT}
    assert destination in back
    assert source in back or (source is LockState.WITHDRAWN and world.repaid)
    assert world.status in {Status.REFUNDED, Status.CANCELLED}
    nothing = (source, destination) == (LockState.ABSENT, LockState.ABSENT)
    assert nothing == (world.status is Status.CANCELLED)


def assert_money(world: World, source: LockState, destination: LockState) -> None:
    """Each party has gained, fees aside, exactly what the locks' ends say."""
    paid_in = SOURCE_AMOUNT if source is LockState.WITHDRAWN else 0
    paid_out = DESTINATION_AMOUNT if destination is LockState.WITHDRAWN else 0
    gains = [side.gain(who) for side in (world.source, world.destination) for who in (MAKER, LOCK)]
    assert gains == [-paid_in, paid_in, paid_out, -paid_out]


@pytest.mark.parametrize("service_secret", [True, False])
@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(
    gasless=st.booleans(),
    locks=st.sampled_from([True, True, True, False]),
    skew=skews,
    calm=st.tuples(st.integers(0, 20), st.integers(0, 50)),
    first=events,
    then=events,
)
@example(
    gasless=False,
    locks=True,
    skew=(0, 0),
    calm=(4, 50),
    first=[],
    then=[
        "block", "block", "block", "maker withdraws", "block", "stranger withdraws the source",
        "destination forgets",
    ],
)  # fmt: skip
def test_rule_1_every_life_of_a_session_ends_atomically(
    service_secret: bool,
    gasless: bool,
    locks: bool,
    skew: tuple[int, int],
    calm: tuple[int, int],
    first: list[str],
    then: list[str],
) -> None:
    world = World(service_secret=service_secret, gasless=gasless, skews=skew)
    live_through(world, first)
    settle(world, calm[0])
    live_through(world, ["maker locks"] if locks else [])
    settle(world, calm[1])
    live_through(world, then)
    settle(world, world.deadlines.source_timelock + 60 - world.wall, step=3)
    event(f"ends {world.status.value}")
    assert_atomic(world)


def test_a_swap_that_meets_no_trouble_completes() -> None:
    for service_secret in (True, False):
        world = World(service_secret=service_secret, skews=(0, 0))
        world.maker_locks()
        settle(world, 8)
        world.maker_posts()
        settle(world, 12)
        assert [after for _, after, _ in world.history] == [
            Status.SOURCE_LOCKED,
            Status.DESTINATION_LOCKING,
            Status.BOTH_LOCKED,
            Status.REVEALING_SECRET,
            Status.COMPLETED,
        ]
        assert_atomic(world)


def test_a_signed_order_is_submitted_by_us_and_the_swap_completes() -> None:
    world = World(service_secret=True, gasless=True, skews=(0, 0))
    settle(world, 20)
    assert world.status is Status.COMPLETED
    assert_atomic(world)


def test_an_order_whose_lock_would_come_too_late_is_not_submitted() -> None:
    world = World(service_secret=True, gasless=True, skews=(0, 0))
    world.pass_time(world.deadlines.accept_by - world.wall + 1)
    settle(world, 60)
    assert world.status is Status.CANCELLED
    assert world.source.chain.state.locks == {}


def test_rule_3_a_silent_maker_gets_no_secret_out_of_us_and_both_are_refunded() -> None:
    world = World(service_secret=False, skews=(0, 0))
    world.maker_locks()
    settle(world, POLICY.claim_window + POLICY.margin + 60)
    assert world.status is Status.REFUNDED
    assert not world.secret_left
    assert_atomic(world)


def test_rule_4_a_maker_who_withdraws_at_the_last_instant_still_leaves_us_the_source() -> None:
    world = World(service_secret=False, skews=(0, 0))
    world.maker_locks()
    settle(world, world.deadlines.destination_timelock - world.wall - 2)
    assert world.history[-1][1] is Status.REFUNDING
    world.maker_withdraws()
    settle(world, 20)
    assert world.status is Status.COMPLETED
    assert_atomic(world)


def test_rule_4_a_withdrawal_of_the_source_that_left_stops_when_the_destination_went_back() -> None:
    """The withdrawal that it was sent on stood in the head alone, and fell out."""
    world = World(service_secret=False, skews=(0, 0))
    world.maker_locks()
    settle(world, world.deadlines.destination_timelock - world.wall - 2)
    world.maker_withdraws()
    world.pass_time(1)
    world.work()
    last = world.deadlines.last_safe_source_withdrawal
    world.pass_time(last - world.wall, destination_mines=False)
    world.work(arrives=False)
    assert Action.WITHDRAW_SOURCE in world.pushed
    world.destination.reorganise(1, forgets=True)
    settle(world, 10)
    assert world.status is Status.REFUNDED
    assert Action.WITHDRAW_SOURCE not in world.pushed
    assert_atomic(world)


def test_a_late_source_lock_is_given_back() -> None:
    world = World(service_secret=True, skews=(0, 0))
    settle(world, world.deadlines.accept_by - world.wall + 1)
    world.maker_locks()
    settle(world, 30)
    assert world.status is Status.REFUNDED
    assert not world.lock_left
    assert_atomic(world)


def test_rule_1_a_halt_beyond_the_insured_one_is_a_lost_race_and_is_booked() -> None:
    world = World(service_secret=False, skews=(0, 0))
    world.maker_locks()
    settle(world, 10)
    world.maker_withdraws()
    world.pass_time(1)
    world.pass_time(POLICY.claim_window + POLICY.margin + 60)
    world.source.send(STRANGER, Call.REFUND)
    settle(world, 30)
    assert world.status is Status.FAILED
    assert world.history[-1][2] == "lost race: the maker has both legs"
