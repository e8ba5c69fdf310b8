"""The database is the queue (rule 8): claims, leases, fencing, and workers that run at once."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from chains_app import leases
from chains_app.leases import LeaseLostError, claim, heartbeat, lock, release, wake
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, AttemptStatus, ChainCursor, Intent, IntentStatus, Leased
from chains_app.outbox.sending import broadcast
from chains_app.outbox.worker import drain, run_outbox
from chains_app.poller import poll, poll_all
from chains_app.ports import Moment, Verdict
from chains_app.selectors import chain_clocks, leg_facts
from orchestrator.kernel.clock import Seconds
from tests.integration.chains.world import (
    TOKEN,
    YES,
    World,
    in_other_connections,
    let_leases_expire,
    make_all_due,
    until,
)

GIVE_UP = 10  # seconds; who waits for a lock of ours would wait for ever


def claim_intents() -> list[Intent]:
    return claim(Intent)


def test_rule_8_two_workers_never_hold_the_same_intent(world: World) -> None:
    references = {world.plan(world.terms()) for _ in range(20)}
    barrier = threading.Barrier(4)

    def claim_five() -> list[Intent]:
        barrier.wait()
        return claim(Intent, most=5)

    claimed = in_other_connections(*[claim_five] * 4)
    rows = [intent.reference for batch in claimed for intent in batch]  # type: ignore[attr-defined]
    assert len(rows) == len(set(rows))
    rows += [intent.reference for intent in claim_intents()]
    assert set(rows) == references
    assert len(rows) == 20


def test_rule_8_a_claim_skips_what_another_is_taking(world: World) -> None:
    held, free = world.plan(world.terms()), world.plan(world.terms())
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Intent.objects.select_for_update().get(reference=held)
        other = pool.submit(in_other_connections, claim_intents)
        assert [each.reference for each in other.result(GIVE_UP)[0]] == [free]  # type: ignore[attr-defined]


def test_rule_8_a_sender_that_lost_its_lease_records_nothing(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    intent, attempt = world.intent(reference), world.attempts(reference)[0]
    Intent.objects.update(version=F("version") + 1)
    Attempt.objects.update(status=AttemptStatus.LEFT)
    broadcast(intent, attempt)
    assert world.statuses(reference) == [AttemptStatus.LEFT]


def test_rule_14_four_workers_at_once_make_each_lock_once(world: World) -> None:
    references = [world.plan(world.terms()) for _ in range(8)]
    references += [world.plan(world.terms("near")) for _ in range(8)]
    for _ in range(12):
        make_all_due()
        in_other_connections(*[drain] * 4, poll_all)
        for chain in world.chains.values():
            chain.mine()
        poll_all()
    assert {world.intent(reference).status for reference in references} == {IntentStatus.DONE}
    facts = leg_facts(references).values()
    assert {fact.final for fact in facts} == {LockState.OPEN}
    assert Attempt.objects.exclude(status=AttemptStatus.VOID).count() == 16


def test_rule_8_a_claimed_intent_is_left_alone_until_its_lease_is_over(world: World) -> None:
    world.plan(world.terms())
    assert len(claim_intents()) == 1
    assert wake(Intent, "TRUE") == 1
    assert run_outbox() == 0
    let_leases_expire()
    assert run_outbox() == 1


def test_rule_8_a_heartbeat_keeps_the_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.plan(world.terms())
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    (intent,) = claim_intents()
    let_leases_expire()
    with heartbeat([intent]):
        until(lambda: not Intent.objects.filter(lease_expires_at__lt=Now()).exists())
    assert claim_intents() == []


def test_rule_8_a_fork_renews_nothing_of_its_parents(world: World) -> None:
    world.plan(world.terms())
    (intent,) = claim_intents()
    with heartbeat([intent]):
        child = os.fork()
        if child == 0:
            os._exit(len(leases._heart._worked_on) + leases._heart._thread.is_alive())
        assert os.waitpid(child, 0) == (child, 0)
        ((rows, _),) = leases._heart._worked_on.values()
        assert rows == [intent]
    assert leases._heart._worked_on == {}


def test_rule_8_nothing_is_renewed_for_longer_than_a_task_may_last(
    world: World, settings: Settings
) -> None:
    world.plan(world.terms())
    (intent,) = claim_intents()
    let_leases_expire()
    expired = Intent.objects.filter(lease_expires_at__lt=Now())
    for seconds, is_renewed in ((0, False), (90, True)):
        settings.CELERY_TASK_TIME_LIMIT = seconds
        with heartbeat([intent]):
            for key in leases._heart._worked_on:
                leases._heart._beat(key)
        assert expired.exists() is not is_renewed


class Interrupted(BaseException):
    """As a time limit's, in the midst of a wait."""


