"""Committing what the poller learned: one transaction each, fenced by the cursor's version."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from chains_app import ports
from chains_app.intents import OUTBOX_TASK, plan_intent
from chains_app.learned import Finals, Learned, is_untold, store_readings
from chains_app.leases import LeaseLostError, lock, wake
from chains_app.locks import Block, Call, LockState
from chains_app.models import (
    ALIVE,
    IS_OPEN,
    Attempt,
    AttemptStatus,
    ChainBlock,
    ChainCursor,
    Creation,
    InboxFact,
    Intent,
    IntentStatus,
    Observation,
    SeenLock,
    Watch,
)
from chains_app.outbox.nonces import NEVER
from chains_app.registry import get_chain
from chains_app.watching import BY_KEY, READINGS, believed, by_watch
from orchestrator.hints import send_hint
from orchestrator.kernel.clock import Seconds, wall_clock
from orchestrator.queries import Given, IsAmong, Select, read_together

_HASHES: Final = Select(
    lambda: ChainBlock.objects.filter(
        IsAmong(F("height"), Given("heights")), chain=Given("chain")
    ).values_list("height", "hash")
)
_MOVE: Final = """
    WITH moved AS (
        UPDATE chains_app_chaincursor
        SET height = %(height)s, hash = %(hash)s, parent_hash = %(parent_hash)s, time = %(time)s,
            finals = %(finals)s, broken = %(broken)s, left_out_at = %(left_out_at)s,
            advanced_at = %(advanced_at)s
        WHERE id = %(id)s AND version = %(version)s
        RETURNING chain
    ), stored AS (
        INSERT INTO chains_app_chainblock (chain, height, hash, parent_hash, time)
        SELECT chain, block.* FROM moved, unnest(
            %(heights)s::bigint[], %(hashes)s::text[], %(parents)s::text[], %(times)s::bigint[]
        ) AS block
    )
    SELECT ARRAY(
        SELECT watch.id FROM unnest(%(since)s::bigint[], %(last)s::bigint[]) AS crossed(since, last)
        JOIN chains_app_observation AS reading ON reading.height > since AND reading.height <= last
        JOIN chains_app_watch AS watch ON watch.id = watch_id
        WHERE watch.chain = %(chain)s AND NOT is_settled
            AND reading.height > %(lowest)s AND reading.height <= %(highest)s
    ) FROM moved
"""  # the last condition tells the planner, who does not look into arrays, how few they are
StoredFinals = dict[str, list[int]]  # of a cursor: height, hash and time by tier
KEPT_BELOW_FINAL: Final = 64  # blocks that stay readable below the slowest final one


def begin(cursor: ChainCursor, head: Block, finals: Finals) -> None:
    """Start to follow a chain at its head; what happened before is read from the locks' states."""
    with transaction.atomic():
        _move(cursor, head)
        _believe(cursor, finals, [head])
        _save(cursor, [head])


def restart(cursor: ChainCursor, start: Block, finals: Finals) -> None:
    """Start anew, no block that we knew being on the chain; every unsettled lock is read again."""
    with transaction.atomic():
        lock(cursor)
        oldest = ChainBlock.objects.filter(chain=cursor.chain).order_by("height").first()
        if oldest is not None:
            _forget_above(cursor, oldest.height - 1, is_ours=False)
        Watch.objects.filter(chain=cursor.chain, is_settled=False).update(due_time=0)
        _break(cursor, cursor.finals)
        cursor.finals = {}
        begin(cursor, start, finals)


def rewind(cursor: ChainCursor, fork: ChainBlock) -> None:
    """Take back all that was learned above `fork`; what it had ended is open again.

    The node knows a block of ours, so it is our chain that says what is gone.
    """
    with transaction.atomic():
        lock(cursor)
        _forget_above(cursor, fork.height, is_ours=True)
        _move(cursor, fork.block)
        above = [tier for tier, final in cursor.finals.items() if final[0] > fork.height]
        _break(cursor, above)
        cursor.finals |= {tier: [fork.height, fork.hash, fork.time] for tier in above}
        _save(cursor, [])


def _break(cursor: ChainCursor, tiers: Iterable[str]) -> None:
    """What they called final is gone: for a while nothing new is staked on them."""
    cursor.broken |= dict.fromkeys(tiers, wall_clock())


