"""Attention: duties that are overdue, since when, and the lines that the log has of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chains_app.locks import Call, LockState
from chains_app.models import Intent
from orchestrator.kernel.clock import seconds
from sessions_app import alarming
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from sessions_app.sweeps import wake_overdue
from tests.integration.sessions.world import World, reload, status

INCLUSION = 1000  # seconds, of these sessions: what the test itself takes does not matter


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The lines of the log, at both levels that are used."""
    lines: list[tuple[str, dict[str, Any]]] = []
    for level in ("info", "error"):
        monkeypatch.setattr(
            alarming.log, level, lambda event, **about: lines.append((event, about)), raising=False
        )
    return lines


def revealing(world: World) -> Session:
    """The secret has not left yet, and the maker's withdrawal is due from now on."""
    session = world.start()
    world.lock_source(session)
    world.chains["near"].refused_calls = {Call.WITHDRAW}
    world.live_until(Status.REVEALING_SECRET, session)
    policy = {**session.policy, "inclusion": INCLUSION}
    Session.objects.filter(pk=session.pk).update(policy=policy)
    return reload(session)


def let_wait(call: Call, seconds: int) -> None:
    """As if these writes had been wanted for so long."""
    since = timezone.now() - timedelta(seconds=seconds)
    Intent.objects.filter(call=call.value).update(wanted_since=since)


def test_a_duty_is_overdue_after_twice_its_inclusion_and_no_longer_when_it_is_done(
    world: World, said: list[tuple[str, dict[str, Any]]]
) -> None:
    session = revealing(world)
    let_wait(Call.WITHDRAW, INCLUSION)
    wake_overdue()
    world.sweep()
    assert (reload(session).attention, said) == ("", [])
    let_wait(Call.WITHDRAW, 2 * INCLUSION)
    assert wake_overdue() == 1
    world.sweep()
    late = reload(session)
    assert late.attention == "withdrawal_overdue"
    assert late.attention_since is not None
    assert seconds(late.attention_since) == int(world.clock.now)
    about = {"session_id": str(session.pk), "reason": "withdrawal_overdue"}
    title = "a withdrawal that is due does not come into a block"
    page = "docs/runbook/withdrawal_overdue.md"
    assert said == [("attention", {**about, "title": title, "page": page})]
    assert wake_overdue() == 0  # it was told
    world.chains["near"].refused_calls = set()
    world.live(14)
    assert (status(session), reload(session).attention) == (Status.COMPLETED, "")
    assert said[1:] == [("attention_over", about)]


def test_what_stands_in_a_block_and_is_not_final_yet_is_not_overdue(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    while world.on_chain(session, Role.SOURCE) is not LockState.WITHDRAWN:
        world.live(1)
    world.poll()
    for _ in range(3):
        let_wait(Call.WITHDRAW, 2 * INCLUSION)
        world.block(1, "near")
        world.work()
        assert wake_overdue() == 0  # with every block of a chain that takes 25 minutes
        Session.objects.update(wake_at="2026-01-01T00:00Z")
        world.sweep()
    assert Intent.objects.filter(call=Call.WITHDRAW.value, status="active").exists()
    assert (status(session), reload(session).attention) == (Status.REVEALING_SECRET, "")


def test_a_withdrawal_that_is_not_due_any_more_is_not_overdue(world: World) -> None:
    """From the destination's timelock on it is a refund that is due, and that one is young."""
    session = revealing(world)
    leg = session.legs.get(role=Role.DESTINATION)
    while world.chains["near"].head.time < leg.lock_terms.timelock:
        world.live(1)
    let_wait(Call.WITHDRAW, 2 * INCLUSION)
    wake_overdue()
    world.sweep()
    assert Intent.objects.filter(call=Call.REFUND.value, reference=leg.pk).exists()
    assert reload(session).attention == ""


def test_a_write_that_a_reorganisation_opens_again_is_wanted_since_then(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    world.pass_time(1000)
    ours = Intent.objects.filter(call=Call.WITHDRAW.value)
    before = set(ours.values_list("wanted_since", flat=True))
    for chain in world.chains.values():
        chain.reorganise(2)
    world.poll()
    opened = ours.filter(status="active")
    assert not before & set(opened.values_list("wanted_since", flat=True))
