"""Locks that the poller follows, and what their readings say."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from chains_app.adapters.interface import Fact
from chains_app.locks import LockReading, LockState, LockTerms
from chains_app.models import ChainCursor, Observation, Watch
from chains_app.outbox.effects import Standing
from chains_app.registry import get_adapter, get_chain
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.kernel.hashlock import LENGTH, Secret, fits
from orchestrator.queries import Given, IsAmong, Select


class WatchConflictError(OrchestratorError):
    """A reference is watched under other terms, or its lock under another reference."""

    code = "watch_conflict"


LOOK_AGAIN: Final = 15  # seconds of a chain; until what a fact named, or what is due, is there
LOOKS: Final = 8  # in each doubling of the time since it was due
COMPARED: Final = 1  # a `due_time` before all others, that waits behind them
NEVER: Final = 10**11  # seconds; a stranger may name instants that no column holds
BY_KEY: Final = Select(lambda: Watch.objects.filter(IsAmong(F("pk"), Given("keys"))))
WATCHED: Final = Select(lambda: Watch.objects.filter(IsAmong(F("reference"), Given("references"))))
READINGS: Final = Select(
    lambda: Observation.objects.filter(IsAmong(F("watch_id"), Given("watches")))
)


def watch_lock(*, reference: UUID, terms: LockTerms, tier: str, pays_out: bool = True) -> None:
    """From now on the poller reads this lock whenever a fact or a deadline asks for it.

    `pays_out`: what it owes finally is our duty to pay; never of a stranger's lock.

    In the caller's transaction; the same call again changes nothing. `tier` is one of the chain's
    finality tiers: what is read counts as final by it. Raises WatchConflictError.
    """
    if tier not in get_chain(terms.chain).finality:
        raise WatchConflictError(f"{tier!r} is not a finality tier of {terms.chain}")
    fields = {"chain": terms.chain, "terms_json": terms.to_json(), "tier": tier}
    fields["lock_id"] = get_adapter(terms.chain).lock_id(terms)
    watch = Watch(reference=reference, pays_out=pays_out, **fields)
    Watch.objects.bulk_create([watch], ignore_conflicts=True)
    if not Watch.objects.filter(reference=reference, **fields).exists():
        raise WatchConflictError(f"{reference} or its lock is watched already, under other terms")


def set_tier(*, reference: UUID, tier: str) -> None:
    """From now on what is read of a watched lock counts as final by another of its chain's tiers.

    In the caller's transaction, before anything was decided by the former one.
    """
    watch = Watch.objects.get(reference=reference)
    get_chain(watch.chain).require_tier(tier)
    Watch.objects.filter(pk=watch.pk).update(tier=tier)


def compare_with_chains() -> int:
    """Have every lock of an open swap read at its chain's head, whatever is stored of it, as a
    service does that starts: it may have slept for long, or its database been put back. How many.

    What is being written at this moment is read anyway.
    """
    with transaction.atomic():
        open_ones = Watch.objects.filter(is_settled=False, pays_out=True).exclude(due_time=0)
        rows = open_ones.select_for_update(skip_locked=True, no_key=True).order_by("pk")
        keys = list(rows.values_list("pk", flat=True))
        return Watch.objects.filter(pk__in=keys).update(due_time=COMPARED)


def watches_of(references: Iterable[UUID]) -> list[Watch]:
    """Those of these references that are watched."""
    return WATCHED.all(references=list(references))


def readings_of(watches: Iterable[Watch]) -> Mapping[int, list[Observation]]:
    """What is stored of these locks' readings, by the watch's key."""
    return by_watch(READINGS.all(watches=[watch.pk for watch in watches]))


def by_watch(readings: Iterable[Observation]) -> Mapping[int, list[Observation]]:
    """Readings of several locks, by the watch's key."""
    found: dict[int, list[Observation]] = defaultdict(list)
    for each in readings:
        found[each.watch_id].append(each)
    return found


def standing(observation: Observation) -> Standing:
    """A stored reading, as decisions take it."""
    return Standing(observation.lock_state, observation.is_paid, Seconds(observation.time))


def newest(readings: Iterable[Observation], up_to: int | None = None) -> Observation | None:
    """The newest of a lock's readings, at most as high as `up_to`."""
    low_enough = (r for r in readings if up_to is None or r.height <= up_to)
    return max(low_enough, key=lambda reading: reading.height, default=None)


def believed(readings: Iterable[Observation], up_to: int | None = None) -> Observation | None:
    """The newest that may count as final: none that is doubted."""
    return newest((reading for reading in readings if not reading.is_doubted), up_to)


def oldest_doubt(readings: Iterable[Observation]) -> Observation | None:
    """The first of those that are doubted since two nodes last told something."""
    stored = list(readings)
    told = believed(stored)
    since = -1 if told is None else told.height
    doubted = (each for each in stored if each.is_doubted and each.height > since)
    return min(doubted, key=lambda reading: reading.height, default=None)


def final_observation(
    watch: Watch, readings: Iterable[Observation], cursor: ChainCursor | None
) -> Observation | None:
    """The newest of a lock's readings at a block that is an ancestor of the final head (rule 7).

    None also for an absence of what stood finally before: that is not to be believed.
    """
    if cursor is None:
        return None
    found = believed(readings, cursor.final_height(watch.tier))
    is_absent = found is not None and found.lock_state is LockState.ABSENT
    return None if is_absent and watch.stood_finally else found


def next_due_time(terms: LockTerms, reading: LockReading) -> Seconds | None:
    """Chain time of the next deadline that turns a reading into another truth, if there is one.

    Absence counts only when read after `lock_by`; an open lock can't be withdrawn from its timelock
    on. Everything else is told by a fact.
    """
    time, due = reading.block.time, None
    if reading.state is LockState.ABSENT and time <= terms.lock_by:
        due = Seconds(terms.lock_by + 1)
    if reading.state is LockState.OPEN and time < terms.timelock:
        due = terms.timelock
    return due if due is not None and due < NEVER else None


def overdue_time(terms: LockTerms, reading: LockReading) -> Seconds | None:
    """When a lock that is to be refunded or paid by now is read again: a node may have left out the
    fact that it was.
    """
    if reading.state is LockState.OPEN and reading.block.time >= terms.timelock:
        return look_again(reading, since=terms.timelock)
    is_owed = reading.state.is_decided and not reading.is_paid
    return look_again(reading, since=terms.lock_by) if is_owed else None


def look_again(reading: LockReading, *, since: Seconds) -> Seconds:
    """When a lock is read again, although no fact tells of it: ever less often, and often enough
    that within the time until the source's last safe moment there are several looks.
    """
    time = reading.block.time
    return Seconds(time + max(LOOK_AGAIN, (time - since) // LOOKS))


def doubt(watch: Watch, readings: Iterable[Observation], reading: LockReading) -> None:
    """Have the poller read a lock that a node shows otherwise than its stored `readings`: a fact
    may have been left out, or misread.
    """
    stored = newest(readings)
    if stored is None or stored.is_doubted:  # that is looked at again anyway
        return
    if (stored.lock_state, stored.is_paid) != (reading.state, reading.is_paid):
        Watch.objects.filter(pk=watch.pk).update(due_time=0, is_settled=False)


def shown_preimage(watch: Watch, fact: Fact | None, reading: LockReading | None) -> bytes | None:
    """A preimage that fits proves itself, wherever it was seen."""
    terms, function = watch.terms, get_chain(watch.chain).hash_function
    for shown in (fact and fact.secret, reading and reading.secret):
        if shown and len(shown) == LENGTH and fits(Secret(shown), terms.hashlock, function):
            return shown
    return None
