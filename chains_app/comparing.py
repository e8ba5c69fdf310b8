"""What one node shows of a swap's lock, held against the others before it ends anything (rule 7).

Exchanges, and our own blocks; nothing is written here.
"""

from contextlib import suppress
from dataclasses import replace

from chains_app.adapters.agreed import ENOUGH, Agreed
from chains_app.adapters.interface import (
    ChainAdapter,
    ChainError,
    ChainUnavailableError,
    NodesDisagreeError,
)
from chains_app.locks import Block, LockReading, LockState, LockTerms
from chains_app.models import ChainBlock, Watch
from chains_app.registry import get_chain, signing_keys
from chains_app.signers import SignerRole


def compared(adapter: ChainAdapter, watch: Watch, reading: LockReading) -> LockReading:
    """The reading, if nothing ends with it; else what two nodes tell, or the reading as doubted.

    Raises ChainError only where no node has what the first one has answered.
    """
    if not _is_compared(watch, reading):
        return reading
    try:
        return Agreed(adapter).read_lock(watch.terms, reading.block)
    except NodesDisagreeError:
        return _as_taken(adapter, watch, reading)
    except ChainUnavailableError:
        return _told_alone(adapter, watch, reading)


def is_ours(terms: LockTerms) -> bool:
    """Whether we are the lock's depositor, and its maker is paid by it."""
    return terms.depositor == signing_keys(terms.chain, SignerRole.LOCK)[0].account


def _is_compared(watch: Watch, reading: LockReading) -> bool:
    """Whether less, or nothing, would be done about a swap's lock, if the reading is true."""
    if not watch.pays_out or not get_chain(watch.chain).needs_agreement(watch.terms):
        return False
    return _is_end(watch.terms, reading) or _is_ours_to_take_back(watch.terms, reading)


def _is_end(terms: LockTerms, reading: LockReading) -> bool:
    never = reading.state is LockState.ABSENT and reading.block.time > terms.lock_by
    return never or reading.state.is_decided


def _is_ours_to_take_back(terms: LockTerms, reading: LockReading) -> bool:
    """A node that hid the maker's withdrawal until now would keep us from the source for good."""
    is_expired = reading.state is LockState.OPEN and reading.block.time >= terms.timelock
    return is_expired and is_ours(terms)


def _as_taken(adapter: ChainAdapter, watch: Watch, reading: LockReading) -> LockReading:
    """No two tell the same. That the maker has taken our lock counts whoever tells it, at the head:
    the source may have to be withdrawn on it at its last safe moment.
    """
    for view in adapter.views() if is_ours(watch.terms) else ():
        with suppress(ChainError):
            shown = view.read_lock(watch.terms, reading.block)
            if shown.state is LockState.WITHDRAWN:
                return replace(shown, is_doubted=True)
    return replace(reading, is_doubted=_is_end(watch.terms, reading))


def _told_alone(adapter: ChainAdapter, watch: Watch, reading: LockReading) -> LockReading:
    """No other node has answered, or has come so far: as two tell it at an older block, if they do.

    A payout to the maker is believed of one node when it is told again and still nobody else
    answers: what follows, the withdrawal of the source, waits for no agreement.
    """
    terms = watch.terms
    if not _is_end(terms, reading):
        return reading
    with suppress(ChainError):
        block = _common_block(adapter, reading.block)
        agreed = None if block is None else Agreed(adapter).read_lock(terms, block)
        if agreed is not None and agreed.state is reading.state and _is_end(terms, agreed):
            return agreed
    is_paid_out = reading.state is LockState.WITHDRAWN and is_ours(terms)
    doubted = watch.observations.filter(is_doubted=True, state=reading.state.value)
    return replace(reading, is_doubted=not (is_paid_out and doubted.exists()))


def _common_block(adapter: ChainAdapter, below: Block) -> Block | None:
    """The newest of our blocks below one that two nodes have come to."""
    heights: list[int] = []
    for view in adapter.views():
        with suppress(ChainError):
            heights.append(view.head().height)
    if len(heights) < ENOUGH:
        return None
    highest = min(below.height - 1, sorted(heights)[-ENOUGH])
    ours = ChainBlock.objects.filter(chain=adapter.name, height__lte=highest)
    found = ours.order_by("-height").first()
    return None if found is None else found.block
