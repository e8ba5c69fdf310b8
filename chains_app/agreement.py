"""Before money or a secret is staked on a lock: two nodes tell of it what is stored (rule 7).

The poller may read from one node, and believe it; what it stored is asked of two when it counts.
"""

from typing import Final
from uuid import UUID

from chains_app.adapters.agreed import Agreed
from chains_app.adapters.interface import ChainUnavailableError, NodesDisagreeError
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, AttemptStatus, ChainBlock, ChainCursor, Intent, Watch
from chains_app.registry import get_adapter, get_chain
from chains_app.watching import newest, readings_of, watches_of

STATE_BLOCKS: Final = 100  # below the head; full EVM nodes keep the states of 128
_STAKED_ON: Final = (Call.LOCK.value, Call.REPAY.value)  # calls whose transactions are compared


def require_agreement(reference: UUID, *, is_over: bool = False) -> None:
    """Two nodes show the watched lock, its final block and our transactions on it as stored, and
    both call that block final. `is_over`: it is not to be made any more either, by the final time
    that both tell: what one node told of the time may have made a lock that is on its way too late.

    Only where the chain has several nodes and the amount is from the configured one on. Raises
    NodesDisagreeError, ChainUnavailableError; no transaction may be open.
    """
    (watch,) = watches_of([reference])
    if not get_chain(watch.chain).needs_agreement(watch.terms):
        return
    cursor = ChainCursor.objects.get(chain=watch.chain)
    agreed = Agreed(get_adapter(watch.chain))
    final = cursor.final_height(watch.tier)
    _require(watch, agreed.is_final(final, watch.tier), f"the finality of block {final}")
    blocks = []
    for height, hash_ in _named_blocks(cursor, watch.tier).items():
        blocks.append(agreed.block(height))
        _require(watch, blocks[-1].hash == hash_, f"block {height}")
    final_block, block = blocks[0], blocks[-1]
    last = newest(readings_of([watch])[watch.pk], block.height)
    reading = agreed.read_lock(watch.terms, block)
    stored = (LockState.ABSENT, False) if last is None else (last.lock_state, last.is_paid)
    _require(watch, (reading.state, reading.is_paid) == stored, f"lock {watch.lock_id}")
    is_too_late = final_block.time > watch.terms.lock_by
    is_made = reading.state is not LockState.ABSENT
    _require(watch, not is_over or is_made or is_too_late, f"the time of block {final}")
    _require_transactions(watch, agreed)


def is_compared(intent: Intent) -> bool:
    """Whether two nodes have to tell alike how a transaction of this call ended: what is stored of
    it is not asked again but here, and a lie would never agree with what honest nodes tell.
    """
    watch = intent.watch
    if watch is None or intent.call not in _STAKED_ON:
        return False
    return get_chain(watch.chain).needs_agreement(watch.terms)


def _named_blocks(cursor: ChainCursor, tier: str) -> dict[int, str]:
    """Height and hash of the newest final block and then, where nodes may have dropped its state,
    of the oldest that is recent enough.

    Raises ChainUnavailableError where none is final: the chain was just begun anew.
    """
    if tier not in cursor.finals:
        raise ChainUnavailableError(
            f"{cursor.chain}: no final block is read since it was begun anew: wait for the next"
        )
    final, hash_, _ = cursor.finals[tier]
    blocks = {final: hash_}
    if cursor.height - final > STATE_BLOCKS:
        recent = ChainBlock.objects.filter(
            chain=cursor.chain, height__gte=cursor.height - STATE_BLOCKS
        )
        oldest = recent.order_by("height")[0]
        blocks[oldest.height] = oldest.hash
    return blocks


def _require_transactions(watch: Watch, agreed: Agreed) -> None:
    """Our own locks, and repayments, that stand in a block, with the end that they had there."""
    ours = Attempt.objects.filter(
        intent__reference=watch.reference,
        intent__call__in=_STAKED_ON,
        status__in=[AttemptStatus.INCLUDED, AttemptStatus.FINAL],
    )
    for attempt in ours.select_related("signer"):
        status = agreed.transaction_status(attempt.hash, attempt.signer.account, watch.tier)
        is_there = (status.height, status.block_hash) == (
            attempt.included_height,
            attempt.included_hash,
        )
        ended = attempt.succeeded in (None, status.succeeded)
        _require(watch, is_there and ended, f"transaction {attempt.hash}")


def _require(watch: Watch, is_so: bool, what: str) -> None:
    if not is_so:
        raise NodesDisagreeError(
            f"two nodes of {watch.chain} show {what} otherwise than it was read"
        )
