"""Guards, voiding and sending: nothing leaves us that somebody counts on staying (rule 5)."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from chains_app import ports, selectors
from chains_app.intents import NotWatchedError, plan_intent, stop_intent, void_intents
from chains_app.leases import LeaseLostError, claim
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, AttemptStatus, Intent, IntentStatus
from chains_app.outbox import following, sending
from chains_app.outbox.decision import STUCK_AFTER
from chains_app.outbox.worker import drain
from chains_app.ports import Moment, Verdict
from chains_app.registry import get_adapter
from chains_app.selectors import writes_left
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.world import (
    YES,
    World,
    age_attempts,
    in_other_connections,
    make_all_due,
    sign_only,
    tables_that_hold,
    until,
)

NO = Verdict(ok=False, reason="the ladder does not hold", inputs={"margin": 3})


def says_no_at(moment: Moment) -> Callable[[UUID, Moment], Verdict]:
    return lambda _, asked: NO if asked is moment else YES


def void(reference: UUID, *calls: Call) -> bool:
    with transaction.atomic():
        return void_intents(reference, calls or (Call.LOCK,))


def test_rule_5_a_no_before_signing_signs_nothing_and_is_kept(world: World) -> None:
    world.guard = says_no_at(Moment.SIGN)
    reference = world.plan(world.terms())
    drain()
    assert world.attempts(reference) == []
    assert world.intent(reference).refusal == NO.to_json()


def test_rule_5_a_no_before_the_first_send_voids_the_attempt(world: World) -> None:
    world.guard = says_no_at(Moment.SEND)
    reference = world.plan(world.terms())
    drain()
    (attempt,) = world.attempts(reference)
    assert (attempt.status, attempt.left_at) == (AttemptStatus.VOID, None)
    assert (attempt.sign_verdict, attempt.send_verdict) == (YES.to_json(), NO.to_json())
    assert world.base.mempool == []
    assert writes_left([reference]) == {}


def test_rule_5_the_verdict_is_committed_before_the_bytes_leave(world: World) -> None:
    """Another connection sees both, as whoever comes after our death would."""
    reference = world.plan(world.terms())
    seen: list[object] = []

    def stored() -> tuple[bool, object]:
        (attempt,) = world.attempts(reference)
        return attempt.left_at is not None, attempt.send_verdict

    world.adapters["base"].before["broadcast"] = lambda: seen.extend(in_other_connections(stored))
    drain()
    assert seen == [(True, YES.to_json())]


@pytest.mark.parametrize(("age", "leaves"), [(10, True), (11, False)])
def test_rule_5_nothing_leaves_on_facts_older_than_ten_seconds(
    world: World, monkeypatch: pytest.MonkeyPatch, age: int, *, leaves: bool
) -> None:
    """What is too old is read again, and the same bytes are sent on it."""
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: 0))
    monkeypatch.setattr(sending, "time", SimpleNamespace(monotonic=lambda: age))
    reference = world.plan(world.terms())
    drain()
    assert (writes_left([reference]) != {}, world.base.mempool != []) == (leaves, leaves)
    monkeypatch.setattr(sending, "time", SimpleNamespace(monotonic=lambda: 0))
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.SENT]


def test_rule_5_an_attempt_that_was_voided_meanwhile_does_not_leave(world: World) -> None:
    reference = world.plan(world.terms())
    sign_only(world)
    Attempt.objects.update(status=AttemptStatus.VOID)
    (intent,) = claim(Intent)
    with pytest.raises(LeaseLostError, match="is not waiting to be sent"):
        sending.send_first(intent, world.attempts(reference)[0], time.monotonic())
    assert world.base.mempool == []
    assert writes_left([reference]) == {}


def test_rule_5_without_a_guard_what_could_lose_money_is_not_signed(world: World) -> None:
    reference = world.plan(world.terms())
    with ports.use_ports():
        drain()
    assert world.attempts(reference) == []
    refusal = world.intent(reference).refusal
    assert refusal is not None
    assert refusal["reason"] == "no guard is registered for lock"


def test_rule_5_what_is_voided_never_leaves(world: World) -> None:
    reference = world.plan(world.terms())
    assert void(reference) is True
    world.turn(3)
    assert world.attempts(reference) == []
    assert world.intent(reference).status == IntentStatus.VOID


def test_rule_5_what_left_is_not_voided(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    assert void(reference) is False
    assert world.intent(reference).status == IntentStatus.ACTIVE
    assert world.statuses(reference) == [AttemptStatus.SENT]


def test_rule_5_voiding_is_all_or_nothing(world: World) -> None:
    terms = world.terms()
    reference = world.plan(terms)
    drain()
    world.plan(terms, Call.REFUND, reference=reference)
    assert void(reference, Call.LOCK, Call.REFUND) is False
    assert world.intent(reference, Call.REFUND).status == IntentStatus.PLANNED


@pytest.mark.parametrize("moment", list(Moment))
def test_rule_5_a_sender_that_finds_its_intent_void_sends_nothing(
    world: World, moment: Moment
) -> None:
    reference = world.plan(world.terms())

    def void_meanwhile(_: UUID, asked: Moment) -> Verdict:
        if asked is moment:
            assert void(reference) is True
        return YES

    world.guard = void_meanwhile
    drain()
    assert world.base.mempool == []
    assert set(world.statuses(reference)) <= {AttemptStatus.VOID}
    assert world.intent(reference).status == IntentStatus.VOID
    assert writes_left([reference]) == {}


def test_rule_5_left_at_and_voiding_wait_for_each_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender holds the intent's row: the voider waits, and then hears that it has left."""
    reference = world.plan(world.terms())
    answers: list[bool] = []

    def void_in_another_connection() -> None:
        try:
            with suppress(OperationalError):  # a deadlock is no answer
                answers.append(void(reference))
        finally:
            connection.close()

    voider = threading.Thread(target=void_in_another_connection)
    require_enabled = sending._require_enabled

    def in_the_transaction(attempt: Attempt) -> None:
        voider.start()
        until(somebody_waits_for_a_row)
        require_enabled(attempt)

    monkeypatch.setattr(sending, "_require_enabled", in_the_transaction)
    drain()
    voider.join()
    assert answers == [False]
    assert world.statuses(reference) == [AttemptStatus.SENT]


