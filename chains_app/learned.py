"""What one step of the poller learned, and how it is stored: facts, readings, what is due next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.utils import timezone

from chains_app.adapters.interface import Fact
from chains_app.locks import Block, LockReading, LockState
from chains_app.models import ChainCursor, Creation, InboxFact, Observation, SeenLock, Watch
from chains_app.watching import (
    LOOKS,
    look_again,
    newest,
    next_due_time,
    oldest_doubt,
    overdue_time,
    shown_preimage,
)
from orchestrator.kernel.clock import Seconds

LONGEST_DOUBT: Final = 60  # seconds between two looks at what no two nodes tell

Finals = Mapping[str, Block]


@dataclass
class Learned:
    """One step's blocks, facts about watched locks, and readings of them.

    `unread`: watches (by key) whose state at a fact's block is gone, to be read at the head.
    `creations`: watches' keys to what made their locks. `seen`: locks that nobody watches.
    `asked_at`: before the first exchange of the step, so that facts are as old as they say.
    """

    blocks: tuple[Block, ...]
    finals: Finals
    facts: list[tuple[Watch, Fact]] = field(default_factory=list)
    readings: list[tuple[Watch, LockReading]] = field(default_factory=list)
    unread: set[int] = field(default_factory=set)
    creations: dict[int, bytes] = field(default_factory=dict)
    seen: list[SeenLock] = field(default_factory=list)
    asked_at: datetime = field(default_factory=timezone.now)

    def has_read(self, watch: Watch, block: Block) -> bool:
        """Whether that lock was read at that block in this step."""
        return any(w.pk == watch.pk and r.block.hash == block.hash for w, r in self.readings)

    def knows_secret(self, watch: Watch, reading: LockReading) -> bool:
        """Whether the lock's secret is stored, or was shown by the reading or a fact."""
        if watch.preimage is not None or shown_preimage(watch, None, reading) is not None:
            return True
        ours = (fact for known, fact in self.facts if known.pk == watch.pk)
        return any(shown_preimage(watch, fact, None) is not None for fact in ours)

    def shows_made(self, watch: Watch, fact: Fact) -> bool:
        """Whether the lock stands open since this fact: not another one's that took its place."""
        return fact.may_be_new and any(
            of.pk == watch.pk and r.block.hash == fact.block_hash and r.state is LockState.OPEN
            for of, r in self.readings
        )

    def is_news(self, cursor: ChainCursor) -> bool:
        """Whether there is anything to commit."""
        is_final = any(b.height > cursor.final_height(tier) for tier, b in self.finals.items())
        return bool(self.blocks or self.readings or is_final)


def store_readings(learned: Learned) -> set[int]:
    """The inbox, the readings, and what they mean for each watch; returns the watches' keys."""
    if learned.seen:
        SeenLock.objects.bulk_create(learned.seen, ignore_conflicts=True)
    if not (learned.facts or learned.readings or learned.unread):
        return set()
    InboxFact.objects.bulk_create(
        (
            InboxFact(
                watch=watch, height=fact.height, block_hash=fact.block_hash,
                transaction=fact.transaction,
            )
            for watch, fact in learned.facts
        ),
        ignore_conflicts=True,
    )  # fmt: skip
    _store_observations(learned)
    for watch, fact in learned.facts:
        _keep_preimage(watch, shown_preimage(watch, fact, None))
    for watch, reading in sorted(learned.readings, key=lambda read: read[1].block.height):
        _update_watch(watch, reading)
    if learned.unread:
        Watch.objects.filter(pk__in=learned.unread).update(due_time=0)
    for key, raw in learned.creations.items():
        Creation.objects.update_or_create(watch_id=key, defaults={"raw": raw})
    return {watch.pk for watch, _ in (*learned.readings, *learned.facts)}


def _store_observations(learned: Learned) -> None:
    """What two tell of a block takes the place of what was doubted there, and never the reverse.
    One reading of each lock and block: see `has_read`.
    """
    rows = [_observation(*read) for read in learned.readings if not _is_doubted_still(*read)]
    Observation.objects.bulk_create((r for r in rows if r.is_doubted), ignore_conflicts=True)
    Observation.objects.bulk_create(
        (row for row in rows if not row.is_doubted),
        update_conflicts=True,
        unique_fields=["watch", "block_hash"],
        update_fields=["state", "is_paid", "is_doubted"],
    )


def _is_doubted_still(watch: Watch, reading: LockReading) -> bool:
    """Nothing has changed: no row for each look, while a node is down for long."""
    if not reading.is_doubted:
        return False
    last = newest(watch.observations.all())
    told = None if last is None or not last.is_doubted else (last.lock_state, last.is_paid)
    return told == (reading.state, reading.is_paid)


def _observation(watch: Watch, reading: LockReading) -> Observation:
    block = reading.block
    return Observation(
        watch=watch,
        height=block.height,
        block_hash=block.hash,
        time=block.time,
        state=reading.state.value,
        is_paid=reading.is_paid,
        is_doubted=reading.is_doubted,
    )


def _update_watch(watch: Watch, reading: LockReading) -> None:
    _keep_preimage(watch, shown_preimage(watch, None, reading))
    due_time = _due_time(watch, reading)
    seen = watch.first_seen_time
    if reading.state is not LockState.ABSENT:
        seen = min(reading.block.time, reading.block.time if seen is None else seen)
    Watch.objects.filter(pk=watch.pk).update(due_time=due_time, first_seen_time=seen)
    watch.first_seen_time = seen


def _due_time(watch: Watch, reading: LockReading) -> Seconds | None:
    """When the lock is read next, whatever facts come. Of strangers' locks no more than deadlines:
    they name their instants, and may be many.
    """
    terms = watch.terms
    is_gone = watch.stood_finally and reading.state is LockState.ABSENT  # not to be believed
    if is_gone or is_untold(watch, reading.state):
        return Seconds(reading.block.time + 1)  # until it is back, or its secret was found
    if reading.is_doubted:
        return _look_at_doubted(watch, reading)
    due = next_due_time(terms, reading)
    if due is not None and _is_named_absent(watch, reading):
        return min(due, look_again(reading, since=terms.lock_by))
    return due or (overdue_time(terms, reading) if watch.pays_out else None)


def _look_at_doubted(watch: Watch, reading: LockReading) -> Seconds:
    """With the next block, for the second node may be one behind; then ever less often. Of what
    stands never so seldom that who comes back is asked late.
    """
    first, now = oldest_doubt(watch.observations.all()), reading.block.time
    pause = 0 if first is None else (now - first.time) // LOOKS
    is_there = reading.state is not LockState.ABSENT
    return Seconds(now + max(1, min(pause, LONGEST_DOUBT) if is_there else pause))


def _is_named_absent(watch: Watch, reading: LockReading) -> bool:
    """Not there, although a fact told of it; it may only be prepared (NEAR), or misread."""
    is_absent = watch.pays_out and reading.state is LockState.ABSENT
    return is_absent and InboxFact.objects.filter(watch=watch).exists()


def is_untold(watch: Watch, state: LockState) -> bool:
    """Somebody has withdrawn, and no node has told with which secret."""
    return state is LockState.WITHDRAWN and watch.preimage is None


def _keep_preimage(watch: Watch, preimage: bytes | None) -> None:
    if preimage is not None:
        watch.preimage = preimage
        Watch.objects.filter(pk=watch.pk).update(preimage=preimage)
