"""When a swap does not happen: whatever was locked goes back, and nothing else is locked."""

import pytest

from auctions_app.models import Hold, Reservation
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, Intent
from orchestrator.kernel.hashlock import Secret
from sessions_app import sweeps
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from sessions_app.services import NotCancellableError
from tests.integration.sessions.world import (
    MAKER,
    START,
    THERE,
    WHOLE_LIFE,
    World,
    memory_world,
    path,
    reload,
    status,
    terms,
)

ABSENT, OPEN = LockState.ABSENT, LockState.OPEN
WITHDRAWN, REFUNDED = LockState.WITHDRAWN, LockState.REFUNDED
TO_SOURCE_LOCKED = ["initialized", "executing", "source_locking", "source_locked"]


def reservation_is_open() -> bool:
    return Reservation.objects.filter(status="open").exists()


def held_gas() -> set[tuple[str, str]]:
    """Of which accounts."""
    return set(Hold.objects.filter(ended_at=None).values_list("chain", "role"))


GAS = {("base", "lock"), ("base", "duty"), ("near", "duty")}


def test_the_gas_of_both_legs_is_held_until_they_are_paid(world: World) -> None:
    session = world.start()
    assert held_gas() == {*GAS, ("near", "lock")}
    world.lock_source(session)
    world.live_until(Status.REVEALING_SECRET, session)
    assert (reservation_is_open(), held_gas()) == (False, GAS)
    world.live_until(Status.COMPLETED, session)
    assert held_gas() == set()


def test_gas_is_held_again_when_a_reorganisation_opens_the_session(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.COMPLETED, session)
    base = world.chains["base"]
    sent = [each.hash for mined in base.between(0, base.head.height) for each in mined.transactions]
    base.reorganise(2, dropped=sent[-1:])
    world.poll()
    world.sweep()
    assert (path(session)[-1], held_gas()) == ("revealing_secret", GAS)
    world.live_until(Status.COMPLETED, session)
    assert held_gas() == set()


def test_the_gas_of_a_swap_that_does_not_happen_is_held_until_both_legs_are_back(
    world: World,
) -> None:
    session = world.start_by_maker(THERE, Secret.generate())
    world.lock_source(session)
    world.live_until(Status.REFUNDING, session)
    assert held_gas() == GAS
    world.live_until(Status.REFUNDED, session)
    assert held_gas() == set()


def test_a_session_whose_gas_was_free_already_holds_it_when_it_is_looked_at(world: World) -> None:
    """As those that are open from before gas was held so long."""
    session = world.start_by_maker(THERE, Secret.generate())
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    Hold.objects.update(ended_at=START)
    Session.objects.update(holds_gas=False)
    sweeps.on_changed(set(session.legs.values_list("pk", flat=True)))
    world.sweep()
    assert held_gas() == GAS


def test_a_session_that_nobody_executes_expires(world: World) -> None:
    session = world.create()
    world.block(29)
    assert sweeps.advance_all_due() == 0
    world.block(1)
    assert sweeps.advance_all_due() == 1
    assert path(session) == ["initialized", "cancelled"]
    assert reload(session).wake_at is None


def test_a_session_is_cancelled_before_it_is_executed(world: World) -> None:
    session = world.cancel(world.create())
    assert path(session) == ["initialized", "cancelled"]
    assert world.cancel(session).state is Status.CANCELLED


def test_an_auction_that_nobody_fills_expires(transactional_db: None) -> None:
    with memory_world(resolver_profit_bps=30) as world:
        session = world.execute(world.create())
        world.chains["near"].is_unreachable = True
        world.live(25, step=5)
        assert path(session) == ["initialized", "executing", "cancelled"]


def test_an_auction_is_filled_when_its_price_is_ours_and_not_before(transactional_db: None) -> None:
    with memory_world(resolver_profit_bps=30) as world:
        session = world.execute(world.create())
        wakes = reload(session).wake_at
        assert wakes is not None
        world.live(int(wakes.timestamp() - START) - 1, step=3)
        assert status(session) is Status.EXECUTING
        world.live(1)
        assert status(session) is Status.SOURCE_LOCKING


@pytest.mark.parametrize(
    ("profit", "ends"), [(30, "source_locking"), (10_000, "cancelled")], ids=["filled", "expired"]
)
def test_rule_11_an_auction_runs_by_the_heads_that_are_ahead_of_our_clock(
    transactional_db: None, profit: int, ends: str
) -> None:
    with memory_world(resolver_profit_bps=profit) as world:
        for chain in world.chains.values():
            chain.mine(seconds=1_000)
        world.poll()
        session = world.execute(world.create())
        assert status(session) is Status.EXECUTING
        world.live(25, step=1)
        assert path(session)[2:] == [ends]


def test_a_running_auction_is_cancelled_by_its_client(transactional_db: None) -> None:
    with memory_world(resolver_profit_bps=30) as world:
        session = world.cancel(world.execute(world.create()))
        assert path(session) == ["initialized", "executing", "cancelled"]
        assert not reservation_is_open()