def somebody_waits_for_a_row() -> bool:
    """Asked of the database, which alone knows."""
    query = "SELECT EXISTS(SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(query)
        return bool(cursor.fetchone() == (True,))


def test_a_void_lock_is_never_wanted_again(world: World) -> None:
    terms = world.terms()
    reference = world.plan(terms)
    void(reference)
    world.plan(terms, reference=reference)
    world.turn(2)
    assert world.intent(reference).status == IntentStatus.VOID
    assert world.attempts(reference) == []


def locked(world: World) -> tuple[UUID, Callable[[], object]]:
    """A lock that is made, and what wants its withdrawal."""
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    fields = {"reference": reference, "secret_id": world.keep(secret)}
    return reference, partial(world.plan, terms, Call.WITHDRAW, **fields)


def test_a_void_withdrawal_can_be_wanted_again(world: World) -> None:
    reference, want = locked(world)
    want()
    assert void(reference, Call.WITHDRAW) is True
    want()
    world.turn(4)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE


def test_a_withdrawal_that_was_stopped_can_be_wanted_again(world: World) -> None:
    """What had left of it goes on: no second nonce is taken."""
    reference, want = locked(world)
    want()
    drain()
    with transaction.atomic():
        stop_intent(reference, Call.WITHDRAW)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.VOID
    want()
    world.turn(4)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE
    assert len(world.attempts(reference)) == 2  # the lock's, and this one


@pytest.mark.parametrize("deadline", ["send_by", "lock_by"])
def test_rule_5_nothing_leaves_after_its_last_moment(world: World, deadline: str) -> None:
    world.base.mine(seconds=10)
    now = world.now()
    terms = world.terms(lock_by=now) if deadline == "lock_by" else world.terms()
    send_by = Seconds(now - 1) if deadline == "send_by" else terms.lock_by
    reference = world.plan(terms, send_by=send_by)
    drain()
    assert world.attempts(reference) == []
    assert world.intent(reference).status == IntentStatus.VOID


