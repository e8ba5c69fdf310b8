"""The commands for support: what they print, and that they fail when they did not do it."""

import getpass
import json
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from chains_app.models import Intent, Watch
from chains_app.poller import poll_all
from sessions_app.domain.states import Status
from sessions_app.models import Intervention, Session
from tests.integration.doors.calls import create_session, get
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import MAKER, World, status

COMMANDS = ["show_session", "retry_session", "explain_session"]


def run(command: str, *arguments: object) -> str:
    """What it prints."""
    output = StringIO()
    call_command(command, *(str(each) for each in arguments), stdout=output, stderr=StringIO())
    return output.getvalue()


@pytest.fixture
def swapped(world: World) -> Session:
    """A session that has completed."""
    session = world.start()
    world.lock_source(session)
    world.live(14)
    return session


@pytest.mark.django_db(transaction=True)
def test_show_session_tells_legs_and_timeline(swapped: Session) -> None:
    shown = run("show_session", swapped.pk)
    for status_name in SWAPPED:
        assert f" {status_name} " in shown
    assert "source on base: 1000000000000000000 base units of COIN" in shown
    assert "withdrawn at the head, withdrawn when final" in shown


def test_show_session_as_json_is_the_apis_answer(api: APIClient) -> None:
    session = create_session(api)
    shown = json.loads(run("show_session", session["sessionId"], "--json"))
    events = get(api, f"/sessions/{session['sessionId']}/events")["items"]
    assert shown == {**session, "client": "frontend", "events": events}


@pytest.mark.django_db(transaction=True)
def test_rule_3_explain_session_says_what_each_guard_saw_and_said(swapped: Session) -> None:
    lines = run("explain_session", swapped.pk).splitlines()
    asked = [line for line in lines if "before it" in line]
    assert [" ".join(line.split()[:4]) for line in asked] == [
        "lock of the destination", "lock of the destination",
        "withdraw of the destination", "withdraw of the destination",
        "withdraw of the source", "withdraw of the source",
    ]  # fmt: skip
    assert all(line.endswith("yes, agreed") for line in asked)
    assert "    the secret had left us: no" in lines
    assert "    source lock: open at the head of" in "\n".join(lines)


@pytest.mark.django_db(transaction=True)
def test_rule_13_no_command_shows_a_secret(swapped: Session) -> None:
    watch = Watch.objects.filter(preimage__isnull=False).first()
    assert watch is not None
    assert watch.preimage is not None
    secret = bytes(watch.preimage).hex()
    for command in ("show_session", "explain_session"):
        assert secret not in run(command, swapped.pk)
    assert secret not in run("show_session", swapped.pk, "--json")


@pytest.mark.django_db(transaction=True)
def test_explain_session_gives_the_newest_refusal(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.chains["near"].refusing.add(MAKER)
    world.live(6)
    refused = [line for line in run("explain_session", session.pk).splitlines() if ": no, " in line]
    assert refused == [
        "lock of the destination leg, at the newest refusal: no, maker refuses payments on near"
    ]


def test_retry_session_is_recorded_with_who_and_why(world: World) -> None:
    session = world.create()
    assert run("retry_session", session.pk, "--reason", "the customer waits") == (
        f"{session.pk} was initialized, is initialized; its writes are due now\n"
    )
    deed = Intervention.objects.get()
    assert (deed.session_id, deed.action, deed.by, deed.reason) == (
        session.pk, "retry", getpass.getuser(), "the customer waits"
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_retry_session_drives_what_no_worker_does(world: World) -> None:
    session = world.start()
    for _ in range(4):
        world.block(1000)
        poll_all()
    assert status(session) is Status.SOURCE_LOCKING
    shown = run("retry_session", session.pk, "--reason", "no worker runs")
    assert shown.startswith(f"{session.pk} was source_locking, is cancelled")
    assert status(session) is Status.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_retry_session_makes_the_open_writes_due(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.chains["near"].refusing.add(MAKER)
    world.live(6)
    Intent.objects.update(due_at=None)
    run("retry_session", session.pk, "--reason", "the account takes payments again")
    assert Intent.objects.get().due_at is not None


@pytest.mark.django_db(transaction=True)
def test_retry_session_of_an_ended_one_does_nothing_and_says_so(swapped: Session) -> None:
    with pytest.raises(CommandError, match="has ended: it is completed"):
        run("retry_session", swapped.pk, "--reason", "why not")
    assert not Intervention.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_retry_session_wants_a_reason(world: World, reason: str) -> None:
    session = world.create()
    with pytest.raises(CommandError, match="--reason"):
        run("retry_session", session.pk, "--reason", reason)
    with pytest.raises(CommandError, match="--reason"):
        run("retry_session", session.pk)
    assert not Intervention.objects.exists()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("session_id", [str(UUID(int=7)), "7", ""])
def test_an_unknown_session_fails(db: None, command: str, session_id: str) -> None:
    reason = ["--reason", "x"] if command == "retry_session" else []
    with pytest.raises(CommandError):
        run(command, session_id, *reason)


def test_list_stuck_sessions_names_who_needs_a_person_and_who_is_not_driven(world: World) -> None:
    healthy, in_need, overdue = world.create(), world.create(), world.create()
    Session.objects.update(wake_at="2100-01-01T00:00Z")
    Session.objects.filter(pk=in_need.pk).update(
        attention="lost_race", attention_since="2026-11-22T10:00Z"
    )
    Session.objects.filter(pk=overdue.pk).update(wake_at="2026-11-22T11:00Z")
    assert run("list_stuck_sessions").splitlines() == [
        f"{in_need.pk} initialized lost_race since 2026-11-22T10:00:00Z",
        f"{overdue.pk} initialized due since 2026-11-22T11:00:00Z, and no worker takes it: "
        "are they running?",
    ]
    assert str(healthy.pk) not in run("list_stuck_sessions")


def test_list_stuck_sessions_of_none_prints_nothing(db: None) -> None:
    assert run("list_stuck_sessions") == ""
    assert str(uuid4()) not in run("list_stuck_sessions")