def test_rule_8_who_is_interrupted_while_a_beat_hangs_has_left_his_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plan(world.terms())
    (intent,), heart = claim_intents(), leases._Heart()

    class Hanging:
        """A beat under way, whose end somebody waits for and does not see."""

        def __enter__(self) -> None:
            raise Interrupted

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(heart, "_beating", Hanging())
    monkeypatch.setattr(heart, "_thread", threading.current_thread())
    monkeypatch.setattr(leases, "_heart", heart)
    with pytest.raises(Interrupted), heartbeat([intent]):
        pass
    assert heart._worked_on == {}


def test_rule_8_a_beat_that_fails_ends_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    for _ in range(2):
        world.plan(world.terms())
    first, second = claim(Intent, most=1), claim(Intent, most=1)
    renew, tried = leases._renew, list[Sequence[Leased]]()
    expired = Intent.objects.filter(lease_expires_at__lt=Now())

    def fail_once(rows: Sequence[Leased]) -> None:
        tried.append(rows)
        if rows is first:
            raise MemoryError
        renew(rows)

    monkeypatch.setattr(leases, "_renew", fail_once)
    let_leases_expire()
    with heartbeat(first), heartbeat(second):
        until(lambda: not expired.filter(pk=second[0].pk).exists())
    assert first in tried
    assert expired.get() == first[0]


def test_rule_8_a_late_heartbeat_takes_nothing_back(world: World) -> None:
    world.plan(world.terms())
    (zombie,) = claim_intents()
    let_leases_expire()
    (heir,) = claim_intents()
    let_leases_expire()
    leases._renew([zombie])
    assert Intent.objects.filter(lease_expires_at__lt=Now()).count() == 1
    leases._renew([heir])
    assert Intent.objects.filter(lease_expires_at__lt=Now()).count() == 0


def test_rule_8_a_worker_that_lost_its_lease_writes_nothing(world: World) -> None:
    world.plan(world.terms())
    (zombie,) = claim_intents()
    let_leases_expire()
    (heir,) = claim_intents()
    with pytest.raises(LeaseLostError), transaction.atomic():
        lock(zombie)
    release(zombie, None)
    with transaction.atomic():
        assert lock(heir).lease_owner == heir.lease_owner


@pytest.mark.parametrize("moment", list(Moment))
def test_rule_8_a_zombie_neither_signs_nor_sends(world: World, moment: Moment) -> None:
    """It sleeps in its guard until another worker has done all of it."""
    reference = world.plan(world.terms())
    heirs: list[int] = []

    def guard(_: UUID, asked: Moment) -> Verdict:
        if asked is moment and not heirs:
            heirs.append(0)
            let_leases_expire()
            heirs[0] = run_outbox()
        return YES

    world.guard = guard
    drain()
    assert heirs == [1]
    assert world.statuses(reference) == [AttemptStatus.SENT]
    assert len(world.base.mempool) == 1


def test_rule_8_what_is_woken_while_claimed_is_due_when_released(world: World) -> None:
    world.plan(world.terms())
    (intent,) = claim_intents()
    assert wake(Intent, "TRUE") == 1
    release(intent, None)
    assert len(claim_intents()) == 1


def test_rule_8_what_nobody_woke_rests(world: World) -> None:
    world.plan(world.terms())
    (intent,) = claim_intents()
    release(intent, None)
    assert claim_intents() == []


def test_the_most_urgent_comes_first(world: World) -> None:
    references = [world.plan(world.terms(), urgency=urgency) for urgency in (1, 5, 3)]
    drain()
    nonces = [world.attempts(reference)[0].nonce for reference in references]
    assert nonces == [2, 0, 1]


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> int:
    """A small one."""
    monkeypatch.setattr("chains_app.outbox.worker.BATCH", 10)
    return 10