def test_rule_11_a_deadline_to_beat_counts_from_the_wall_when_the_head_lags(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_by = Seconds(world.now() + 300)
    reference = world.plan(world.terms(), send_by=send_by)
    monkeypatch.setattr(following, "wall_clock", lambda: Seconds(send_by + 1))
    drain()
    assert world.now() < send_by
    assert world.attempts(reference) == []


ENDLESS = Seconds(2**40)


@pytest.mark.parametrize("has_left", [True, False])
def test_rule_11_what_is_wanted_without_end_outlives_a_halt_of_its_chain(
    world: World, monkeypatch: pytest.MonkeyPatch, has_left: bool
) -> None:
    """The chain goes on where it stood, before the timelock, however late it is by the wall."""
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    fields: dict[str, Any] = {"secret_id": world.keep(secret), "send_by": ENDLESS}
    if has_left:
        world.plan(terms, Call.WITHDRAW, reference=reference, **fields)
        drain()
    monkeypatch.setattr(following, "wall_clock", lambda: Seconds(terms.timelock + 1))
    monkeypatch.setattr(selectors, "wall_clock", lambda: Seconds(terms.timelock + 1))
    if has_left:
        age_attempts(STUCK_AFTER)
    else:
        world.plan(terms, Call.WITHDRAW, reference=reference, **fields)
    make_all_due()
    drain()
    world.turn(4)
    assert world.now() < terms.timelock
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE
    assert world.base.state.locks[get_adapter("base").lock_id(terms)].state is LockState.WITHDRAWN


def test_rule_5_what_is_signed_is_voided_when_its_time_has_passed(world: World) -> None:
    reference = world.plan(world.terms(), send_by=world.now() + 300)
    sign_only(world)
    world.base.mine(seconds=301)
    drain()
    assert world.statuses(reference) == [AttemptStatus.VOID]
    assert world.intent(reference).status == IntentStatus.VOID
    assert world.base.mempool == []


def test_a_lock_that_nobody_watches_is_not_planned(world: World) -> None:
    terms = world.terms()
    with pytest.raises(NotWatchedError), transaction.atomic():
        plan_intent(reference=UUID(int=1), call=Call.LOCK, terms=terms, send_by=terms.timelock)
    assert Intent.objects.count() == 0


def test_rule_13_bytes_with_a_secret_stand_sealed(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.base.is_halted = True
    drain()
    attempt = Attempt.objects.get(intent__call=Call.WITHDRAW.value)
    assert attempt.status == AttemptStatus.SENT
    assert attempt.raw is None
    shown = secret.reveal().hex()
    assert tables_that_hold(shown, shown.encode().hex()) == []
    assert tables_that_hold(attempt.hash) == ["chains_app_attempt"]


def test_rule_10_a_guard_is_asked_outside_of_any_transaction(world: World) -> None:
    asked: list[tuple[Moment, bool]] = []

    def guard(_: UUID, moment: Moment) -> Verdict:
        asked.append((moment, connection.in_atomic_block))
        return YES

    world.guard = guard
    world.plan(world.terms())
    drain()
    assert asked == [(Moment.SIGN, False), (Moment.SEND, False)]


def test_rule_10_no_exchange_happens_inside_a_transaction(world: World) -> None:
    exchanges = {
        "head", "final", "facts", "read_lock", "prepare", "broadcast", "transaction_status",
        "key_state", "block",
    }  # fmt: skip
    inside: list[str] = []
    for adapter in world.adapters.values():
        adapter.at_each = lambda name: (
            inside.append(name) if name in exchanges and connection.in_atomic_block else None
        )
    world.plan(world.terms())
    world.plan(world.terms("near"))
    world.turn(3)
    world.base.reorganise(2)
    world.turn(4)
    assert inside == []