def _forget_above(cursor: ChainCursor, height: int, *, is_ours: bool) -> None:
    """`is_ours`: the node knows a block of ours below, and is believed in what it takes back."""
    chain, changes = cursor.chain, {"stood_finally": False} if is_ours else {}
    gone = Observation.objects.filter(watch__chain=chain, height__gt=height)
    watches = list(Watch.objects.filter(pk__in=gone.values("watch")))
    gone.delete()
    InboxFact.objects.filter(watch__chain=chain, height__gt=height).delete()
    if is_ours:
        SeenLock.objects.filter(chain=chain, height__gt=height).delete()
    ChainBlock.objects.filter(chain=chain, height__gt=height).delete()
    Watch.objects.filter(pk__in=[watch.pk for watch in watches]).update(
        due_time=0, is_settled=False, **changes
    )
    _reopen_intents(chain, height, is_ours=is_ours)
    _announce(watches)


def _reopen_intents(chain: str, height: int, *, is_ours: bool) -> None:
    """Intents first, then their attempts: the order in which everybody locks. Who works on one has
    read what is gone: his lease is over.

    What became of a repayment is told by its transactions alone. A node that knows no block of ours
    may have forgotten them: their ends stay.
    """
    ended = Q(ended_height__gt=height, status__in=[IntentStatus.DONE, IntentStatus.IMPOSSIBLE])
    ended &= Q() if is_ours else ~Q(call=Call.REPAY.value)
    included = Attempt.objects.filter(intent=OuterRef("pk"), included_height__gt=height)
    is_claimed = Q(lease_expires_at__isnull=False)
    touched = Intent.objects.filter(ended | is_claimed | Exists(included), chain=chain)
    keys = list(touched.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    rows = Intent.objects.filter(pk__in=keys)
    rows.filter(ended).update(
        status=IntentStatus.ACTIVE, ended_height=None, wanted_since=timezone.now()
    )
    rows.update(
        due_at=timezone.now(), version=F("version") + 1, lease_owner="", lease_expires_at=None
    )
    gone = Attempt.objects.filter(intent__in=keys, included_height__gt=height)
    repaid = Q(intent__call=Call.REPAY.value, status=AttemptStatus.FINAL)
    _send_back(gone if is_ours else gone.exclude(repaid))
    ports.announce(set(rows.values_list("reference", flat=True)))


def _send_back(attempts: Iterable[Attempt]) -> None:
    """Their blocks are gone: they may be included again, or never; or, instead of them, others of
    their nonce, which were dead for as long as these were final.

    A final one stays what it is when its intent has another nonce alive by now: that one goes on.
    """
    for attempt in attempts:
        others = Attempt.objects.filter(intent=attempt.intent_id, status__in=ALIVE)
        if attempt.status == AttemptStatus.INCLUDED or not others.exclude(pk=attempt.pk).exists():
            same = Attempt.objects.filter(signer=attempt.signer_id, nonce=attempt.nonce)
            same = same.filter(intent=attempt.intent_id, left_at__isnull=False)
            same.filter(Q(pk=attempt.pk) | Q(status=AttemptStatus.DEAD)).update(
                status=AttemptStatus.SENT, included_height=None, included_hash="",
                succeeded=None, ended_at=None,
            )  # fmt: skip


def commit(cursor: ChainCursor, learned: Learned) -> None:
    """Store a step, move the cursor, wake the intents that it concerns, tell the listeners."""
    before = dict(cursor.finals)
    with transaction.atomic():
        if learned.blocks:
            _move(cursor, learned.blocks[-1], learned.asked_at)
        _believe(cursor, learned.finals, learned.blocks)
        changed = _save(cursor, learned.blocks, before) | store_readings(learned)
        _prune(cursor, before)
        if changed:
            _follow_up(cursor, changed)


def _follow_up(cursor: ChainCursor, changed: set[int]) -> None:
    keys = list(changed)
    watches, read = BY_KEY.ask(keys=keys), READINGS.ask(watches=keys)
    read_together(watches, read)
    readings = by_watch(read.rows)
    for watch in watches.rows:
        _settle(cursor, watch, readings.get(watch.pk, []))
    _wake_intents(changed)
    _announce(watches.rows)


def commit_again(cursor: ChainCursor, learned: Learned, height: int) -> None:
    """Store what blocks up to `height`, all of them ours, showed when they were read again.

    Readings of the same block are replaced; nothing else is forgotten, so that no session goes back
    for it. With the last of them every open lock is read at the head.
    """
    wanted = cursor.reread_after
    with transaction.atomic():
        lock(cursor)
        changed = store_readings(learned)
        is_over = height >= cursor.height
        if is_over:
            Watch.objects.filter(chain=cursor.chain, is_settled=False).update(due_time=0)
        cursor.reread_after = None if is_over else height
        same = ChainCursor.objects.filter(pk=cursor.pk, reread_after=wanted)
        same.update(reread_after=cursor.reread_after)
        _follow_up(cursor, changed)


def _move(cursor: ChainCursor, block: Block, at: datetime | None = None) -> None:
    if block.height > cursor.height:
        cursor.advanced_at = at or timezone.now()
    cursor.height, cursor.hash = block.height, block.hash
    cursor.parent_hash, cursor.time = block.parent_hash, block.time


def _believe(cursor: ChainCursor, finals: Finals, page: Iterable[Block]) -> None:
    """Take over final blocks that are ancestors of the cursor's; ones below all of ours are.

    `page`: the blocks that are about to be stored.
    """
    newer = {t: final for t, final in finals.items() if final.height > cursor.final_height(t)}
    if not newer:
        return
    heights = {final.height for final in newer.values()}
    ours = dict(_HASHES.all(chain=cursor.chain, heights=list(heights)))
    ours |= {block.height: block.hash for block in page}
    floor = cursor.height
    if not heights <= ours.keys():
        stored = ChainBlock.objects.filter(chain=cursor.chain)
        oldest = stored.order_by("height").values_list("height", flat=True)[:1]
        floor = min(floor, *ours, *oldest)
    for tier, final in newer.items():
        is_older = final.height < floor and final.height not in ours
        if is_older or ours.get(final.height) == final.hash:
            cursor.finals[tier] = [final.height, final.hash, final.time]


def _save(
    cursor: ChainCursor, blocks: Sequence[Block], before: StoredFinals | None = None
) -> set[int]:
    """The cursor as it is now, and these blocks, which are new. The fence too: it takes the row's
    lock, or finds that the lease was lost.

    `before`: what was final until now, None when nothing can become final. Returns the watches with
    readings, of earlier steps, that this makes final by their own tier or by the slowest.
    """
    values = {
        **vars(cursor),
        **_risen(cursor, cursor.finals if before is None else before),
        "finals": json.dumps(cursor.finals),
        "broken": json.dumps(cursor.broken),
        "heights": [block.height for block in blocks],
        "hashes": [block.hash for block in blocks],
        "parents": [block.parent_hash for block in blocks],
        "times": [block.time for block in blocks],
    }
    with connection.cursor() as rows:
        rows.execute(_MOVE, values)
        moved = rows.fetchone()
    if moved is None:
        raise LeaseLostError(f"{cursor} was taken over")
    return set(moved[0])


def _prune(cursor: ChainCursor, before: StoredFinals) -> None:
    lowest = _lowest_kept(cursor.finals)
    if lowest > _lowest_kept(before):
        ChainBlock.objects.filter(chain=cursor.chain, height__lt=lowest).delete()


def _lowest_kept(finals: StoredFinals) -> int:
    return max(0, min((final[0] for final in finals.values()), default=0) - KEPT_BELOW_FINAL)


def _risen(cursor: ChainCursor, before: StoredFinals) -> dict[str, Any]:
    """From where on, exclusive, to where final blocks have risen since `before`, by tier."""
    since = {tier: before[tier][0] if tier in before else -1 for tier in cursor.finals}
    risen = [tier for tier in since if cursor.final_height(tier) > since[tier]]
    starts, ends = [since[tier] for tier in risen], [cursor.final_height(tier) for tier in risen]
    bounds = {"lowest": min(starts, default=0), "highest": max(ends, default=0)}
    return {"since": starts, "last": ends, **bounds}


def _settle(cursor: ChainCursor, watch: Watch, readings: Iterable[Observation]) -> None:
    """Want a payout that is finally owed; stop waiting for a lock that is over for ever."""
    terms, last = watch.terms, believed(readings)
    if last is None:
        return
    is_final = last.height <= cursor.final_height(watch.tier)
    is_decided = last.lock_state.is_decided
    if is_final and last.lock_state is not LockState.ABSENT and not watch.stood_finally:
        Watch.objects.filter(pk=watch.pk).update(stood_finally=True)
    if is_final and is_decided and not last.is_paid and watch.pays_out:
        plan_intent(reference=watch.reference, call=Call.PAY, terms=terms, send_by=Seconds(NEVER))
    is_absent = last.lock_state is LockState.ABSENT and not watch.stood_finally
    never_locked = is_absent and last.time > terms.lock_by
    slowest = min(cursor.final_height(tier) for tier in get_chain(cursor.chain).finality)
    is_over = is_decided and last.is_paid and not is_untold(watch, last.lock_state)
    is_certain = watch.due_time is None  # else it is looked at again
    if last.height <= slowest and is_certain and (is_over or never_locked):
        Watch.objects.filter(pk=watch.pk).update(is_settled=True, due_time=None)
        Creation.objects.filter(watch=watch.pk).delete()


def _wake_intents(watches: set[int]) -> None:
    if wake(Intent, f"watch_id = ANY(%(watches)s) AND {IS_OPEN}", watches=list(watches)):
        send_hint(OUTBOX_TASK)


def _announce(watches: Iterable[Watch]) -> None:
    ports.announce({watch.reference for watch in watches})
