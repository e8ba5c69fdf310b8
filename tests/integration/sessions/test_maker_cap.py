"""Who keeps the secret has an option on our price: all together are capped on each chain."""

from collections.abc import Iterator

import pytest

from auctions_app.config import Caps
from auctions_app.models import Reservation
from auctions_app.routes import SecretMode
from orchestrator.kernel.hashlock import HashFunction, Secret
from sessions_app.domain.states import Status
from sessions_app.models import Session
from tests.integration.sessions.test_races import at_once
from tests.integration.sessions.world import BACK, THERE, World, memory_world, path, status
from tests.wiping import wipe_tables


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """Room for one session of 2,500 dollars on each chain."""
    wipe_tables()
    with memory_world(caps=Caps(maker_mode_chain_dollars=4_999)) as ours:
        yield ours


def created(world: World, route: str = THERE) -> Session:
    hashlock = HashFunction.SHA256.digest(Secret.generate().reveal())
    return world.create(route, secret_mode=SecretMode.MAKER, hashlock=hashlock)


def executed(world: World, route: str = THERE) -> Session:
    session = created(world, route)
    world.execute(session)
    return session


def test_what_would_pass_the_cap_waits_and_runs_out(world: World) -> None:
    first, second = executed(world), executed(world)
    assert (status(first), status(second)) == (Status.SOURCE_LOCKING, Status.EXECUTING)
    world.live(24, step=4)
    assert path(second) == ["initialized", "executing", "cancelled"]
    assert not Reservation.objects.filter(session_id=second.pk).exists()


def test_what_waits_is_filled_when_there_is_room_again(world: World) -> None:
    first, second = executed(world), executed(world)
    Session.objects.filter(pk=first.pk).update(status=Status.CANCELLED.value)
    world.live(2)
    assert status(second) is Status.SOURCE_LOCKING


def test_each_chain_has_a_cap_of_its_own(world: World) -> None:
    assert status(executed(world)) is Status.SOURCE_LOCKING
    assert status(executed(world, BACK)) is Status.SOURCE_LOCKING


def test_mode_service_is_not_counted_and_not_capped(world: World) -> None:
    world.start()
    assert status(executed(world)) is Status.SOURCE_LOCKING
    world.start()


def test_rule_14_two_fills_at_once_do_not_both_take_the_last_room(world: World) -> None:
    sessions = [created(world), created(world)]
    at_once(*[lambda each=each: world.execute(each) for each in sessions])
    found = sorted(status(session).value for session in sessions)
    assert found == ["executing", "source_locking"]
    assert Reservation.objects.count() == 1
