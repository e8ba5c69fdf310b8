"""Rule 4: what reached us although the maker was not paid is owed, and repaid once, by a person."""

import pytest
from django.core.management import CommandError, call_command

from auctions_app.routes import LockMode, SecretMode
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, AttemptStatus, ChainCursor, Intent
from chains_app.orders import SignedOrder
from chains_app.outbox.decision import MOST_TRIES
from chains_app.ports import Moment
from orchestrator.audit.models import AuditEntry
from orchestrator.kernel.hashlock import HashFunction, Secret
from sessions_app import services
from sessions_app.domain.states import Status
from sessions_app.gasless import order_of
from sessions_app.guard import judge
from sessions_app.models import Role, Session
from tests.integration.doors.staff import WHY, do, refused, run
from tests.integration.sessions.runbook import end, follow
from tests.integration.sessions.test_gasless import submit
from tests.integration.sessions.test_races import at_once
from tests.integration.sessions.tokens import create, lock_source, sign, start
from tests.integration.sessions.world import (
    BACK,
    MAKER,
    STRANGER,
    THERE,
    WHOLE_LIFE,
    World,
    path,
    reload,
    status,
    terms,
)

WITHDRAWN, REFUNDED, ABSENT = LockState.WITHDRAWN, LockState.REFUNDED, LockState.ABSENT
REPAYMENTS = Attempt.objects.filter(intent__call=Call.REPAY.value)


def taken_before_our_lock(world: World, route: str = THERE) -> Session:
    """The maker's secret is out, and a stranger brings us the source before we have locked."""
    secret = Secret.generate()
    session = world.start_by_maker(route, secret)
    world.lock_source(session)
    world.block()
    world.poll()
    world.send_as(STRANGER, Call.WITHDRAW, terms(session, Role.SOURCE), secret)
    world.live(6)
    assert world.both_on_chain(session) == (WITHDRAWN, ABSENT)
    return session


def taken_after_our_refund(world: World) -> Session:
    """The maker lets our lock expire, and then brings us the source."""
    secret = Secret.generate()
    session = world.start_by_maker(THERE, secret)
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    while world.on_chain(session, Role.DESTINATION) is not REFUNDED:
        world.live(2, step=2)
    world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.SOURCE), secret)
    world.live(4)
    assert world.both_on_chain(session) == (WITHDRAWN, REFUNDED)
    return session


CASES = {"before our lock": taken_before_our_lock, "after our refund": taken_after_our_refund}


def held(world: World, session: Session) -> int:
    source = terms(session, Role.SOURCE)
    return world.chains[source.chain].state.balance(MAKER, source.token)


@pytest.mark.parametrize("case", CASES)
def test_rule_1_a_final_repayment_counts_as_the_refund_of_the_source(
    world: World, case: str
) -> None:
    session = CASES[case](world)
    assert (status(session), reload(session).attention) == (Status.REFUNDING, "repayment_owed")
    before = held(world, session)
    said = do("repay_session", session.pk)
    amount = terms(session, Role.SOURCE).amount
    assert f"{amount} base units on base are to be repaid to maker" in said
    world.live(1)
    assert status(session) is Status.REFUNDING
    world.live(5)
    assert (status(session), reload(session).attention) == (Status.REFUNDED, "")
    assert held(world, session) == before + amount
    assert REPAYMENTS.get().status == AttemptStatus.FINAL


def test_rule_1_what_a_reorganisation_may_take_back_is_not_repaid_yet(world: World) -> None:
    """The leg's own tier is a faster one."""
    session = taken_before_our_lock(world)
    source = session.legs.get(role=Role.SOURCE)
    assert source.tier == "head+1"
    assert judge(Call.REPAY, source.pk, Moment.SEND).ok
    cursor = ChainCursor.objects.get(chain="base")
    cursor.finals["final"][0] = 0
    cursor.save()
    verdict = judge(Call.REPAY, source.pk, Moment.SEND)
    assert verdict.reason == "a reorganisation may still take the source's withdrawal back"


def test_rule_1_the_other_direction(world: World) -> None:
    session = taken_before_our_lock(world, BACK)
    before = held(world, session)
    do("repay_session", session.pk)
    world.live(6)
    assert status(session) is Status.REFUNDED
    assert held(world, session) == before + terms(session, Role.SOURCE).amount


