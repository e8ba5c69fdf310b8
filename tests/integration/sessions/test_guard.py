"""Rules 2, 3, 5 and 13 at the ports of the outbox: what is asked, answered, stored and opened."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from chains_app.locks import Call, LockState
from chains_app.models import Attempt, Intent, Signer, Watch
from chains_app.outbox.nonces import sync_signers
from chains_app.ports import Moment, Verdict
from chains_app.registry import get_adapter
from orchestrator.kernel.hashlock import HashFunction, Secret, fits
from secrets_app.models import SecretAccess
from sessions_app import guard, sweeps
from sessions_app.domain.states import Status
from sessions_app.guard import judge, open_for_withdrawal
from sessions_app.models import Role, Session
from tests.integration.sessions.world import MAKER, THERE, World, reload

DESTINATION, SOURCE = Role.DESTINATION, Role.SOURCE


def ask(session: Session, role: Role, call: Call) -> Verdict:
    return judge(call, session.legs.get(role=role).id, Moment.SEND)


def waiting_for(world: World, role: Role, call: Call, route: str = THERE) -> Session:
    """A session whose write is planned and not signed yet."""
    session = world.start(route)
    world.lock_source(session)
    leg = session.legs.get(role=role).id
    while not Intent.objects.filter(reference=leg, call=call.value).exists():
        world.send()
        world.block()
        world.poll()
        sweeps.advance_all_due()
    return reload(session)


@pytest.fixture
def locking(world: World) -> Session:
    return waiting_for(world, DESTINATION, Call.LOCK)


@pytest.fixture
def revealing(world: World) -> Session:
    return waiting_for(world, DESTINATION, Call.WITHDRAW)


def test_rule_2_our_lock_may_leave_when_all_is_well(locking: Session) -> None:
    assert ask(locking, DESTINATION, Call.LOCK).ok


def test_rule_3_the_secret_may_leave_when_all_is_well(revealing: Session) -> None:
    assert ask(revealing, DESTINATION, Call.WITHDRAW).ok


def refuse_the_maker(world: World) -> None:
    world.chains["near"].refusing.add(MAKER)


def refuse_us(world: World) -> None:
    world.chains["base"].refusing.add("lock")


def take_our_gas(world: World) -> None:
    base = world.chains["base"]
    base.fund("duty", 99 - base.state.balance("duty", None))


def test_rule_3_gas_that_other_swaps_hold_pays_for_no_withdrawal_of_ours(world: World) -> None:
    """Theirs: both calls of the source's duties, from the fill until both legs are decided."""
    secret = Secret.generate()
    other = world.start_by_maker(THERE, secret)
    world.lock_source(other)
    world.live_until(Status.BOTH_LOCKED, other)
    mine = waiting_for(world, DESTINATION, Call.LOCK)
    base = world.chains["base"]
    base.fund("duty", 299 - base.state.balance("duty", None))
    refused = ask(mine, DESTINATION, Call.LOCK)
    assert (refused.ok, refused.reason) == (
        False,
        "duty on base lacks the gas of a withdrawal: 100 base units beside 200 that other swaps "
        "hold",
    )
    base.fund("duty", 1)
    assert ask(mine, DESTINATION, Call.LOCK).ok
    assert not ask(other, DESTINATION, Call.WITHDRAW).ok  # by its machine, not for want of gas
    world.post(other, secret)
    assert ask(reload(other), DESTINATION, Call.WITHDRAW).ok


