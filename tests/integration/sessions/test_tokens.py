"""Swaps of tokens on either side, over chains that behave as an ERC-20 and a NEP-141 do."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from auctions_app.market import current_market
from auctions_app.pricing import registration_fee
from auctions_app.routes import AmountOutOfLimitsError
from chains_app.adapters.interface import ChainUnavailableError
from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.memory_chain import FEE
from chains_app.locks import PRELIMINARIES, Call, LockState
from chains_app.models import Attempt, Intent, IntentStatus
from chains_app.ports import Moment
from chains_app.selectors import writes_left
from orchestrator.kernel.errors import UnavailableError
from sessions_app import sweeps
from sessions_app.domain.states import Status
from sessions_app.guard import judge
from sessions_app.models import Role, Session
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.tokens import (
    NEWCOMER,
    REGISTRATION,
    ROUTES,
    STORAGE,
    TOKEN,
    TOKENS,
    holdings,
    lock_source,
    start,
)
from tests.integration.sessions.world import (
    MAKER,
    World,
    path,
    reload,
    status,
    terms,
)


@pytest.mark.parametrize("route", ROUTES)
def test_a_token_swap_pays_both_parties_to_the_last_unit(tokens: World, route: str) -> None:
    before = holdings(tokens)
    session = start(tokens, route)
    lock_source(tokens, session)
    tokens.live(20)
    assert path(session) == SWAPPED
    assert tokens.both_on_chain(session) == (LockState.WITHDRAWN, LockState.WITHDRAWN)
    changes = holdings(tokens)
    changes.subtract(before)
    expected: Counter[tuple[str, str]] = Counter()
    for role, payer, paid in ((Role.SOURCE, MAKER, "lock"), (Role.DESTINATION, "lock", MAKER)):
        leg = terms(session, role)
        if leg.token is not None:
            expected[payer, leg.chain] -= leg.amount
            expected[paid, leg.chain] += leg.amount
    assert {key: value for key, value in changes.items() if value} == expected


def test_a_swap_for_somebody_whom_the_token_does_not_know_registers_him(tokens: World) -> None:
    near = tokens.chains["near"]
    had = near.state.balance("lock", None)
    session = start(tokens, "base:COIN->near:USDC", NEWCOMER)
    lock_source(tokens, session)
    tokens.live(24)
    assert path(session) == SWAPPED
    amount = terms(session, Role.DESTINATION).amount
    assert near.state.balance(NEWCOMER, TOKEN) == amount
    calls = Attempt.objects.filter(signer__role="lock", signer__chain="near")
    made = list(calls.order_by("signed_at").values_list("intent__call", flat=True))
    assert made == ["register", "prepare", "lock"]
    assert had - near.state.balance("lock", None) == 3 * FEE + REGISTRATION + STORAGE


def until_planned(world: World, session: Session, call: Call) -> Session:
    leg = session.legs.get(role=Role.DESTINATION).id
    while not Intent.objects.filter(reference=leg, call=call.value).exists():
        world.block()
        world.poll()
        sweeps.advance_all_due()
        if status(session) is not Status.DESTINATION_LOCKING or call in PRELIMINARIES:
            world.send()
    return reload(session)


def ask(session: Session, call: Call) -> Any:
    return judge(call, session.legs.get(role=Role.DESTINATION).id, Moment.SEND)


@pytest.fixture
def registering(tokens: World) -> Session:
    session = start(tokens, "base:COIN->near:USDC", NEWCOMER)
    lock_source(tokens, session)
    return until_planned(tokens, session, Call.LOCK)


def test_rule_3_who_is_about_to_be_registered_is_no_objection_to_that_alone(
    registering: Session,
) -> None:
    assert ask(registering, Call.REGISTER).ok
    for call in (Call.PREPARE, Call.LOCK):
        assert ask(registering, call).reason == f"{NEWCOMER} is not registered with {TOKEN}"


@pytest.mark.parametrize("call", PRELIMINARIES)
def test_rule_2_a_preliminary_may_leave_exactly_when_its_lock_may(
    tokens: World, registering: Session, call: Call
) -> None:
    near = tokens.chains["near"]
    near.fund(NEWCOMER, 0, TOKEN)
    assert ask(registering, call).ok
    tokens.block(seconds=60)
    tokens.poll()
    assert ask(registering, call) == ask(registering, Call.LOCK)
    assert not ask(registering, call).ok


def test_rule_3_a_beneficiary_who_leaves_the_token_stops_the_reveal(tokens: World) -> None:
    session = start(tokens, "base:COIN->near:USDC", NEWCOMER)
    lock_source(tokens, session)
    near = tokens.chains["near"]
    while tokens.on_chain(session, Role.DESTINATION) is not LockState.OPEN:
        tokens.live(1)
    near.refusing.add(NEWCOMER)
    tokens.live(150, step=2)
    assert status(session) is Status.REFUNDED
    assert tokens.both_on_chain(session) == (LockState.REFUNDED, LockState.REFUNDED)
    leg = session.legs.get(role=Role.DESTINATION).id
    assert Call.WITHDRAW not in writes_left([leg])[leg]


def test_rule_5_a_cancelled_swap_calls_the_preliminaries_off(tokens: World) -> None:
    """The source vanishes while ours are on their way: our lock is voided, and they with it."""
    session = start(tokens, "base:COIN->near:USDC", NEWCOMER)
    lock_source(tokens, session)
    leg = session.legs.get(role=Role.DESTINATION).id
    while not writes_left([leg]):
        tokens.live(1)
    assert Call.LOCK not in writes_left([leg])[leg]
    tokens.chains["near"].is_halted = True
    tokens.send_as("lock", Call.REFUND_EARLY, terms(session, Role.SOURCE))
    tokens.block(1, "base")
    tokens.work()
    assert status(session) in (Status.FAILED, Status.REFUNDING)
    open_ones = Intent.objects.filter(reference=leg, status__in=["planned", "active"])
    assert not open_ones.exists()
    voided = Intent.objects.get(reference=leg, call=Call.LOCK.value)
    assert voided.status == IntentStatus.VOID


def test_who_has_to_be_registered_pays_for_it_out_of_the_payout(tokens: World) -> None:
    route = current_market().route("base:USDC->near:USDC")
    fee = registration_fee(route, REGISTRATION, current_market().prices)
    known, newcomer = start(tokens, route.id), start(tokens, route.id, NEWCOMER)
    assert (known.registration_fee, newcomer.registration_fee) == (0, fee)
    paid = [terms(session, Role.DESTINATION).amount for session in (known, newcomer)]
    assert fee > 0
    assert paid[0] - paid[1] == fee
    assert newcomer.least_payout == newcomer.quote.end_amount - fee


def test_a_registration_that_would_take_all_is_refused(tokens: World) -> None:
    tokens.chains["near"].tokens[TOKEN] = replace(TOKENS["near"], registration=10**27)
    with pytest.raises(AmountOutOfLimitsError, match="register it yourself"):
        start(tokens, "base:USDC->near:USDC", NEWCOMER)
    assert Session.objects.count() == 0


def test_a_session_needs_an_answer_about_the_registration(
    tokens: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> int:
        raise ChainUnavailableError("near: no node answers")

    monkeypatch.setattr(MemoryAdapter, "registration_cost", silent)
    with pytest.raises(UnavailableError, match="near does not answer: try again"):
        start(tokens, "base:USDC->near:USDC")
