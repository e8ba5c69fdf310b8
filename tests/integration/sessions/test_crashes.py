"""Rules 5, 8 and 14: a worker dies at any line, and the next one finishes the swap."""

from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

import pytest

from chains_app.locks import LockState
from chains_app.models import Attempt
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import Died, World, path

BEFORE, AFTER = "before", "after"
POINTS = {
    "a batch of sessions is not committed": ("sessions_app.lifecycle.Commit.write", BEFORE),
    "a batch of sessions is committed": ("sessions_app.coordinator._advance_batch", AFTER),
    "a transaction is signed": ("chains_app.outbox.worker.sign", AFTER),
    "left_at is committed": ("chains_app.outbox.sending.broadcast", BEFORE),
    "bytes are sent": ("chains_app.adapters.memory.MemoryAdapter.broadcast", AFTER),
    "facts are not committed": ("chains_app.poller.commit", BEFORE),
    "facts are committed": ("chains_app.poller.commit", AFTER),
    "sessions are told of facts": ("sessions_app.sweeps.send_hint", BEFORE),
}


@contextmanager
def death(point: str, turn: int) -> Iterator[list[int]]:
    """Who comes to that point for the `turn`-th time dies there; yields the turns so far."""
    target, when = POINTS[point]
    original, turns = resolve_name(target), [0]

    def dying(*args: Any, **kwargs: Any) -> Any:
        turns[0] += 1
        dies = turns[0] == turn
        if dies and when == BEFORE:
            raise Died
        result = original(*args, **kwargs)
        if dies:
            raise Died
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, dying)
        yield turns


@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("point", POINTS)
def test_rule_14_a_swap_survives_a_death_when(world: World, point: str, turn: int) -> None:
    session = world.start()
    world.lock_source(session)
    with death(point, turn) as turns:
        for _ in range(16):
            world.live_or_die()
    assert turns[0] >= turn
    world.live(4)
    assert path(session) == SWAPPED
    assert world.both_on_chain(session) == (LockState.WITHDRAWN, LockState.WITHDRAWN)
    assert Attempt.objects.filter(succeeded=True).count() == 3


def test_rule_9_an_execution_that_dies_before_its_commit_never_happened(world: World) -> None:
    session = world.create()
    with death("a batch of sessions is not committed", 1), pytest.raises(Died):
        world.execute(session)
    assert path(session) == ["initialized"]
    assert world.execute(session).status == "source_locking"
