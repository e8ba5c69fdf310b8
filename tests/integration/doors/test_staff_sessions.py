"""What staff do with sessions by commands: said first, done with `--yes`, and written down."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from chains_app.locks import Call, LockState
from chains_app.models import Attempt, Intent, IntentStatus
from chains_app.outbox.decision import MOST_TRIES
from orchestrator.audit.models import AuditEntry
from sessions_app import staff
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from sessions_app.sweeps import wake_overdue
from tests.integration.doors.staff import ME, WHY, do, refused, run, the_deed
from tests.integration.sessions.world import MAKER, WHOLE_LIFE, World, path, reload, status, terms

pytestmark = pytest.mark.django_db(transaction=True)

ABSENT, OPEN = LockState.ABSENT, LockState.OPEN
WITHDRAWN, REFUNDED = LockState.WITHDRAWN, LockState.REFUNDED
ACTS = ["cancel_session", "refund_session", "retry_session"]


def locked(world: World, blocks: int) -> Session:
    """The maker has locked, and so many seconds went by."""
    session = world.start()
    world.lock_source(session)
    world.live(blocks)
    return session


def locked_too_late(world: World) -> Session:
    """The maker's lock comes after `accept_by`, so that it goes back."""
    session = world.start()
    deadlines = session.fixed_deadlines
    assert deadlines is not None
    world.live(deadlines.accept_by - int(world.clock.now), step=10)
    world.lock_source(session)
    return session


def waiting_for_our_lock(world: World) -> Session:
    """In destination_locking, and our lock can't leave: its receiver can't be paid."""
    world.chains["near"].refusing.add(MAKER)
    session = locked(world, 0)
    world.live_until(Status.DESTINATION_LOCKING, session)
    world.live(2)
    return session


# --- every act ------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", ACTS)
def test_without_yes_it_is_said_and_not_done(world: World, command: str) -> None:
    session = locked(world, 0)
    with pytest.raises(CommandError, match="nothing was done: repeat it with --yes"):
        run(command, session.pk, "--reason", WHY)
    assert not reload(session).cancel_requested
    assert not AuditEntry.objects.exists()


def test_what_it_would_do_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    session = locked(world, 0)
    with pytest.raises(CommandError):
        call_command("refund_session", str(session.pk), "--reason", WHY)
    assert capsys.readouterr().out == (
        f"would: make no lock of ours for {session.pk} (source_locking), and once the source is "
        "final give 1000000000000000000 base units on base back to maker\n"
    )


@pytest.mark.parametrize("command", ACTS)
@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("", "no reason: give 1 to 500 characters"),
        ("  ", "no reason: give 1 to 500 characters"),
        ("x" * 501, "a reason of 501 characters: give 500 at most"),
    ],
)
def test_each_wants_a_reason(world: World, command: str, reason: str, said: str) -> None:
    session = locked(world, 0)
    with pytest.raises(CommandError, match=said):
        run(command, session.pk, "--yes", "--reason", reason)
    with pytest.raises(CommandError, match="--reason"):
        run(command, session.pk, "--yes")
    assert not AuditEntry.objects.exists()


def test_it_is_written_down_who_did_what_and_why(world: World) -> None:
    session = locked(world, 0)
    said = do("refund_session", session.pk)
    assert said == f"{session.pk} was source_locking, is source_locking\n"
    deed = the_deed()
    assert (deed.action, deed.kind, deed.subject) == ("refund_session", "session", str(session.pk))
    assert deed.done == said.strip()
    assert f"refund_session by {ME}: {WHY} ({said.strip()})" in run("explain_session", session.pk)


def test_it_is_written_down_for_the_session_however_its_id_is_typed(world: World) -> None:
    session = world.create()
    do("cancel_session", session.pk.hex.upper())
    assert the_deed().subject == str(session.pk)


def test_rule_13_a_32_byte_value_in_a_reason_is_left_out(world: World) -> None:
    run("cancel_session", world.create().pk, "--yes", "--reason", f"secret {'ab' * 32} was shown")
    assert AuditEntry.objects.get().reason == "secret [redacted] was shown"


def test_the_audit_is_never_changed(world: World) -> None:
    do("cancel_session", world.create().pk)
    rows = AuditEntry.objects.all()
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        rows.update(by="nobody")
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        rows.delete()
    assert the_deed().action == "cancel_session"


def test_what_fails_half_way_is_neither_done_nor_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = locked(world, 0)

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("died")

    monkeypatch.setattr(AuditEntry.objects, "create", die)
    with pytest.raises(RuntimeError, match="died"):
        do("refund_session", session.pk)
    assert not reload(session).cancel_requested