@pytest.mark.parametrize("route", ["base:USDC->near:USDC", "near:USDC->base:USDC"])
def test_rule_1_a_token_is_repaid_in_the_token(tokens: World, route: str) -> None:
    secret = Secret.generate()
    hashlock = HashFunction.SHA256.digest(secret.reveal())
    session = start(tokens, route, secret_mode=SecretMode.MAKER, hashlock=hashlock)
    lock_source(tokens, session)
    tokens.poll()
    tokens.send_as(STRANGER, Call.WITHDRAW, terms(session, Role.SOURCE), secret)
    tokens.live(6)
    before = held(tokens, session)
    do("repay_session", session.pk)
    tokens.live(6)
    assert (path(session)[-1], reload(session).attention) == ("refunded", "")
    assert held(tokens, session) == before + terms(session, Role.SOURCE).amount


def test_rule_4_the_machine_never_repays_by_itself(world: World) -> None:
    session = taken_before_our_lock(world)
    world.live(WHOLE_LIFE, step=10)
    assert (status(session), reload(session).attention) == (Status.REFUNDING, "repayment_owed")
    assert not REPAYMENTS.exists()
    assert not Intent.objects.filter(call=Call.REPAY.value).exists()


def test_without_yes_it_says_what_it_would_pay_and_pays_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    session = taken_before_our_lock(world)
    with pytest.raises(CommandError, match="nothing was done: repeat it with --yes"):
        call_command("repay_session", str(session.pk), "--reason", WHY)
    source = terms(session, Role.SOURCE)
    assert capsys.readouterr().out == (
        f"would: pay {source.amount} base units of COIN on base from lock to maker, once: they "
        f"reached us for {session.pk}, and nobody was paid for them\n"
    )
    world.live(6)
    assert not AuditEntry.objects.exists()
    assert not REPAYMENTS.exists()


def test_nothing_is_repaid_where_nothing_is_owed(world: World) -> None:
    session = world.start()
    assert "not due while the session is source_locking" in refused("repay_session", session.pk)
    world.lock_source(session)
    world.live_until(Status.REVEALING_SECRET, session)
    refused("repay_session", session.pk)
    world.live(14)
    assert status(session) is Status.COMPLETED
    assert "not due while the session is completed" in refused("repay_session", session.pk)
    assert not Intent.objects.filter(call=Call.REPAY.value).exists()


def test_what_is_not_final_yet_is_not_repaid(world: World) -> None:
    secret = Secret.generate()
    session = world.start_by_maker(THERE, secret)
    world.lock_source(session)
    world.live(2)
    world.send_as(STRANGER, Call.WITHDRAW, terms(session, Role.SOURCE), secret)
    world.block()
    world.poll()
    world.sweep()
    refused("repay_session", session.pk)


def test_what_has_not_reached_us_is_not_repaid(world: World) -> None:
    """Decided for us and unpaid: our account could not be paid."""
    world.chains["base"].refusing.add("lock")
    session = taken_before_our_lock(world)
    refused("repay_session", session.pk)
    world.chains["base"].refusing.clear()
    world.live(6)
    do("repay_session", session.pk)
    world.live(6)
    assert status(session) is Status.REFUNDED


def test_a_second_release_pays_nothing_more(world: World) -> None:
    session = taken_before_our_lock(world)
    before = held(world, session)
    do("repay_session", session.pk)
    assert "was released already and is under way" in refused("repay_session", session.pk)
    world.live(6)
    assert "is repaid already" in refused("repay_session", session.pk)
    world.live(6)
    assert held(world, session) == before + terms(session, Role.SOURCE).amount
    assert REPAYMENTS.count() == 1


def test_rule_14_two_people_at_once_release_one_repayment(world: World) -> None:
    session = taken_before_our_lock(world)
    before = held(world, session)
    results = at_once(*[lambda: do("repay_session", session.pk)] * 2)
    assert sorted(isinstance(each, CommandError) for each in results) == [False, True]
    world.live(6)
    assert held(world, session) == before + terms(session, Role.SOURCE).amount


def test_rule_5_the_guard_looks_again_at_what_is_owed(world: World) -> None:
    """Released, and then a reorganisation takes the withdrawal away."""
    secret = Secret.generate()
    session = world.start_by_maker(THERE, secret)
    world.lock_source(session)
    world.block()
    world.poll()
    source = terms(session, Role.SOURCE)
    world.send_as(STRANGER, Call.WITHDRAW, source, secret)
    world.live(3)
    reference = session.legs.get(role=Role.SOURCE).pk
    assert judge(Call.REPAY, reference, Moment.SIGN).ok
    do("repay_session", session.pk)
    base = world.chains["base"]
    base.tiers["final"] = 5
    taken = [t.hash for mined in base.between(0, base.head.height) for t in mined.transactions]
    base.reorganise(4, dropped=taken)
    base.tiers["final"] = 2
    world.poll()
    verdict = judge(Call.REPAY, reference, Moment.SIGN)
    assert not verdict.ok
    world.live(5)
    assert not REPAYMENTS.filter(left_at__isnull=False).exists()


