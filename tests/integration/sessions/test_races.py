"""Rule 14: any two may run at once. Two connections meet on the same session."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from auctions_app.services import QuoteTakenError
from chains_app import ports
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, Intent
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.ports import Moment, Verdict
from sessions_app import coordinator, sweeps
from sessions_app.binding import Evidence
from sessions_app.domain.states import Status
from sessions_app.lifecycle import lock_sessions
from sessions_app.models import Role, Session
from tests.integration.sessions.world import MAKER, World, create_session, path, reload, status


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Run the jobs in threads with connections of their own, from one starting line."""
    line = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        line.wait()
        try:
            return job()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_rule_14_two_workers_that_advance_one_session_make_each_move_once(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    for _ in range(14):
        world.block()
        poll_all()
        at_once(*[lambda: coordinator.advance([session.id])] * 2, sweeps.advance_all_due)
        at_once(world.send, drain)
    seqs = list(session.transitions.order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, 9))
    assert status(session) is Status.COMPLETED
    assert Intent.objects.count() == 3


def test_rule_8_a_sweep_skips_what_another_holds_and_finds_it_later(world: World) -> None:
    held, free = world.create(), world.create()
    world.block(30)
    with transaction.atomic():
        lock_sessions([held.id])
        assert at_once(sweeps.advance_all_due) == [1]
    assert (status(held), status(free)) == (Status.INITIALIZED, Status.CANCELLED)
    assert sweeps.advance_all_due() == 1
    assert status(held) is Status.CANCELLED


def test_two_executions_at_once_start_one_auction(world: World) -> None:
    session = world.create()
    results = at_once(*[lambda: world.execute(session)] * 3)
    assert [result.status for result in results] == ["source_locking"] * 3
    assert path(session) == ["initialized", "executing", "source_locking"]
    assert session.legs.count() == 2


def test_two_sessions_never_take_one_quote(world: World) -> None:
    quote_id = world.quote()

    def create() -> Session:
        return create_session(
            client=world.client,
            quote_id=quote_id,
            maker_source_account=MAKER,
            maker_destination_account=MAKER,
        )

    kinds = [type(result) for result in at_once(create, create, create)]
    assert sorted(kinds, key=str) == sorted([Session, QuoteTakenError, QuoteTakenError], key=str)
    assert Session.objects.count() == 1


def test_a_cancellation_and_an_execution_at_once_leave_one_truth(world: World) -> None:
    session = world.create()
    at_once(lambda: world.execute(session), lambda: world.cancel(session))
    assert reload(session).cancel_requested
    world.live(40, step=4)
    assert path(session)[-1] == "cancelled"
    assert not Intent.objects.exists()


@pytest.mark.parametrize("moment", [Moment.SIGN, Moment.SEND])
def test_rule_5_a_sender_whose_lock_is_voided_meanwhile_sends_nothing(
    world: World, moment: Moment
) -> None:
    """The guard has agreed; before `left_at` is committed the source is refunded by its depositor's
    counterparty, the session gives up our lock, and voids it.
    """
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.SOURCE_LOCKING, session)
    while not Intent.objects.filter(call=Call.LOCK.value).exists():
        world.block()
        poll_all()
        sweeps.advance_all_due()

    def agree_too_early(reference: Any, asked: Moment) -> Verdict:
        if asked is moment:
            at_once(give_up)
        return Verdict(ok=True, reason="agreed, on facts that are old by now")

    def give_up() -> None:
        world.send_as("lock", Call.REFUND_EARLY, session.legs.get(role=Role.SOURCE).lock_terms)
        world.block()
        poll_all()
        coordinator.advance([session.id])

    with ports.use_ports():
        ports.register_guard(Call.LOCK, agree_too_early)
        world.send()
    assert status(session) in {Status.FAILED, Status.REFUNDING}
    assert not Attempt.objects.filter(intent__call=Call.LOCK.value, left_at__isnull=False).exists()
    world.live(10)
    assert world.both_on_chain(session) == (LockState.REFUNDED, LockState.ABSENT)
    assert path(session)[-1] == "refunded"


def test_rule_5_a_lock_that_left_first_is_never_taken_for_void(world: World) -> None:
    """The facts were read before `left_at`, the move is decided after it."""
    session = world.start()
    world.lock_source(session)
    while not Intent.objects.filter(call=Call.LOCK.value).exists():
        world.block()
        poll_all()
        sweeps.advance_all_due()
    world.chains["near"].drops_sent = True
    original = Evidence.gather

    def gather_then_leave(sessions: Any, now: Any) -> Any:
        evidence = original(sessions, now)
        patch.undo()
        at_once(world.send)
        return evidence

    with pytest.MonkeyPatch.context() as patch:
        world.send_as("lock", Call.REFUND_EARLY, session.legs.get(role=Role.SOURCE).lock_terms)
        guard_passes = Verdict(ok=True, reason="on facts of before")
        with ports.use_ports():
            ports.register_guard(Call.LOCK, lambda *_: guard_passes)
            world.block()
            poll_all()
            patch.setattr(Evidence, "gather", gather_then_leave)
            coordinator.advance([session.id])
    assert Attempt.objects.get(intent__call=Call.LOCK.value).left_at is not None
    assert status(session) is Status.DESTINATION_LOCKING
