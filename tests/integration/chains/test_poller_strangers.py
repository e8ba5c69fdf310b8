"""What strangers do in our contracts holds nothing of ours up in the poller."""

from collections.abc import Collection
from uuid import uuid4

import pytest
from django.db import transaction

from chains_app import poller
from chains_app.adapters.interface import FactsPage, TooManyFactsError
from chains_app.adapters.memory import MemoryAdapter
from chains_app.locks import Call, LockState
from chains_app.models import InboxFact, Observation, Watch
from chains_app.poller import poll_all
from chains_app.registry import get_adapter
from chains_app.watching import watch_lock
from tests.integration.chains.test_poller import facts_of, watch
from tests.integration.chains.world import TIER, World


def test_strangers_locks_hold_no_reading_of_an_agreed_one_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are due in the same second, the strangers' first."""
    monkeypatch.setattr(poller, "MOST_READS", 3)
    monkeypatch.setattr(poller, "MOST_SPARE_READS", 2)
    strangers = [world.terms(ours=False) for _ in range(4)]
    for each in strangers:
        with transaction.atomic():
            watch_lock(reference=uuid4(), terms=each, tier=TIER, pays_out=False)
    terms, reference = watch(world)
    for each in (*strangers, terms):
        world.send_as("maker", Call.LOCK, each)
        world.base.mine()
    poll_all()
    Watch.objects.update(due_time=0)
    Watch.objects.filter(reference=reference).update(due_time=2)
    world.base.mine()
    poll_all()
    assert Watch.objects.filter(due_time=0).count() == 2
    assert not Watch.objects.filter(reference=reference, due_time=2).exists()


def test_strangers_locks_leave_no_row(world: World) -> None:
    poll_all()
    world.lock_by_maker(world.terms(ours=False))
    poll_all()
    assert InboxFact.objects.count() == Observation.objects.count() == 0


def test_strangers_events_too_many_to_read_hide_none_of_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms, reference = watch(world)
    surplus = world.terms(ours=False)
    with transaction.atomic():
        watch_lock(reference=uuid4(), terms=surplus, tier=TIER, pays_out=False)
    poll_all()
    world.lock_by_maker(terms)
    facts = MemoryAdapter.facts
    asked: list[Collection[str] | None] = []

    def refusing(
        self: MemoryAdapter, first: int, last: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        asked.append(locks)
        if locks is None and self.name == "base":
            raise TooManyFactsError("base: too many logs in a block")
        return facts(self, first, last)

    monkeypatch.setattr(MemoryAdapter, "facts", refusing)
    poll_all()
    assert facts_of(reference).head is LockState.OPEN
    assert [get_adapter("base").lock_id(terms)] in asked
