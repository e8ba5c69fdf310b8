"""The commands for support: what they print, and that they fail when they did not do it."""

import json
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from chains_app.models import Watch
from sessions_app.models import Session
from tests.integration.doors.calls import create_session, get
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import MAKER, World

COMMANDS = [
    "show_session", "explain_session", "retry_session", "cancel_session", "refund_session",
    "rebroadcast", "repay_session",
]  # fmt: skip


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


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("session_id", [str(UUID(int=7)), "7", ""])
def test_an_unknown_session_fails(db: None, command: str, session_id: str) -> None:
    reason = [] if command in ("show_session", "explain_session") else ["--reason", "x", "--yes"]
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
        f"{in_need.pk} initialized lost_race since 2026-11-22T10:00:00Z: book the loss, and find "
        "out what held the source's withdrawal up; nothing comes back (docs/runbook/lost_race.md)",
        f"{overdue.pk} initialized due since 2026-11-22T11:00:00Z, and no worker takes it: "
        "are they running?",
    ]
    assert str(healthy.pk) not in run("list_stuck_sessions")


def test_list_stuck_sessions_of_none_prints_nothing(db: None) -> None:
    assert run("list_stuck_sessions") == ""
    assert str(uuid4()) not in run("list_stuck_sessions")
