"""Signers are narrow (rule 15), and no nonce is lost or given out twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, transaction

from chains_app.locks import Call
from chains_app.models import FILL, Attempt, AttemptStatus, Intent, IntentStatus, Signer
from chains_app.outbox import caps, worker
from chains_app.outbox.caps import check_signer
from chains_app.outbox.decision import STUCK_AFTER
from chains_app.outbox.following import follow, stored_of
from chains_app.outbox.nonces import sync_signers
from chains_app.outbox.signing import sign
from chains_app.outbox.worker import drain, run_outbox
from chains_app.poller import poll_all
from chains_app.ports import Moment, Verdict
from chains_app.selectors import PAUSED_KEYS, paused_roles
from chains_app.signers import SignerRefusedError, SignerRole, refusal
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.test_repayments import released
from tests.integration.chains.world import (
    YES,
    World,
    age_attempts,
    in_other_connections,
    make_all_due,
    sign_only,
)


def test_rule_15_the_kill_switch_stops_signing(world: World) -> None:
    sync_signers("base")
    Signer.objects.filter(role="lock").update(is_enabled=False)
    reference = world.plan(world.terms())
    world.turn(2)
    assert world.attempts(reference) == []
    Signer.objects.update(is_enabled=True)
    world.turn()
    assert world.statuses(reference) == [AttemptStatus.SENT]


@pytest.mark.parametrize("chain", ["base", "near"])
def test_what_waits_for_paused_keys_says_so(
    world: World, chain: str, caplog: pytest.LogCaptureFixture
) -> None:
    sync_signers(chain)
    Signer.objects.filter(role="lock").update(is_enabled=False)
    reference = world.plan(world.terms(chain))
    why = f"our lock signers on {chain} are paused: resume one"
    for looks in (1, 2):
        make_all_due()
        assert run_outbox() == 1
        assert not_signed(caplog) == [why] * looks
    assert world.intent(reference).refusal == {"ok": False, "reason": why, "inputs": {}}


def test_what_waits_for_a_busy_key_is_not_refused(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    sync_signers("near")
    first = Signer.objects.filter(chain="near", role="lock").order_by("pk")[0]
    Signer.objects.filter(pk=first.pk).update(is_enabled=False)
    references = [world.plan(world.terms("near")) for _ in range(2)]
    assert run_outbox() == 2
    assert sorted(len(world.attempts(each)) for each in references) == [0, 1]
    assert [world.intent(each).refusal for each in references] == [None, None]
    assert not_signed(caplog) == []


def not_signed(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The reasons that the log gives."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line["reason"] for line in lines if line["event"] == "not_signed"]


def test_a_role_is_paused_when_each_of_its_keys_is(world: World) -> None:
    sync_signers("near")
    ours = Signer.objects.filter(chain="near", role="lock").order_by("pk")
    Signer.objects.create(
        chain="near", role="lock", account="lock", public_key="a key that is gone"
    )
    Signer.objects.create(chain="gone", role="lock", account="x", public_key="y", is_enabled=False)
    Signer.objects.filter(pk=ours[0].pk).update(is_enabled=False)
    assert paused_roles(PAUSED_KEYS.all()) == set()
    ours.exclude(public_key="a key that is gone").update(is_enabled=False)
    assert paused_roles(PAUSED_KEYS.all()) == {("near", SignerRole.LOCK)}


def test_rule_15_the_kill_switch_stops_what_is_signed_and_not_sent(world: World) -> None:
    reference = world.plan(world.terms())
    sign_only(world)
    Signer.objects.update(is_enabled=False)
    make_all_due()
    drain()
    assert world.base.mempool == []
    Signer.objects.update(is_enabled=True)
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.SENT]


def test_rule_15_the_kill_switch_is_read_under_the_lock_that_signs(world: World) -> None:
    sync_signers("base")
    reference = world.plan(world.terms())

    def pause() -> None:
        Signer.objects.update(is_enabled=False)

    world.adapters["base"].before["prepare"] = pause
    drain()
    assert world.attempts(reference) == []


@pytest.mark.parametrize(
    ("field", "value"), [("contract", "other"), ("token", "unknown"), ("depositor", "maker")]
)
def test_rule_15_a_signer_refuses_any_other_destination(
    world: World, field: str, value: str
) -> None:
    changed: dict[str, Any] = {field: value}
    reference = world.plan(replace(world.terms(), **changed))
    drain()
    assert world.attempts(reference) == []


@pytest.mark.parametrize(
    ("call", "changes", "reason"),
    [
        (Call.LOCK, {"contract": "other"}, "other is not the configured contract escrows"),
        (Call.LOCK, {"token": "unknown"}, "unknown is not a configured token"),
        (Call.LOCK, {"depositor": "maker"}, "the lock's depositor maker is not this signer lock"),
        (Call.PREPARE, {}, "a native lock needs no prepare"),
        (Call.REFUND_EARLY, {}, "the lock's beneficiary maker is not this signer lock"),
        (Call.REPAY, {"beneficiary": "lock"}, "nobody released the repayment"),
    ],
)
def test_rule_15_what_a_signer_refuses_and_why(
    world: World, call: Call, changes: dict[str, Any], reason: str
) -> None:
    terms = replace(world.terms(), **changes)
    assert refusal(call, terms, "lock", "escrows", frozenset({"usdc"})) == reason
    fine = replace(world.terms(), beneficiary="lock", token="usdc")
    assert refusal(call, fine, "lock", "escrows", frozenset({"usdc"}), is_released=True) is None


def test_rule_14_who_signs_holds_the_signers_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From before it looks at caps and nonces."""
    sync_signers("base")
    world.plan(world.terms())
    held: list[object] = []

    def is_held() -> bool:
        rows = Signer.objects.filter(chain="base", role="lock").select_for_update(nowait=True)
        try:
            with transaction.atomic():
                rows.get()
        except OperationalError:
            return True
        return False

    def check(*arguments: Any, **named: Any) -> None:
        held.extend(in_other_connections(is_held))
        check_signer(*arguments, **named)

    monkeypatch.setattr(caps, "check_signer", check)
    drain()
    assert held == [True]


