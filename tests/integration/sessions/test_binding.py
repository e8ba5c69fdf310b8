"""Chain facts to a session's snapshot: what is kept, what is believed, what is fresh (rule 7)."""

from datetime import UTC, datetime

import pytest

from chains_app.locks import Call
from chains_app.models import ChainCursor, Watch
from orchestrator.kernel.clock import wall_clock
from orchestrator.kernel.hashlock import Secret
from sessions_app.binding import Evidence
from sessions_app.models import Role, Session
from tests.integration.sessions.world import THERE, World, terms


def evidence_of(session: Session) -> Evidence:
    return Evidence.gather([session], wall_clock())


def test_what_a_session_has_seen_is_not_unseen(world: World) -> None:
    session = world.start()
    session.source_seen_in_time = True
    evidence_of(session).bind(session)
    assert session.source_seen_in_time


def test_rule_7_a_preimage_that_does_not_fit_opens_nothing(world: World) -> None:
    secret = Secret.generate()
    session = world.start_by_maker(THERE, secret)
    for shown, opens in ((Secret.generate(), False), (secret, True)):
        Watch.objects.update(preimage=shown.reveal())
        evidence_of(session).bind(session)
        assert session.secret_is_shown is opens


def test_rule_7_a_lock_of_ours_that_stands_has_left_us(world: World) -> None:
    """Whatever our own rows say, which may have been put back."""
    session = world.start()
    assert not evidence_of(session).snapshot(session).destination_lock_left
    world.send_as("lock", Call.LOCK, terms(session, Role.DESTINATION))
    world.block()
    world.poll()
    assert evidence_of(session).snapshot(session).destination_lock_left


@pytest.mark.parametrize("name", ["base", "near"])
def test_rule_11_each_chain_has_to_be_fresh(world: World, name: str) -> None:
    session = world.start()
    world.trust_heads_for(5)
    world.read_heads(seconds_ago=5)
    assert evidence_of(session).snapshot(session).chains_are_fresh
    old = datetime.fromtimestamp(world.clock.now - 6, UTC)
    ChainCursor.objects.filter(chain=name).update(advanced_at=old)
    assert not evidence_of(session).snapshot(session).chains_are_fresh