def test_rule_3_a_key_whose_allowance_is_less_than_what_others_hold_may_pay_for_ours(
    world: World, revealing: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have the account, and keys of their own."""
    monkeypatch.setattr(guard, "gas_of_others", lambda *_: 10**6)
    for allowance, is_enough in ((100, True), (99, False)):
        prepared = SimpleNamespace(balance=allowance)
        monkeypatch.setattr(get_adapter("base"), "prepare", lambda *_, of=prepared: of)
        assert ask(revealing, DESTINATION, Call.WITHDRAW).ok is is_enough


def pause_our_signer(world: World) -> None:
    Signer.objects.filter(chain="base", role="duty").delete()
    Signer.objects.create(
        chain="base", role="duty", account="duty", public_key="key-0", is_enabled=False
    )
    Signer.objects.create(chain="base", role="duty", account="gone", public_key="retired")


def exhaust_our_caps(world: World) -> None:
    sync_signers("base")
    Signer.objects.filter(chain="base", role="duty").update(cap_per_day=99)


def silence(world: World) -> None:
    world.chains["base"].is_unreachable = True


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (refuse_the_maker, "maker refuses payments on near"),
        (refuse_us, "lock refuses payments on base"),
        (take_our_gas, "duty on base lacks the gas of a withdrawal: 100 base units"),
        (pause_our_signer, "our duty signers on base are paused"),
        (exhaust_our_caps, "duty on base (duty) would spend 100 per day, its cap is 99"),
        (silence, "a chain could not be asked: base: no node answers"),
    ],
)
@pytest.mark.parametrize("call", [Call.LOCK, Call.WITHDRAW])
def test_rule_3_what_only_a_node_can_tell_stops_our_lock_and_the_secret(
    world: World, call: Call, change: Any, reason: str
) -> None:
    session = waiting_for(world, DESTINATION, call)
    change(world)
    refused = ask(session, DESTINATION, call)
    assert (refused.ok, refused.reason) == (False, reason)


def test_rule_2_the_guard_asks_the_machine_anew(world: World, locking: Session) -> None:
    world.clock.now += 60
    assert ask(locking, DESTINATION, Call.LOCK).reason == "too late for our lock"


def test_rule_3_the_guard_of_the_secret_asks_the_machine_anew(
    world: World, revealing: Session
) -> None:
    world.clock.now += 60
    refused = ask(revealing, DESTINATION, Call.WITHDRAW)
    assert (refused.ok, refused.reason) == (False, "too late to reveal the secret")


def test_rule_4_the_guard_of_the_source_waits_for_the_destination(revealing: Session) -> None:
    for call in (Call.WITHDRAW, Call.REFUND_EARLY, Call.REFUND):
        assert ask(revealing, SOURCE, call).reason == (
            "not due while the session is revealing_secret"
        )


@pytest.mark.parametrize(("role", "call"), [(SOURCE, Call.LOCK), (DESTINATION, Call.REFUND_EARLY)])
def test_rule_15_what_is_never_ours_is_never_agreed_to(
    revealing: Session, role: Role, call: Call
) -> None:
    verdict = ask(revealing, role, call)
    assert not verdict.ok
    assert verdict.reason == f"{call.value} is never ours on the {role} leg"


def test_rule_11_facts_older_than_ten_seconds_stop_our_lock(
    world: World, locking: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.trust_heads_for(30)
    for age, reason in ((10, "agreed"), (11, "a chain's head is stale")):
        world.read_heads(seconds_ago=age)
        assert ask(locking, DESTINATION, Call.LOCK).reason == reason


def test_rule_3_verdict_and_inputs_are_stored_with_each_attempt(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.COMPLETED, session)
    assert session.fixed_deadlines is not None
    for attempt in Attempt.objects.all():
        for verdict, moment in ((attempt.sign_verdict, "sign"), (attempt.send_verdict, "send")):
            assert verdict is not None
            assert (verdict["ok"], verdict["reason"]) == (True, "agreed")
            assert verdict["inputs"]["moment"] == moment
            facts = verdict["inputs"]["facts"]
            assert facts["source"]["head"] in {"open", "withdrawn"}
            assert facts["deadlines"]["accept_by"] == session.fixed_deadlines.accept_by


def test_rule_5_a_refusal_is_stored_with_the_intent(world: World, locking: Session) -> None:
    refuse_the_maker(world)
    world.send()
    intent = Intent.objects.get(call=Call.LOCK.value)
    assert intent.refusal is not None
    assert intent.refusal["reason"] == "maker refuses payments on near"
    assert not intent.attempts.exists()


def test_rule_13_a_secret_is_opened_for_its_own_session_alone(
    world: World, revealing: Session
) -> None:
    other = waiting_for(world, DESTINATION, Call.WITHDRAW)
    assert revealing.secret_id is not None
    leg = other.legs.get(role=DESTINATION).id
    with pytest.raises(Exception, match="does not belong to"):
        open_for_withdrawal(revealing.secret_id, leg)


def test_rule_13_each_opening_is_audited_until_the_chain_shows_the_secret(
    world: World, revealing: Session
) -> None:
    assert revealing.secret_id is not None
    leg = revealing.legs.get(role=DESTINATION).id
    secret = open_for_withdrawal(revealing.secret_id, leg)
    assert fits(secret, bytes(revealing.hashlock), HashFunction.SHA256)
    assert SecretAccess.objects.count() == 1
    world.live_until(Status.COMPLETED, revealing)
    opened = SecretAccess.objects.count()
    assert open_for_withdrawal(revealing.secret_id, leg) == secret
    assert SecretAccess.objects.count() == opened


def test_rule_13_no_verdict_holds_the_secret(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.COMPLETED, session)
    shown = bytes(
        Watch.objects.get(reference=session.legs.get(role=DESTINATION).id).preimage or b""
    )
    assert fits(Secret(shown), bytes(session.hashlock), HashFunction.SHA256)
    stored = [json.dumps([a.sign_verdict, a.send_verdict]) for a in Attempt.objects.all()]
    assert not [text for text in stored if shown.hex() in text]
    assert world.on_chain(session, DESTINATION) is LockState.WITHDRAWN