def test_without_liquidity_nothing_is_filled_and_the_session_expires(world: World) -> None:
    for name, chain in world.chains.items():
        chain.fund("lock", -world.balances("lock")["lock", name])
    world.block()
    session = world.create()
    assert world.execute(session).state is Status.EXECUTING
    world.live(25, step=5)
    assert path(session) == ["initialized", "executing", "cancelled"]


def test_a_maker_who_never_locks_costs_us_the_reservation_until_accept_by(world: World) -> None:
    session = world.start()
    world.live(20, step=5)
    assert (status(session), reservation_is_open()) == (Status.SOURCE_LOCKING, True)
    world.live(15, step=3)
    assert path(session) == ["initialized", "executing", "source_locking", "cancelled"]
    assert not reservation_is_open()
    assert world.both_on_chain(session) == (ABSENT, ABSENT)
    assert not Intent.objects.exists()


def test_a_source_lock_after_accept_by_is_refused_and_given_back(world: World) -> None:
    session = world.start()
    deadlines = session.fixed_deadlines
    assert deadlines is not None
    world.live(deadlines.accept_by - int(world.clock.now))
    world.lock_source(session)
    world.live(12)
    assert path(session)[2:] == ["source_locking", "failed", "refunding", "refunded"]
    assert world.both_on_chain(session) == (REFUNDED, ABSENT)
    assert not reservation_is_open()


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_cancelled_source_lock_is_given_back_and_ours_is_never_made(
    world: World, blocks: int
) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(blocks)
    world.cancel(session)
    world.live(12)
    assert path(session)[-3:] == ["timeout", "refunding", "refunded"]
    assert world.both_on_chain(session) == (REFUNDED, ABSENT)
    assert [each.call for each in Intent.objects.all()] == [Call.REFUND_EARLY.value]


def test_from_our_lock_on_a_cancellation_is_answered_with_the_instant_of_return(
    world: World,
) -> None:
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.DESTINATION_LOCKING, session)
    with pytest.raises(NotCancellableError, match=r"returns from 2027-01-15T08:01:\d\dZ on"):
        world.cancel(session)
    world.live(12)
    assert status(session) is Status.COMPLETED


def test_rule_3_no_secret_leaves_for_a_maker_who_cannot_be_paid_and_both_are_refunded(
    world: World,
) -> None:
    session = world.start()
    world.lock_source(session)
    while world.on_chain(session, Role.DESTINATION) is not OPEN:
        world.live(1)
    world.chains["near"].refusing.add(MAKER)
    world.live(WHOLE_LIFE, step=5)
    withdrawals = Attempt.objects.filter(intent__call=Call.WITHDRAW.value, left_at__isnull=False)
    assert not withdrawals.exists()
    assert path(session)[-4:] == ["revealing_secret", "timeout", "refunding", "refunded"]
    assert world.both_on_chain(session) == (REFUNDED, REFUNDED)


def test_rule_2_a_payout_that_would_fail_stops_our_lock(world: World) -> None:
    world.chains["near"].refusing.add(MAKER)
    session = world.start()
    world.lock_source(session)
    world.live(WHOLE_LIFE, step=5)
    assert path(session)[-4:] == ["destination_locking", "timeout", "refunding", "refunded"]
    assert world.both_on_chain(session) == (REFUNDED, ABSENT)
    assert not Attempt.objects.filter(intent__call=Call.LOCK.value).exists()


def test_rule_4_a_lock_of_ours_that_never_arrives_gives_the_source_back_after_its_lock_by(
    world: World,
) -> None:
    session = world.start()
    world.lock_source(session)
    near = world.chains["near"]
    near.drops_sent = True
    refunds = Intent.objects.filter(call=Call.REFUND_EARLY.value)
    while not refunds.exists():
        world.live(2, step=2)
    assert near.final("final").block.time > terms(session, Role.DESTINATION).lock_by
    world.live(6)
    assert path(session)[-4:] == ["destination_locking", "timeout", "refunding", "refunded"]
    assert world.both_on_chain(session) == (REFUNDED, ABSENT)


def test_rule_4_a_secret_that_left_and_never_arrived_in_time_gives_both_back(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    reveals = Attempt.objects.filter(intent__call=Call.WITHDRAW.value, left_at__isnull=False)
    while world.on_chain(session, Role.DESTINATION) is not OPEN:
        world.live(1)
    near, timelock = world.chains["near"], terms(session, Role.DESTINATION).timelock
    near.drops_sent = True
    while near.head.time < timelock:
        world.live(1)
    assert reveals.exists()
    near.drops_sent = False
    world.live(20)
    assert world.both_on_chain(session) == (REFUNDED, REFUNDED)
    assert path(session)[-3:] == ["revealing_secret", "refunding", "refunded"]