# --- cancel_session -------------------------------------------------------------------------------
def test_cancel_session_ends_what_is_not_locked(world: World) -> None:
    session = world.create()
    assert do("cancel_session", session.pk) == f"{session.pk} was initialized, is cancelled\n"
    assert refused("cancel_session", session.pk) == (
        f"session {session.pk} is cancelled, and cancelled already"
    )


def test_cancel_session_answers_like_the_api_from_our_lock_on(world: World) -> None:
    session = locked(world, 0)
    world.live_until(Status.DESTINATION_LOCKING, session)
    assert "can't be cancelled any more: what is locked returns from" in refused(
        "cancel_session", session.pk
    )


# --- refund_session -------------------------------------------------------------------------------
@pytest.mark.parametrize("blocks", [0, 1])
def test_refund_session_gives_the_source_back_and_ours_is_never_made(
    world: World, blocks: int
) -> None:
    session = locked(world, blocks)
    do("refund_session", session.pk)
    world.live(12)
    assert path(session)[-1] == "refunded"
    assert world.both_on_chain(session) == (REFUNDED, ABSENT)


def test_rule_4_refund_session_voids_a_lock_of_ours_that_has_not_left(world: World) -> None:
    session = waiting_for_our_lock(world)
    said = do("refund_session", session.pk)
    assert said.endswith("was destination_locking, is refunding\n")
    assert Intent.objects.get(call=Call.LOCK.value).status == IntentStatus.VOID
    world.chains["near"].refusing.clear()
    world.live(8)
    assert path(session)[-1] == "refunded"
    assert world.both_on_chain(session) == (REFUNDED, ABSENT)


def test_rule_4_refund_session_refuses_once_our_lock_has_left(world: World) -> None:
    session = locked(world, 0)
    locks = Attempt.objects.filter(intent__call=Call.LOCK.value, left_at__isnull=False)
    while not locks.exists():
        world.live(1)
    assert status(session) is Status.DESTINATION_LOCKING
    with pytest.raises(CommandError, match="what is locked returns from"):
        run("refund_session", session.pk, "--reason", WHY)  # nor is it offered
    assert "what is locked returns from" in refused("refund_session", session.pk)
    world.live(14)
    assert status(session) is Status.COMPLETED


def test_rule_5_a_lock_that_leaves_meanwhile_wins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = locked(world, 0)
    locks = Attempt.objects.filter(intent__call=Call.LOCK.value, left_at__isnull=False)
    while not locks.exists():
        world.live(1)
    monkeypatch.setattr(staff, "_our_lock_left", lambda _session: False)  # as it was when asked
    assert "what is locked returns from" in refused("refund_session", session.pk)
    assert not reload(session).cancel_requested
    world.live(14)
    assert status(session) is Status.COMPLETED


def test_refund_session_says_what_to_do_where_it_is_not_for(world: World) -> None:
    session = world.create()
    assert "nothing is locked; `cancel_session` ends it" in refused("refund_session", session.pk)
    world.execute(session)
    world.lock_source(session)
    world.live(14)
    assert (
        refused("refund_session", session.pk) == f"session {session.pk} has ended: it is completed"
    )
    late = locked_too_late(world)
    world.live(2)
    assert status(late) is Status.REFUNDING
    assert "is being given back already; `retry_session` drives it" in refused(
        "refund_session", late.pk
    )


# --- retry_session --------------------------------------------------------------------------------
def test_retry_session_drives_what_no_worker_does(world: World) -> None:
    session = world.start()
    for _ in range(4):
        world.block(1000)
        world.poll()
    assert status(session) is Status.SOURCE_LOCKING
    said = do("retry_session", session.pk)
    assert said == (
        f"{session.pk} was source_locking; 0 open writes are due now; it is cancelled\n"
    )


def test_retry_session_of_an_ended_one_that_owes_nothing_does_nothing(world: World) -> None:
    session = locked(world, 14)
    assert status(session) is Status.COMPLETED
    assert refused("retry_session", session.pk) == (
        f"session {session.pk} has ended: it is completed, owing nothing"
    )


def failed_refunds(session: Session) -> int:
    leg = session.legs.get(role=Role.SOURCE).pk
    refunds = Attempt.objects.filter(intent__reference=leg, intent__call=Call.REFUND.value)
    return refunds.filter(succeeded=False).count()


