"""Rule 11: machines whose clocks are off, beside others and alone."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import pytest

from chains_app.locks import Call, LockState
from chains_app.models import Attempt
from orchestrator.kernel.hashlock import Secret
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import BACK, THERE, World, path, status, terms

SLACK: Final = 10  # of the devnet's durations
HOUR: Final = 3_600
HONEST: Final = {"lock": 1, "withdraw": 2}


@pytest.fixture(autouse=True)
def heads_grow_stale(world: World) -> None:
    """By the machine's own clock, which also says when it has seen a head advance."""
    world.trust_heads_for(5)


@contextmanager
def on_a_machine(world: World, seconds_ahead: int) -> Iterator[None]:
    """What is done here, a machine does whose clock is so far from the true time."""
    world.clock.now += seconds_ahead
    try:
        yield
    finally:
        world.clock.now -= seconds_ahead


def live_on(world: World, seconds: int, *ahead: int) -> None:
    """Each second every machine works once."""
    for _ in range(seconds):
        world.block()
        for each in ahead:
            with on_a_machine(world, each):
                world.work()


def calls() -> Counter[str]:
    """What was signed, whether it left or not."""
    return Counter(Attempt.objects.values_list("intent__call", flat=True))


MACHINES: Final = {
    "two, by the slack apart": (SLACK // 2, -SLACK // 2),
    "one, an hour behind the chains": (-HOUR,),
}


@pytest.mark.parametrize("route", [THERE, BACK])
@pytest.mark.parametrize("machines", MACHINES)
def test_rule_11_machines_whose_clocks_are_off_make_each_call_once(
    world: World, machines: str, route: str
) -> None:
    session = world.start(route)
    world.lock_source(session)
    live_on(world, 16, *MACHINES[machines])
    assert path(session) == SWAPPED
    assert calls() == HONEST


@pytest.mark.parametrize("route", [THERE, BACK])
def test_rule_11_a_machine_that_is_an_hour_ahead_stakes_nothing_and_gives_the_source_back(
    world: World, route: str
) -> None:
    """To it both heads are stale, and it is too late for our lock."""
    session = world.start(route)
    world.lock_source(session)
    live_on(world, 12, HOUR)
    assert status(session) is Status.REFUNDED
    assert world.on_chain(session, Role.SOURCE) is LockState.REFUNDED
    assert calls() == {"refund_early": 1}


@pytest.mark.parametrize("has_left", [True, False])
def test_rule_11_a_source_whose_chain_stood_still_past_its_timelock_is_still_taken(
    world: World, has_left: bool
) -> None:
    """By the wall it is too late; the chain goes on where it stood."""
    session = world.start(THERE)
    world.lock_source(session)
    source = terms(session, Role.SOURCE)
    wanted = Attempt.objects.filter(intent__call="withdraw", intent__reference=leg_of(session))
    world.live_until(Status.REVEALING_SECRET, session)
    while not (wanted.exists() if has_left else withdrawn(world, session)):
        world.block(1, "near")
        world.work()
    world.block(int(source.timelock - world.clock.now) + 5, "near")
    for _ in range(3):
        world.work()
    base = world.chains["base"]
    for _ in range(4):
        base.mine()
        world.work()
    assert base.head.time < source.timelock
    assert world.on_chain(session, Role.SOURCE) is LockState.WITHDRAWN


def leg_of(session: Session) -> UUID:
    return session.legs.get(role=Role.SOURCE).pk


def withdrawn(world: World, session: Session) -> bool:
    """The maker is paid, at the head."""
    return world.on_chain(session, Role.DESTINATION) is LockState.WITHDRAWN


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_rule_11_a_refund_comes_at_the_chains_timelock_whatever_the_machines_clock(
    world: World, ahead: int
) -> None:
    session = world.start_by_maker(THERE, Secret(b"own" + b"!" * 29))
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    timelock = terms(session, Role.DESTINATION).timelock
    live_on(world, int(timelock - world.clock.now) - 1, ahead)
    assert refunds(session) == 0
    assert world.on_chain(session, Role.DESTINATION) is LockState.OPEN
    live_on(world, 6, ahead)
    assert refunds(session) == 1
    assert world.on_chain(session, Role.DESTINATION) is LockState.REFUNDED


def refunds(session: Session) -> int:
    """Those of our own lock that left us."""
    leg = session.legs.get(role=Role.DESTINATION)
    sent = Attempt.objects.filter(intent__reference=leg.pk, left_at__isnull=False)
    return sent.filter(intent__call=Call.REFUND.value).count()
