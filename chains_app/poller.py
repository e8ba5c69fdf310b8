"""The poller: reads each chain block by block into the inbox, and the watched locks with it.

It asks nodes between commits and commits what it learned in one transaction (`ingest`): a cursor
that moved has its facts, readings and finality beside it. Any number of pollers may run.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

import structlog
from django.db import DatabaseError
from django.db.models import BooleanField, ExpressionWrapper, F, Min, Q
from django.utils import timezone

from chains_app.adapters.agreed import Agreed
from chains_app.adapters.interface import (
    BlockUnknownError,
    ChainAdapter,
    ChainError,
    ChainUnavailableError,
    Fact,
    FactsPage,
    NodesDisagreeError,
    TooManyFactsError,
)
from chains_app.comparing import compared, is_ours, sought_secret
from chains_app.ingest import begin, commit, commit_again, restart, rewind
from chains_app.intents import OUTBOX_TASK
from chains_app.learned import Finals, Learned
from chains_app.leases import (
    FREE,
    UNCLAIMED,
    LeaseLostError,
    claim,
    heartbeat,
    is_any_free,
    release,
    wake,
)
from chains_app.locks import Block, LockState
from chains_app.models import ChainBlock, ChainCursor, Intent, Watch
from chains_app.registry import chains, get_adapter, get_chain
from chains_app.seen import unwatched_locks
from chains_app.watching import COMPARED
from orchestrator.hints import send_hint
from orchestrator.kernel.clock import wall_clock
from orchestrator.queries import Given, IsAmong, Select

MOST_BLOCKS: Final = 500  # of one page
MOST_STEPS: Final = 40  # of one claim; whoever asks next goes on
MOST_READS: Final = 500  # of due locks in one step
MOST_SPARE_READS: Final = 20  # of these, of locks that no swap agreed on or that nothing has moved
_IS_COMPARED: Final = ExpressionWrapper(Q(due_time=COMPARED), BooleanField())
_DUE: Final = Select(
    lambda: Watch.objects.filter(chain=Given("chain"), due_time__lte=Given("time")).order_by(
        "-pays_out", _IS_COMPARED, "due_time"
    )[:MOST_READS]
)
_NAMED: Final = Select(
    lambda: Watch.objects.filter(IsAmong(F("lock_id"), Given("locks")), chain=Given("chain"))
)
IDLE: Final = timedelta(seconds=5)

log = structlog.get_logger(__name__)


def poll(chain: str) -> int:
    """Read a chain up to its head; returns how many blocks were read.

    Who finds another poller at it leaves word, and that one looks once more. Raises ChainError.
    """
    claimed, blocks = _claim(chain, UNCLAIMED), 0
    if not claimed:  # another is at it, or nobody ever was
        ChainCursor.objects.get_or_create(chain=chain)
        wake(ChainCursor, "chain = %(chain)s", chain=chain)
        claimed = _claim(chain, FREE)
    while claimed:
        blocks += _read_claimed(claimed[0])
        if release(claimed[0], IDLE, unless_woken=True):
            break
        release(claimed[0], IDLE)  # somebody left word
        claimed = _claim(chain, FREE)
    return blocks


def poll_all(only: Collection[str] = ()) -> int:
    """Poll every chain, or `only` some; one that does not answer holds none of the others back."""
    blocks = 0
    for chain in (name for name in chains() if not only or name in only):
        try:
            blocks += poll(chain)
        except ChainError as error:
            log.warning("poll_failed", chain=chain, reason=error.code)
        except Exception:  # a fault of ours on one chain blinds us on no other
            log.exception("poll_failed", chain=chain)
    with suppress(DatabaseError):  # without a database nobody could work on it either
        if is_any_free(Intent):  # what became due by time alone is looked at with each block
            send_hint(OUTBOX_TASK)
    return blocks


def _claim(chain: str, condition: str) -> list[ChainCursor]:
    """The chain's cursor, or none."""
    return claim(ChainCursor, f"chain = %(chain)s AND {condition}", chain=chain)


def _read_claimed(cursor: ChainCursor) -> int:
    adapter, blocks = get_adapter(cursor.chain), 0
    try:
        with heartbeat([cursor]):
            for _ in range(MOST_STEPS):
                read, has_more = _step(cursor, adapter)
                blocks += read
                if not has_more:
                    break
    except LeaseLostError:
        return blocks
    except Exception:
        release(cursor, IDLE)
        raise
    return blocks