def test_of_more_than_a_batch_the_most_urgent_goes_first_and_each_goes_once(
    world: World, batch: int
) -> None:
    full = [world.plan(world.terms()) for _ in range(batch + 2)]
    urgent = world.plan(world.terms(), urgency=1)
    drain()
    assert [each.nonce for each in world.attempts(urgent)] == [0]
    nonces = [each.nonce for reference in full for each in world.attempts(reference)]
    assert sorted(nonces) == list(range(1, len(full) + 1))
    world.turn(4)
    assert {world.intent(each).status for each in [*full, urgent]} == {IntentStatus.DONE}


def test_more_than_a_batch_that_must_not_go_holds_up_nothing(world: World, batch: int) -> None:
    refused = {world.plan(world.terms(), urgency=1) for _ in range(batch + 2)}
    good = world.plan(world.terms())
    no = Verdict(ok=False, reason="not now", inputs={})
    world.guard = lambda reference, _: no if reference in refused else YES
    drain()
    assert world.statuses(good) == [AttemptStatus.SENT]
    assert Attempt.objects.count() == 1


def test_rule_8_what_fails_is_set_aside_and_the_others_go_on(world: World) -> None:
    bad = world.plan(world.terms(), urgency=1)
    good = world.plan(world.terms())

    def guard(reference: UUID, _: Moment) -> Verdict:
        if reference == bad:
            raise RuntimeError("a fault of ours")
        return YES

    world.guard = guard
    drain()
    assert world.attempts(bad) == []
    assert world.statuses(good) == [AttemptStatus.SENT]


def test_who_waits_for_a_busy_key_asks_no_node(world: World) -> None:
    """Two keys take two of four. The third asks before it finds none; the one that is too late is
    looked at for its end, and once after it; and a token's lock for what it needs first.
    """
    asked: list[str] = []
    world.adapters["near"].at_each = asked.append
    references = [world.plan(world.terms("near")) for _ in range(4)]
    late = world.plan(world.terms("near"), send_by=Seconds(world.near.head.time - 1))
    token = world.plan(world.terms("near", token=TOKEN, beneficiary=world.stranger()))
    assert run_outbox() == 6
    assert [len(world.attempts(each)) for each in references] == [1, 1, 0, 0]
    assert asked.count("read_lock") == 2 + 1 + 2 + 1
    assert world.intent(late).status == IntentStatus.VOID
    assert Intent.objects.filter(reference=token, call=Call.REGISTER.value).exists()
    Intent.objects.filter(reference=token).delete()
    world.near.mine(2)
    make_all_due()
    waiting = Intent.objects.filter(reference__in=references[2:])
    waiting.update(due_at=Now() - timedelta(hours=1))  # they come first
    assert run_outbox() == 4
    assert [world.statuses(each) for each in references[:2]] == [[AttemptStatus.INCLUDED]] * 2
    make_all_due()
    drain()
    assert [len(world.attempts(each)) for each in references] == [1] * 4


def test_rule_8_only_one_poller_reads_a_chain_and_looks_again_for_the_other(world: World) -> None:
    poll("base")
    world.base.mine()
    others: list[int] = []

    def another_comes() -> None:
        world.base.mine()
        others.append(poll("base"))

    world.adapters["base"].before["facts"] = another_comes
    assert poll("base") == 2
    assert others == [0]
    assert chain_clocks()["base"].head_height == world.base.head.height


def test_rule_8_a_poller_that_lost_its_lease_commits_nothing(world: World) -> None:
    poll("base")
    world.base.mine()

    def take_over() -> None:
        ChainCursor.objects.filter(chain="base").update(version=F("version") + 1)

    world.adapters["base"].before["facts"] = take_over
    assert poll("base") == 0
    assert chain_clocks()["base"].head_height == 0


def test_rule_14_pollers_at_once_read_every_block_once(world: World) -> None:
    terms = world.terms(ours=False)
    reference = world.plan(terms, Call.REFUND_EARLY)
    poll_all()
    world.lock_by_maker(terms)
    world.base.mine(10)
    in_other_connections(*[lambda: poll("base")] * 4)
    assert chain_clocks()["base"].head_height == 11
    assert leg_facts([reference])[reference].final is LockState.OPEN
    assert not connection.in_atomic_block