def test_rule_5_the_guard_wants_a_receiver_that_can_be_paid(world: World) -> None:
    session = taken_before_our_lock(world)
    world.chains["base"].refusing.add(MAKER)
    do("repay_session", session.pk)
    world.live(3)
    assert not REPAYMENTS.exists()
    assert "no, maker refuses payments on base" in run("explain_session", session.pk)
    world.chains["base"].refusing.clear()
    world.live(6)
    assert status(session) is Status.REFUNDED


def test_rule_11_nothing_is_repaid_on_stale_facts(world: World) -> None:
    session = taken_before_our_lock(world)
    world.trust_heads_for(5)
    world.read_heads(seconds_ago=6)
    assert "a chain's head is stale" in refused("repay_session", session.pk)


def test_a_reorganised_repayment_opens_the_session_again(world: World) -> None:
    session = taken_before_our_lock(world)
    before = held(world, session)
    do("repay_session", session.pk)
    world.live_until(Status.REFUNDED, session)
    paid = REPAYMENTS.get()
    base = world.chains["base"]
    depth = base.head.height - (paid.included_height or 0) + 1
    base.tiers["final"] = depth
    base.reorganise(depth)
    base.tiers["final"] = 2
    assert held(world, session) == before
    world.poll()
    world.sweep()
    assert status(session) is Status.REFUNDING
    world.live(6)
    assert path(session)[-3:] == ["refunded", "refunding", "refunded"]
    assert held(world, session) == before + terms(session, Role.SOURCE).amount
    assert REPAYMENTS.count() == 1


def taken_of_what_was_never_filled(tokens: World) -> Session:
    """An order that is submitted by a stranger after the cancellation, and withdrawn to us before
    it went back.
    """
    secret = Secret.generate()
    hashlock = HashFunction.SHA256.digest(secret.reveal())
    session = create(
        tokens,
        "base:USDC->near:USDC",
        mode=LockMode.GASLESS,
        secret_mode=SecretMode.MAKER,
        hashlock=hashlock,
    )
    source = terms(session, Role.SOURCE)
    tokens.send_as(MAKER, Call.APPROVE, source)
    tokens.block(1, "base")
    services.cancel_session(client=tokens.client, session_id=session.id)
    submit(tokens, STRANGER, SignedOrder(order_of(session), sign(session)))
    tokens.block(1, "base")
    tokens.send_as(STRANGER, Call.WITHDRAW, source, secret)
    tokens.block(1, "base")
    tokens.live(4)
    assert (path(session)[-1], reload(session).attention) == ("cancelled", "repayment_owed")
    return session


def test_an_order_of_a_swap_that_was_never_filled_is_repaid_too(tokens: World) -> None:
    session = taken_of_what_was_never_filled(tokens)
    source = terms(session, Role.SOURCE)
    before = held(tokens, session)
    do("repay_session", session.pk)
    tokens.live(6)
    assert (path(session)[-1], reload(session).attention) == ("cancelled", "")
    assert held(tokens, session) == before + source.amount
    assert "was repaid: no" in run("explain_session", session.pk)


# --- as its page of the runbook says --------------------------------------------------------------
def test_what_is_owed_is_released(world: World) -> None:
    session = taken_before_our_lock(world)
    before = held(world, session)
    follow("repayment_owed", "Nothing was released yet", session)
    assert end(world, session, 6) == ("refunded", (WITHDRAWN, ABSENT))
    assert reload(session).attention == ""
    paid = terms(session, Role.SOURCE).amount
    assert held(world, session) == before + paid


def test_what_was_released_and_failed_too_often_is_tried_again(world: World) -> None:
    session = taken_before_our_lock(world)
    base = world.chains["base"]
    base.refused_calls = {Call.REPAY}
    follow("repayment_owed", "Nothing was released yet", session)
    failed = Attempt.objects.filter(intent__call=Call.REPAY.value, succeeded=False)
    while failed.count() < MOST_TRIES:
        world.live(2)
        world.live(300, step=300)
    base.refused_calls = set()
    world.live(600, step=300)
    assert status(session) is Status.REFUNDING
    case = "It was released, and does not come into a block"
    follow("repayment_owed", case, session, WHY="once more")
    assert end(world, session, 6) == ("refunded", (WITHDRAWN, ABSENT))