def _step(cursor: ChainCursor, adapter: ChainAdapter) -> tuple[int, bool]:
    """One page, one reorganisation, or only new finality and due locks.

    Returns how many blocks were read, and whether there is more to do.
    """
    asked_at = timezone.now()
    # finality first: what is final now is an ancestor of the head that is read after it
    finals = {tier: adapter.final(tier) for tier in get_chain(cursor.chain).finality}
    head = adapter.head()
    if not cursor.hash:
        begin(cursor, head, finals)
        return 1, True
    has_more_again = cursor.reread_after is not None and _read_again(cursor, adapter)
    page = _next_page(cursor, adapter, head)
    if page is None:
        _undo_reorganised(cursor, adapter, head, finals)
        return 0, True
    _require_present(cursor, adapter, page)
    last = page.last if page.blocks else cursor.block
    is_at_head = last.height >= head.height
    learned = _read(cursor, adapter, page, last, finals, is_at_head=is_at_head)
    learned.asked_at = asked_at
    if learned.is_news(cursor):
        commit(cursor, learned)
    was_pruned = bool(learned.unread and learned.blocks)  # due now, to be read at the head
    return len(page.blocks), was_pruned or not is_at_head or has_more_again


def _read_again(cursor: ChainCursor, adapter: ChainAdapter) -> bool:
    """One page of what a person wants read again; whether another can be read at once.

    A node that does not answer, or has other blocks, holds up nothing but this: those are for the
    ordinary step to find, as a reorganisation or a lag.
    """
    kept = ChainBlock.objects.filter(chain=cursor.chain, height__gt=cursor.reread_after or 0)
    ours = dict(kept.order_by("height").values_list("height", "hash")[:MOST_BLOCKS])
    if not ours:
        commit_again(cursor, Learned((), {}), cursor.height)
        return False
    try:
        page = _facts(cursor, adapter, min(ours), max(ours))
        if not _are_all_of(page, ours):
            return False
        learned = _read(cursor, adapter, page, page.last, {}, is_at_head=False)
    except ChainError as error:
        log.warning("not_read_again", chain=cursor.chain, height=min(ours), reason=error.code)
        return False
    commit_again(cursor, learned, page.last.height)
    return cursor.reread_after is not None


def _are_all_of(page: FactsPage, ours: Mapping[int, str]) -> bool:
    """Whether a page has our blocks up to its last, and no other."""
    told = {block.height: block.hash for block in page.blocks}
    return told == {height: ours[height] for height in ours if height <= page.last.height}


def _next_page(cursor: ChainCursor, adapter: ChainAdapter, head: Block) -> FactsPage | None:
    """The blocks after the cursor, none when there are none; None when they do not follow on it.

    Raises ChainUnavailableError for heights that nobody asked for: a cursor there would never move.
    """
    if head.height == cursor.height:
        return FactsPage((), ()) if head.hash == cursor.hash else None
    if head.height < cursor.height:
        known = ChainBlock.objects.filter(chain=cursor.chain, height=head.height).first()
        is_ours = known is None or known.hash == head.hash  # then the node lags
        return FactsPage((), ()) if is_ours else None
    to_height = min(head.height, cursor.height + MOST_BLOCKS)
    page = _facts(cursor, adapter, cursor.height + 1, to_height)
    heights = [cursor.height, *(block.height for block in page.blocks)]
    if heights[-1] > to_height or any(one >= other for one, other in pairwise(heights)):
        raise ChainUnavailableError(f"{cursor.chain}: a node answered with other blocks: ask again")
    links = pairwise([cursor.block, *page.blocks])
    is_connected = all(parent.hash == block.parent_hash for parent, block in links)
    return page if is_connected else None


def _require_present(cursor: ChainCursor, adapter: ChainAdapter, page: FactsPage) -> None:
    """A block of the future is asked of two nodes: what one tells alone would end every deadline.
    Where only one answers, our own clock may be wrong (rule 11). Raises NodesDisagreeError.
    """
    stale_after = get_chain(cursor.chain).stale_after
    newest = max(page.blocks, key=lambda block: block.time, default=None)
    if newest is None or stale_after is None or newest.time - wall_clock() <= stale_after:
        return
    with suppress(ChainUnavailableError):
        if Agreed(adapter).block(newest.height) != newest:
            raise NodesDisagreeError(f"two nodes of {cursor.chain} show another {newest.height}")


def _facts(
    cursor: ChainCursor, adapter: ChainAdapter, from_height: int, to_height: int
) -> FactsPage:
    """Where strangers' events are too many, those of the locks that swaps agreed on."""
    try:
        return adapter.facts(from_height, to_height)
    except TooManyFactsError:
        log.warning("too_many_facts", chain=cursor.chain, height=from_height)
        cursor.left_out_at = wall_clock()
        followed = Watch.objects.filter(chain=cursor.chain, is_settled=False, pays_out=True)
        locks = followed.order_by("pk").values_list("lock_id", flat=True)
        return adapter.facts(from_height, to_height, list(locks))


