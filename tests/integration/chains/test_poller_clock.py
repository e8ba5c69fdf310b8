"""How old what the poller learned is (rules 5 and 11), and when it looks again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from chains_app.adapters.memory import MemoryAdapter
from chains_app.ingest import rewind
from chains_app.locks import Call, LockState
from chains_app.models import ChainBlock, ChainCursor, InboxFact, Watch
from chains_app.poller import poll_all
from chains_app.selectors import chain_clocks
from chains_app.watching import LOOK_AGAIN
from tests.integration.chains.test_poller import watch
from tests.integration.chains.world import World


def test_rule_11_the_clock_says_when_a_head_last_advanced(world: World) -> None:
    poll_all()
    long_ago = timezone.now() - timedelta(hours=1)
    ChainCursor.objects.update(advanced_at=long_ago)
    poll_all()
    assert chain_clocks()["base"].advanced_at == long_ago
    world.base.mine()
    poll_all()
    advanced = chain_clocks()["base"].advanced_at
    assert advanced is not None
    assert advanced > long_ago
    assert chain_clocks()["base"].head_time == world.now()
    assert chain_clocks()["near"].advanced_at == long_ago


def test_facts_are_as_old_as_the_question_that_they_answer(world: World) -> None:
    """Rule 5 counts their age: what was read meanwhile makes them no younger."""
    terms, _ = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    answered_at: list[datetime] = []

    def note(method: str) -> None:
        if method == "final":  # the first exchange of a step
            answered_at.append(timezone.now())

    world.adapters["base"].at_each = note
    poll_all()
    advanced = chain_clocks()["base"].advanced_at
    assert advanced is not None
    assert advanced < answered_at[0]


def test_rule_11_a_head_that_goes_back_has_not_advanced(world: World) -> None:
    world.base.mine(2)
    poll_all()
    world.base.mine(2)
    poll_all()
    long_ago = timezone.now() - timedelta(hours=1)
    ChainCursor.objects.update(advanced_at=long_ago)
    cursor = ChainCursor.objects.get(chain="base")
    rewind(cursor, ChainBlock.objects.get(chain="base", height=cursor.height - 1))
    assert chain_clocks()["base"].head_height == world.base.head.height - 1
    assert chain_clocks()["base"].advanced_at == long_ago


@pytest.mark.parametrize("pays_out", [True, False])
def test_what_is_overdue_is_read_again_although_no_fact_tells_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch, pays_out: bool
) -> None:
    """But of strangers' locks, whose instants are theirs to choose."""
    terms, reference = watch(world)
    Watch.objects.update(pays_out=pays_out)
    poll_all()
    world.lock_by_maker(terms)
    world.base.mine(seconds=terms.timelock - world.now())
    poll_all()
    facts = MemoryAdapter.facts
    world.send_as("maker", Call.REFUND, terms)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryAdapter, "facts", lambda *each: replace(facts(*each), facts=()))
        world.base.mine()
        poll_all()
    world.base.mine(seconds=2 * LOOK_AGAIN)
    poll_all()
    seen = Watch.objects.get(reference=reference).observations.latest("height").lock_state
    assert seen is (LockState.REFUNDED if pays_out else LockState.OPEN)


@pytest.mark.parametrize(("before", "due_in"), [(60, LOOK_AGAIN), (4, 5)])
def test_what_a_fact_named_and_is_not_there_is_read_by_its_deadline_at_the_latest(
    world: World, before: int, due_in: int
) -> None:
    terms, _ = watch(world)
    InboxFact.objects.create(watch=Watch.objects.get(), height=1, block_hash="0x1")
    world.base.mine(seconds=terms.lock_by - before - world.now() - world.base.block_seconds)
    poll_all()
    assert world.now() == terms.lock_by - before
    assert Watch.objects.get().due_time == world.now() + due_in
