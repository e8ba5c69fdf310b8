"""Who locks and then makes the swap wait for a better price has a free option on ours."""

from collections.abc import Callable, Iterator

import pytest

from auctions_app.config import Caps
from chains_app.models import Attempt
from sessions_app.admission import CapReachedError
from sessions_app.domain.states import Status
from sessions_app.models import Session
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import MAKER, World, memory_world, path, reload
from tests.wiping import wipe_tables

INCLUSION = 5  # seconds, of the devnet's policy


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """A maker may walk away twice a day, and is then asked to wait."""
    wipe_tables()
    with memory_world(caps=Caps(maker_abandoned=2)) as ours:
        yield ours


def refuse(world: World, *, refuses: bool = True) -> None:
    refusing = world.chains["near"].refusing
    refusing.add(MAKER) if refuses else refusing.discard(MAKER)


def locked_and_refused(world: World) -> Session:
    """The maker's lock is final, and nothing can be paid out."""
    refuse(world)
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.DESTINATION_LOCKING, session)
    return session


def both_locked_and_refused(world: World) -> Session:
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.DESTINATION_LOCKING, session)
    world.live(2)
    refuse(world)
    world.live_until(Status.REVEALING_SECRET, session)
    return session


def until_given_up(world: World, session: Session) -> None:
    """Its money goes back from here on."""
    while "timeout" not in path(session):
        world.live(1)


BEGIN = pytest.mark.parametrize("begin", [locked_and_refused, both_locked_and_refused])


@BEGIN
def test_a_payout_that_is_refused_for_long_ends_the_swap(
    world: World, begin: Callable[[World], Session]
) -> None:
    session = begin(world)
    until_given_up(world, session)
    timeout, refused_at = (
        session.transitions.get(after="timeout"),
        reload(session).payout_refused_at,
    )
    assert refused_at is not None
    assert timeout.reason == "the maker's account refuses the payment"
    asked_again = INCLUSION + 1  # and looked at in the next second of this world
    assert (timeout.at - refused_at).total_seconds() == asked_again
    refuse(world, refuses=False)  # too late for a better price
    world.live_to_the_end(session)
    assert path(session)[-1] == "refunded"
    assert not Attempt.objects.filter(intent__call="withdraw").exists()


@BEGIN
def test_a_payout_that_is_taken_in_time_goes_on(
    world: World, begin: Callable[[World], Session]
) -> None:
    session = begin(world)
    world.live(2)
    assert reload(session).payout_refused_at is not None
    refuse(world, refuses=False)
    world.live_to_the_end(session)
    assert path(session) == SWAPPED
    assert reload(session).payout_refused_at is None


def test_nobody_is_given_up_whom_nobody_asked_again(world: World) -> None:
    """One refusal, then silence: only another refusal ends the swap."""
    session = locked_and_refused(world)
    near = world.chains["near"]
    near.is_unreachable = True
    world.live(2 * INCLUSION)
    assert path(session)[-1] == "destination_locking"
    near.is_unreachable = False
    refuse(world, refuses=False)
    world.live_to_the_end(session)
    assert path(session) == SWAPPED


def test_a_payment_that_nobody_could_take_counts_against_nobody(world: World) -> None:
    """As of a coin that is paused: our own account would not get it either."""
    world.chains["near"].refusing.add("lock")
    session = locked_and_refused(world)
    world.live_to_the_end(session)
    assert path(session)[-1] == "refunded"
    assert (reload(session).payout_refused_at, reload(session).payout_is_refused) == (None, False)


def refused_swap(world: World) -> None:
    session = locked_and_refused(world)
    world.live_to_the_end(session)
    refuse(world, refuses=False)


def cancelled_swap(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(1)
    world.cancel(session)
    world.live_to_the_end(session)


@pytest.mark.parametrize("walk_away", [refused_swap, cancelled_swap])
def test_who_walks_away_again_and_again_may_not_go_on(
    world: World, walk_away: Callable[[World], None]
) -> None:
    for _ in range(2):
        walk_away(world)
    with pytest.raises(CapReachedError, match="maker cancelled 2 swaps after their lock, or took"):
        world.create()
    world.clock.now += 24 * 3600
    world.create()


def test_who_cancels_before_a_lock_or_is_given_back_by_us_may_go_on(world: World) -> None:
    for _ in range(2):
        world.cancel(world.start())
    for _ in range(2):
        session = world.start()
        world.lock_source(session)
        world.chains["near"].is_unreachable = True
        until_given_up(world, session)
        world.chains["near"].is_unreachable = False
        world.live_to_the_end(session)
        assert path(session)[-1] == "refunded"
    world.create()