def _undo_reorganised(
    cursor: ChainCursor, adapter: ChainAdapter, head: Block, finals: Finals
) -> None:
    """Go back to the newest block that both we and the node know."""
    fork = _fork(cursor, adapter, head)
    if fork is None:
        log.error("no_common_block", chain=cursor.chain, cursor=cursor.height, head=head.height)
        restart(cursor, _below_all_known(cursor, adapter) or head, finals)
    elif fork.height < cursor.height:
        log.warning("reorganised", chain=cursor.chain, depth=cursor.height - fork.height)
        rewind(cursor, fork)


def _below_all_known(cursor: ChainCursor, adapter: ChainAdapter) -> Block | None:
    """From where on every fact of the other branch is read; None where the node has no such block,
    and locks that nobody watches stay unknown.
    """
    known = ChainBlock.objects.filter(chain=cursor.chain).aggregate(oldest=Min("height"))
    try:
        return adapter.block(max(0, (known["oldest"] or 0) - 1))
    except BlockUnknownError:
        return None


def _fork(cursor: ChainCursor, adapter: ChainAdapter, head: Block) -> ChainBlock | None:
    ours = ChainBlock.objects.filter(
        chain=cursor.chain, height__lte=min(cursor.height, head.height)
    )
    for block in ours.order_by("-height").iterator(chunk_size=50):
        try:
            if adapter.block(block.height).hash == block.hash:
                return block
        except BlockUnknownError:  # the other branch skipped this height
            continue
    return None


def _read(
    cursor: ChainCursor,
    adapter: ChainAdapter,
    page: FactsPage,
    last: Block,
    finals: Finals,
    *,
    is_at_head: bool,
) -> Learned:
    """Read each lock that a fact names, at the fact's block, and at the head those that are due."""
    learned = Learned(page.blocks, finals)
    blocks = {block.hash: block for block in page.blocks}
    named = {fact.lock_id for fact in page.facts}
    by_lock: dict[str, list[Watch]] = defaultdict(list)
    for watch in _NAMED.all(chain=cursor.chain, locks=list(named)) if named else ():
        by_lock[watch.lock_id].append(watch)
    for fact in page.facts:
        block = blocks.get(fact.block_hash)
        if block is None:
            continue
        for watch in by_lock.get(fact.lock_id, ()):
            learned.facts.append((watch, fact))
            _read_lock(adapter, watch, block, learned)
            _keep_creation(adapter, watch, fact, learned)
    learned.seen, left_out = unwatched_locks(adapter, page, by_lock)
    if left_out:
        cursor.left_out_at = wall_clock()
    if is_at_head:
        for watch in _due(cursor, last):
            _read_lock(adapter, watch, last, learned)
    return learned


def _keep_creation(adapter: ChainAdapter, watch: Watch, fact: Fact, learned: Learned) -> None:
    """What made a maker's lock, so that it can be sent again should the lock vanish behind ours."""
    if is_ours(watch.terms) or not learned.shows_made(watch, fact) or fact.transaction is None:
        return
    try:
        creation = adapter.signed_bytes(fact.transaction)
    except ChainError as error:
        log.warning("creation_not_kept", chain=watch.chain, reason=error.code)
        return
    if creation is not None:
        learned.creations[watch.pk] = creation


def _due(cursor: ChainCursor, last: Block) -> list[Watch]:
    """Those of agreed swaps first, and of them such as are merely to be compared last; what
    strangers lock for us, at any moment of their choice, waits behind them. Neither holds a step
    up for long.
    """
    found = _DUE.all(chain=cursor.chain, time=last.time)
    wanted = [watch for watch in found if watch.pays_out and watch.due_time != COMPARED]
    return found[: len(wanted) + MOST_SPARE_READS]


def _read_lock(adapter: ChainAdapter, watch: Watch, block: Block, learned: Learned) -> None:
    if learned.has_read(watch, block):
        return
    try:
        reading = adapter.read_lock(watch.terms, block)
        reading = compared(adapter, watch, reading)
    except BlockUnknownError:  # its state, or the block, is gone
        learned.unread.add(watch.pk)  # to be read at the head instead
        return
    if reading.state is LockState.WITHDRAWN and not learned.knows_secret(watch, reading):
        reading = replace(reading, secret=sought_secret(adapter, watch, block))
    learned.readings.append((watch, reading))
