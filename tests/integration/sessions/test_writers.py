"""Rule 9: one writer of status, and what it refuses."""

import re
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from chains_app.locks import Call
from chains_app.models import Intent, IntentStatus
from orchestrator.kernel.clock import Seconds, instant
from sessions_app import coordinator, lifecycle
from sessions_app.domain.plan import Step
from sessions_app.domain.states import Status
from sessions_app.lifecycle import Commit, MoveNotAllowedError, lock_sessions
from sessions_app.models import Role, Session
from sessions_app.sweeps import on_changed
from tests.integration.sessions.test_guard import waiting_for
from tests.integration.sessions.world import START, World, path, reload, status

ROOT = Path(__file__).resolve().parents[3]
WRITES_STATUS = re.compile(
    r"session\.status\s*=[^=]|Session\([^)]*status=|Session\.objects.*update\([^)]*status="
)


def test_rule_9_lifecycle_alone_writes_a_status() -> None:
    sources = [
        path
        for app in ("sessions_app", "auctions_app", "chains_app", "secrets_app", "orchestrator")
        for path in (ROOT / app).rglob("*.py")
    ]
    writers = {path.name for path in sources if WRITES_STATUS.search(path.read_text())}
    assert writers == {"lifecycle.py"}


@transaction.atomic
def move(session: Session, step: Step, *, then: Exception | None = None) -> None:
    rows = lock_sessions([session.id])
    commit = Commit(instant(START))
    commit.move(rows[0], step, {})
    commit.write(rows)
    if then is not None:
        raise then


def test_rule_9_a_move_outside_the_table_writes_nothing(world: World) -> None:
    session = world.create()
    with pytest.raises(MoveNotAllowedError, match="initialized to completed"):
        move(session, Step(Status.COMPLETED, "as I like it"))
    assert (status(session), path(session)) == (Status.INITIALIZED, ["initialized"])


def test_rule_9_a_move_and_its_transition_are_one_commit(world: World) -> None:
    session = world.create()
    with pytest.raises(ConnectionError):
        move(session, Step(Status.CANCELLED, "why not"), then=ConnectionError())
    assert (reload(session).version, path(session)) == (1, ["initialized"])
    move(session, Step(Status.CANCELLED, "why not"))
    assert (reload(session).version, path(session)) == (2, ["initialized", "cancelled"])


def test_rule_9_the_feed_hears_of_a_move_when_it_is_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, heard = world.create(), list[tuple[object, int]]()
    monkeypatch.setattr(lifecycle, "ring", heard.extend)
    with transaction.atomic():
        move(session, Step(Status.CANCELLED, "why not"))
        assert heard == []
    assert heard == [(session.pk, 2)]


def test_rule_9_nothing_is_moved_outside_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        Commit(instant(Seconds(0)))


def test_the_database_refuses_a_second_transition_of_one_seq(world: World) -> None:
    first = world.create().transitions.get()
    first.pk = None
    with pytest.raises(IntegrityError, match="transition_seq_once"):
        first.save(force_insert=True)


def test_the_database_refuses_a_status_that_there_is_not(world: World) -> None:
    session = world.create()
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="status_is_known"):
        cursor.execute(
            "UPDATE sessions_app_session SET status = 'done' WHERE id = %s", [session.pk]
        )


def test_the_database_refuses_a_hashlock_that_was_used(world: World) -> None:
    first, second = world.create(), world.create()
    second.hashlock = first.hashlock
    with pytest.raises(IntegrityError, match="hashlock"):
        second.save(update_fields=["hashlock"])


def test_rule_5_a_write_that_was_voided_is_planned_again_while_it_is_due(world: World) -> None:
    """Nothing of it had left: whoever voided it counted on another truth than now."""
    session = waiting_for(world, Role.SOURCE, Call.WITHDRAW)
    source = session.legs.get(role=Role.SOURCE)
    intents = Intent.objects.filter(reference=source.pk, call=Call.WITHDRAW.value)
    assert intents.update(status=IntentStatus.VOID, due_at=None) == 1
    on_changed({source.pk})
    world.sweep()
    assert intents.get().status == IntentStatus.PLANNED
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


def test_rule_9_a_write_that_is_planned_already_is_not_planned_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = waiting_for(world, Role.SOURCE, Call.WITHDRAW)
    planned: list[object] = []
    monkeypatch.setattr(lifecycle, "plan_intent", lambda **intent: planned.append(intent))
    on_changed({leg.pk for leg in session.legs.all()})
    assert (coordinator.advance_due(), planned) == (1, [])