def test_retry_session_forgives_what_failed_for_good(world: World) -> None:
    session = locked_too_late(world)
    base = world.chains["base"]
    base.refused_calls = {Call.REFUND, Call.REFUND_EARLY}
    for _ in range(MOST_TRIES + 4):
        world.live(2)
        world.live(300, step=300)
    assert failed_refunds(session) == MOST_TRIES
    base.refused_calls = set()
    world.live(900, step=300)
    assert world.on_chain(session, Role.SOURCE) is OPEN
    assert reload(session).attention == "refund_overdue"
    said = do("retry_session", session.pk)
    assert "2 open writes are due now; it is refunding, and needs you: a refund that is due" in said
    world.live(4)
    assert world.on_chain(session, Role.SOURCE) is REFUNDED
    assert (path(session)[-1], reload(session).attention) == ("refunded", "")


def owing(world: World) -> Session:
    """Completed, and the maker's payout does not go through."""
    session = locked(world, 0)
    world.live_until(Status.REVEALING_SECRET, session)
    near = world.chains["near"]
    while not near.mempool:
        world.send()
    near.refusing.add(MAKER)
    world.live(20)
    assert status(session) is Status.COMPLETED
    return session


def test_rule_1_an_ended_session_whose_payout_is_owed_calls_for_a_person_and_is_retried(
    world: World,
) -> None:
    session = owing(world)
    before = world.balances(MAKER)[MAKER, "near"]
    pay = Intent.objects.get(call=Call.PAY.value)
    while Attempt.objects.filter(intent=pay, succeeded=False).count() < MOST_TRIES:
        world.live(2)
        world.live(300, step=300)
        wake_overdue()
    world.live(1)
    assert reload(session).attention == "payout_overdue"
    assert str(session.pk) in run("list_stuck_sessions")
    world.chains["near"].refusing.clear()
    world.live(900, step=300)
    assert world.balances(MAKER)[MAKER, "near"] == before
    assert "1 open writes are due now" in do("retry_session", session.pk)
    world.live(4)
    paid = terms(session, Role.DESTINATION).amount
    assert world.balances(MAKER)[MAKER, "near"] == before + paid
    assert (status(session), reload(session).attention) == (Status.COMPLETED, "")


# --- rebroadcast ----------------------------------------------------------------------------------
def lost_on_the_way(world: World) -> tuple[Session, Attempt]:
    """Our lock has left us and no node has it."""
    session = locked(world, 0)
    world.chains["near"].drops_sent = True
    world.live_until(Status.DESTINATION_LOCKING, session)
    world.chains["near"].drops_sent = False
    return session, Attempt.objects.get(intent__call=Call.LOCK.value, left_at__isnull=False)


def test_rebroadcast_sends_the_same_bytes_again(world: World) -> None:
    session, attempt = lost_on_the_way(world)
    assert world.chains["near"].mempool == []
    said = do("rebroadcast", session.pk)
    assert said.startswith(f"send the same bytes again: lock on near {attempt.hash} (left us ")
    assert said.endswith(f"; {attempt.hash} was taken\n")
    assert [each.hash for each in world.chains["near"].mempool] == [attempt.hash]
    assert Attempt.objects.count() == 1
    assert the_deed().action == "rebroadcast"


def test_rule_5_rebroadcast_sends_nothing_that_has_not_left(world: World) -> None:
    session, attempt = lost_on_the_way(world)
    Attempt.objects.filter(pk=attempt.pk).update(status="signed", left_at=None)
    assert "nothing of session" in refused("rebroadcast", session.pk)
    assert world.chains["near"].mempool == []


def test_rule_5_rebroadcast_sends_nothing_that_would_come_too_late(world: World) -> None:
    session, attempt = lost_on_the_way(world)
    world.pass_time(terms(session, Role.DESTINATION).lock_by - int(world.clock.now))
    assert "nothing of session" in refused("rebroadcast", session.pk)
    world.pass_time(-1)
    assert f"{attempt.hash} was taken" in do("rebroadcast", session.pk)


def test_rebroadcast_says_what_no_node_took(world: World) -> None:
    session, attempt = lost_on_the_way(world)
    world.chains["near"].is_unreachable = True
    with pytest.raises(CommandError, match=f"no node took it: {attempt.hash} got no answer"):
        do("rebroadcast", session.pk)


def test_rebroadcast_of_what_is_in_a_block_does_nothing(world: World) -> None:
    session = locked(world, WHOLE_LIFE // 10)
    assert "nothing of session" in refused("rebroadcast", session.pk)
