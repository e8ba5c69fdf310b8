"""ROUTES became empty: nothing new begins, and each open swap goes on to its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from auctions_app.market import UnknownRouteError, current_market, use_market
from auctions_app.routes import LockMode
from chains_app.locks import Call, LockState
from chains_app.orders import SignedOrder
from orchestrator.kernel.errors import InvalidSecretError
from orchestrator.kernel.hashlock import Secret
from sessions_app import sweeps
from sessions_app.api.answers import session_answer
from sessions_app.domain.states import Status
from sessions_app.exit_kit import exit_kit
from sessions_app.gasless import order_of
from sessions_app.models import Role, Session, Surplus
from sessions_app.services import SecretNotTakenError
from tests.integration.doors.staff import do, run
from tests.integration.sessions.test_alarming import INCLUSION, let_wait, revealing
from tests.integration.sessions.test_gasless import submit
from tests.integration.sessions.test_maker_mode import begun_by_maker, until_both_are_locked
from tests.integration.sessions.test_seen_hashlocks import drawn, make
from tests.integration.sessions.test_surplus import for_us
from tests.integration.sessions.tokens import (
    ROUTES,
    create,
    lock_source,
    sign,
    start,
    start_gasless,
)
from tests.integration.sessions.world import (
    BACK,
    MAKER,
    STRANGER,
    THERE,
    WHOLE_LIFE,
    World,
    memory_world,
    path,
    reload,
    status,
    terms,
)

WITHDRAWN, REFUNDED = LockState.WITHDRAWN, LockState.REFUNDED


@contextmanager
def drained() -> Iterator[None]:
    """Every process was started again without a route."""
    with use_market(replace(current_market(), routes={})):
        yield


def live_to_the_end(world: World, session: Session) -> Session:
    """With all that beat has swept; each door can be asked all the time."""
    for _ in range(0, WHOLE_LIFE, 2):
        world.live(2)
        sweeps.wake_overdue()
        sweeps.handle_surplus()
        sweeps.send_vanished_again()
        sweeps.forget_secrets()
        session = reload(session)
        ask_all_doors(session)
        if session.status in {"completed", "refunded", "cancelled"}:
            break
    assert session.attention == ""
    return session


def ask_all_doors(session: Session) -> None:
    session_answer(session)
    if session.legs.count() == 2:
        exit_kit(session)
    for command in ("show_session", "explain_session"):
        run(command, session.pk)
    run("list_stuck_sessions")


@pytest.mark.parametrize("route", [THERE, BACK])
def test_a_swap_that_waits_for_its_lock_completes(world: World, route: str) -> None:
    session = world.start(route)
    with drained():
        world.lock_source(session)
        assert live_to_the_end(world, session).state is Status.COMPLETED
    assert world.both_on_chain(session) == (WITHDRAWN, WITHDRAWN)


@pytest.mark.parametrize("route", ROUTES)
def test_a_swap_of_tokens_completes(tokens: World, route: str) -> None:
    session = start(tokens, route)
    with drained():
        lock_source(tokens, session)
        assert live_to_the_end(tokens, session).state is Status.COMPLETED


def test_an_order_that_was_signed_is_submitted_and_its_swap_completes(tokens: World) -> None:
    session = start_gasless(tokens, "base:USDC->near:USDC")
    with drained():
        assert live_to_the_end(tokens, session).state is Status.COMPLETED


@pytest.mark.parametrize("route", [THERE, BACK])
def test_a_maker_can_post_the_secret(world: World, route: str) -> None:
    session, secret = until_both_are_locked(world, route)
    with drained():
        with pytest.raises(InvalidSecretError):
            world.post(session, Secret.generate())
        world.post(session, secret)
        assert live_to_the_end(world, session).state is Status.COMPLETED


def test_a_secret_that_comes_early_is_not_taken(world: World) -> None:
    session, secret = begun_by_maker(world)
    with drained(), pytest.raises(SecretNotTakenError):
        world.post(session, secret)


def is_cancelled(world: World, session: Session, secret: Secret) -> None:
    world.cancel(session)


def is_cancelled_by_staff(world: World, session: Session, secret: Secret) -> None:
    do("refund_session", session.pk)


def is_left(world: World, session: Session, secret: Secret) -> None:
    """The maker never shows the secret."""


def is_taken(world: World, session: Session, secret: Secret) -> None:
    world.live_until(Status.BOTH_LOCKED, session)
    world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)


ENDS: dict[str, tuple[Callable[[World, Session, Secret], None], str]] = {
    "cancelled": (is_cancelled, "refunded"),
    "cancelled by staff": (is_cancelled_by_staff, "refunded"),
    "left": (is_left, "refunded"),
    "taken": (is_taken, "completed"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_locked_source_comes_to_every_end(world: World, end: str) -> None:
    happens, ends = ENDS[end]
    session, secret = begun_by_maker(world)
    world.lock_source(session)
    with drained():
        happens(world, session, secret)
        assert live_to_the_end(world, session).status == ends


def test_a_lock_that_never_comes_is_not_waited_for(world: World) -> None:
    session = world.start()
    with drained():
        assert live_to_the_end(world, session).state is Status.CANCELLED


def test_an_unpaid_payout_is_paid(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.REVEALING_SECRET, session)
    near, maker = world.chains["near"], terms(session, Role.DESTINATION)
    near.refusing.add(MAKER)
    with drained():
        world.live_to_the_end(session)
        before = near.state.balance(MAKER, None)
        near.refusing.clear()
        world.live(30, step=5)
    assert (status(session), near.state.balance(MAKER, None)) == (
        Status.COMPLETED, before + maker.amount
    )  # fmt: skip


def test_a_duty_that_is_overdue_is_told(world: World) -> None:
    session = revealing(world)
    let_wait(Call.WITHDRAW, 2 * INCLUSION)
    with drained():
        assert sweeps.wake_overdue() == 1
        world.sweep()
    assert reload(session).attention == "withdrawal_overdue"


# --- what was not filled --------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_an_auction_that_runs_runs_out_and_calls_for_nobody() -> None:
    with memory_world(resolver_profit_bps=30) as world:
        session = world.execute(world.create())
        assert status(session) is Status.EXECUTING
        with drained():
            world.live(10)
            assert (status(session), reload(session).attention) == (Status.EXECUTING, "")
            world.live(15)
        assert path(session) == ["initialized", "executing", "cancelled"]
        assert reload(session).attention == ""


def test_an_order_that_was_not_signed_is_not_asked_for_any_more(tokens: World) -> None:
    session = create(tokens, "base:USDC->near:USDC", mode=LockMode.GASLESS)
    signature = sign(session)
    assert session_answer(session)["order"] is not None
    with drained():
        assert session_answer(session)["order"] is None
        with pytest.raises(UnknownRouteError, match="there are none now"):
            tokens.execute(session, signature)
        assert live_to_the_end(tokens, session).state is Status.CANCELLED


def live_behind_the_wall(world: World) -> None:
    """What is decided is decided two seconds after each block, which is less than the slack."""
    for _ in range(8):
        world.block(1)
        world.poll()
        world.pass_time(2)
        world.sweep()
        sweeps.handle_surplus()
        world.send()


def test_an_order_that_a_stranger_submits_goes_back_early(tokens: World) -> None:
    tokens.trust_heads_for(30)
    session = create(tokens, "base:USDC->near:USDC", mode=LockMode.GASLESS)
    tokens.send_as(MAKER, Call.APPROVE, terms(session, Role.SOURCE))
    tokens.block(1, "base")
    signed = SignedOrder(order_of(session), sign(session))
    with drained():
        tokens.cancel(session)
        submit(tokens, STRANGER, signed)
        live_behind_the_wall(tokens)
    assert tokens.on_chain(session, Role.SOURCE) is REFUNDED


def test_a_lock_that_no_session_agreed_on_goes_back_early(world: World) -> None:
    world.trust_heads_for(30)
    _, hashlock = drawn()
    make(world, for_us(world, "base", hashlock))
    with drained():
        live_behind_the_wall(world)
    assert Surplus.objects.get().state == Surplus.State.REFUNDED