def test_rule_15_a_gap_is_filled_before_all_that_waits_behind_it(world: World) -> None:
    """Also before what is more urgent than all else, and was wanted first."""
    urgent: list[UUID] = []
    void_the_first_of_two(world, lambda: urgent.append(world.plan(world.terms(), urgency=99)))
    drain()
    assert [each.nonce for each in Attempt.objects.filter(intent__call=FILL)] == [0]
    assert [each.nonce for each in world.attempts(urgent[0])] == [2]


def test_rule_15_duties_go_out_from_their_own_account(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("near", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    drain()
    roles = Attempt.objects.order_by("signed_at").values_list("signer__role", "signer__account")
    assert list(roles) == [("lock", "lock"), ("duty", "duty")]


def test_a_signer_without_the_money_signs_nothing(world: World) -> None:
    reference = world.plan(world.terms(amount=10**9))
    drain()
    assert world.attempts(reference) == []


def test_rule_5_one_transaction_in_flight_per_near_key(world: World) -> None:
    references = [world.plan(world.terms("near")) for _ in range(3)]
    drain()
    assert sorted(len(world.attempts(reference)) for reference in references) == [0, 1, 1]
    keys = {attempt.signer_id for attempt in Attempt.objects.all()}
    assert len(keys) == 2
    world.turn(3)  # its end is seen in the second, perhaps after the third lock had its turn
    assert sorted(len(world.attempts(reference)) for reference in references) == [1, 1, 1]


def test_rule_5_a_near_key_taken_while_another_worker_prepared_is_not_used(world: World) -> None:
    first = world.plan(world.terms("near"))
    others: list[UUID] = []

    def take_both_keys() -> None:
        others.extend(world.plan(world.terms("near")) for _ in range(2))
        run_outbox()

    world.adapters["near"].before["prepare"] = take_both_keys
    run_outbox()
    assert [len(world.attempts(reference)) for reference in others] == [1, 1]
    assert world.attempts(first) == []


def test_a_near_key_is_free_again_when_its_intent_needs_it_no_more(world: World) -> None:
    secrets = [Secret.generate() for _ in range(3)]
    terms = [world.terms("near", secret) for secret in secrets]
    references = [world.plan(one) for one in terms]
    world.turn(6)
    world.near.drops_sent = True
    for one, reference, secret in list(zip(terms, references, secrets, strict=True))[:2]:
        world.plan(one, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    drain()  # both keys have something in flight that never arrives
    world.near.drops_sent = False
    for one, secret in list(zip(terms, secrets, strict=True))[:2]:
        world.send_as("maker", Call.WITHDRAW, one, secret)
        world.near.mine()
    world.near.mine(3)
    poll_all()
    make_all_due()
    drain()
    assert world.intent(references[0], Call.WITHDRAW).status == IntentStatus.DONE
    world.plan(terms[2], Call.WITHDRAW, reference=references[2], secret_id=world.keep(secrets[2]))
    world.turn(5)
    assert world.intent(references[2], Call.WITHDRAW).status == IntentStatus.DONE


def void_the_first_of_two(
    world: World, meanwhile: Callable[[], None] = lambda: None
) -> tuple[Intent, Intent]:
    """Nonce 0 is voided at its first send, while nonce 1 is signed already."""
    first = world.intent(world.plan(world.terms(), urgency=1))
    second = world.intent(world.plan(world.terms()))

    def guard(reference: UUID, moment: Moment) -> Verdict:
        if reference == first.reference and moment is Moment.SEND:
            second.refresh_from_db()
            sign(second)
            meanwhile()
            return Verdict(ok=False, reason="only the second")
        return YES

    world.guard = guard
    drain()
    world.guard = lambda _, __: YES
    return first, second


def test_rule_5_a_void_nonce_goes_to_the_next_attempt(world: World) -> None:
    world.guard = lambda _, moment: Verdict(ok=moment is Moment.SIGN, reason="not now")
    world.plan(world.terms())
    drain()
    world.guard = lambda _, __: YES
    Intent.objects.update(due_at=None)
    other = world.plan(world.terms())
    drain()
    assert [attempt.nonce for attempt in world.attempts(other)] == [0]
    assert Intent.objects.filter(call=FILL).count() == 0
    third = world.plan(world.terms())
    drain()
    assert [attempt.nonce for attempt in world.attempts(third)] == [1]


def test_rule_5_a_void_nonce_before_others_is_filled_by_a_transfer_to_itself(world: World) -> None:
    first, second = void_the_first_of_two(world)
    Intent.objects.filter(pk=first.pk).update(due_at=None)  # nothing else takes the nonce
    fill = Intent.objects.get(call=FILL)
    assert (fill.fill_nonce, fill.chain) == (0, "base")
    drain()
    (filled,) = fill.attempts.all()
    assert (filled.nonce, filled.cost_cap) == (0, 100)
    world.turn(5)
    fill.refresh_from_db()
    second.refresh_from_db()
    assert fill.status == IntentStatus.DONE
    assert second.status == IntentStatus.DONE


def test_rule_5_a_stuck_nonce_that_nobody_wants_any_more_is_freed(world: World) -> None:
    terms = world.terms()
    reference = world.plan(terms)
    drain()
    world.base.held.add(world.attempts(reference)[0].hash)
    world.base.mine(seconds=601)
    age_attempts(STUCK_AFTER)
    make_all_due()
    drain()
    world.turn(5)
    assert world.intent(reference).status == IntentStatus.IMPOSSIBLE
    assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]
    assert world.base.next_nonce(("lock", "key-0")) == 1
    assert world.base.state.balance("lock", None) == 10**9 - 113


def at_the_cap(*_: object, **__: object) -> Attempt:
    raise SignerRefusedError("its cap is reached")


def test_what_can_be_freed_for_no_more_is_sent_once_and_then_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others of the batch wait behind it."""
    reference, sent = world.plan(world.terms()), []
    drain()
    world.base.held.add(world.attempts(reference)[0].hash)
    world.base.mine(seconds=601)
    world.turn(5)
    assert world.intent(reference).status == IntentStatus.IMPOSSIBLE

    monkeypatch.setattr(worker, "sign_replacement", at_the_cap)
    monkeypatch.setattr(worker, "broadcast", lambda _, attempt: sent.append(attempt.hash))
    age_attempts(STUCK_AFTER)
    make_all_due()
    drain()
    assert sent == [world.attempts(reference)[0].hash]


def test_rule_5_a_repayment_is_not_sent_again_to_free_its_nonce(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody refuses it, as a contract does what comes too late."""
    reference = released(world)
    drain()
    world.base.mempool.clear()

    monkeypatch.setattr(worker, "sign_replacement", at_the_cap)
    intent = world.intent(reference, Call.REPAY)
    with pytest.raises(SignerRefusedError):
        worker._free_nonce(intent, follow(intent, stored_of([intent])[intent.pk]))
    assert world.base.mempool == []


def test_rule_5_a_nonce_whose_fee_is_at_the_cap_is_freed_all_the_same(world: World) -> None:
    """A halted chain raises fees up to the cap, forgets all, and goes on when nobody wants it."""
    first = world.plan(world.terms("base"))
    world.base.is_halted = True
    drain()
    for _ in range(10):
        age_attempts(9)
        make_all_due()
        drain()
    world.base.mempool = []
    world.base.is_halted = False
    world.base.mine(seconds=700)
    poll_all()
    second = world.plan(world.terms("base"))
    for _ in range(20):
        age_attempts(9)
        world.turn()
    assert world.intent(first).status == IntentStatus.IMPOSSIBLE
    assert world.intent(second).status == IntentStatus.DONE
