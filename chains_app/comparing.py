"""What one node shows of a swap's lock, held against the others before it ends anything (rule 7).

Exchanges, and what is stored; nothing is written here.
"""

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog
from django.db.models import Min

from chains_app.adapters.agreed import ENOUGH, Agreed
from chains_app.adapters.interface import (
    BlockUnknownError,
    ChainAdapter,
    ChainError,
    ChainUnavailableError,
    NodesDisagreeError,
)
from chains_app.locks import Block, LockReading, LockState, LockTerms
from chains_app.models import Watch
from chains_app.registry import get_chain, signing_keys
from chains_app.signers import SignerRole
from chains_app.watching import newest, shown_preimage

SOUGHT_BLOCKS: Final = 20_000  # for a secret, where the lock was never seen open

log = structlog.get_logger(__name__)


def compared(adapter: ChainAdapter, watch: Watch, reading: LockReading) -> LockReading:
    """The reading, if nothing ends with it; else what two nodes tell, or the reading as doubted."""
    if not _is_compared(watch, reading):
        return reading
    try:
        return Agreed(adapter).read_lock(watch.terms, reading.block)
    except (NodesDisagreeError, ChainUnavailableError):
        return _weighed(adapter, watch, reading)


def is_ours(terms: LockTerms) -> bool:
    """Whether we are the lock's depositor, and its maker is paid by it."""
    return terms.depositor == signing_keys(terms.chain, SignerRole.LOCK)[0].account


def _is_compared(watch: Watch, reading: LockReading) -> bool:
    """Whether less, or nothing, would be done about a swap's lock, if the reading is true; or it
    takes back what ended it.
    """
    if not watch.pays_out or not get_chain(watch.chain).needs_agreement(watch.terms):
        return False
    if _is_end(watch.terms, reading) or _is_ours_to_take_back(watch.terms, reading):
        return True
    last = newest(watch.observations.all())
    if last is None:
        return False
    return last.is_doubted or _is_over(watch.terms, last.lock_state, last.time)


def _is_end(terms: LockTerms, reading: LockReading) -> bool:
    return _is_over(terms, reading.state, reading.block.time)


def _is_over(terms: LockTerms, state: LockState, time: int) -> bool:
    """Decided, or never made by then."""
    return state.is_decided or (state is LockState.ABSENT and time > terms.lock_by)


def _is_ours_to_take_back(terms: LockTerms, reading: LockReading) -> bool:
    """A node that hid the maker's withdrawal until now would keep us from the source for good."""
    is_expired = reading.state is LockState.OPEN and reading.block.time >= terms.timelock
    return is_expired and is_ours(terms)


def _weighed(adapter: ChainAdapter, watch: Watch, reading: LockReading) -> LockReading:
    """No two tell the same of that block. Who has not come so far tells of his own head: an end is
    one in every later block. That the maker has taken our lock counts at the head whoever shows it
    with the secret: the source may have to be withdrawn on it at its last safe moment.
    """
    told = _told_by_each(adapter, watch.terms, reading.block)
    alike = [each for each in told if _tells(watch, each) == _tells(watch, reading)]
    if len(alike) >= ENOUGH:
        return reading
    taken = _taken(adapter, watch, reading, told) if is_ours(watch.terms) else None
    return replace(taken or reading, is_doubted=True)


def _told_by_each(adapter: ChainAdapter, terms: LockTerms, block: Block) -> list[LockReading]:
    """By each node that answers and has come so far, or shows an end before it."""
    told = []
    for view in adapter.views():
        with suppress(ChainError):
            shown = _shown(view, terms, block)
            if _is_end(terms, shown) or shown.block.height >= block.height:
                told.append(shown)
    return told


def _shown(view: ChainAdapter, terms: LockTerms, block: Block) -> LockReading:
    """At that block, or at the node's own head where it lacks it."""
    try:
        return view.read_lock(terms, block)
    except BlockUnknownError:
        return view.read_lock(terms, view.head())


def _tells(watch: Watch, reading: LockReading) -> Hashable:
    return reading.state, reading.is_paid, _is_end(watch.terms, reading)


def _taken(
    adapter: ChainAdapter, watch: Watch, reading: LockReading, told: list[LockReading]
) -> LockReading | None:
    """The reading as of a lock that the maker has withdrawn, where a node shows it with the secret,
    or one has shown it before and no two tell otherwise.
    """
    for each in told:
        if each.state is not LockState.WITHDRAWN:
            continue
        secret = watch.preimage or shown_preimage(watch, None, each)
        secret = secret or sought_secret(adapter, watch, reading.block)
        if secret is not None:
            return replace(each, secret=bytes(secret), block=reading.block)
    last = newest(watch.observations.all())
    if last is None or last.lock_state is not LockState.WITHDRAWN or watch.preimage is None:
        return None
    return replace(reading, state=LockState.WITHDRAWN, is_paid=last.is_paid)


def sought_secret(adapter: ChainAdapter, watch: Watch, block: Block) -> bytes | None:
    """One that fits, asked of every node: one left out the event that shows it. In all blocks since
    the lock was first seen open, for what was read after it may have been a lie too.
    """
    seen = watch.observations.filter(state=LockState.OPEN.value).aggregate(first=Min("height"))
    first = max(0, block.height - SOUGHT_BLOCKS, seen["first"] or 0)
    try:
        found = adapter.shown_secret(watch.terms, first, block.height)
    except ChainError as error:
        log.warning("secret_not_sought", chain=watch.chain, reason=error.code)
        return None
    log.error("secret_was_left_out", chain=watch.chain, lock=watch.lock_id, is_found=bool(found))
    return found
