"""A withdrawal that the first node shows as needless or late, while another shows the lock open.

One that the contract refuses costs its fee; one that a node talks us out of, a leg.
"""

from collections.abc import Sequence
from contextlib import suppress

from chains_app.adapters.interface import ChainAdapter, ChainError, Stage
from chains_app.locks import Block, Call, LockState
from chains_app.models import Attempt, Intent, Observation, Watch
from chains_app.outbox.effects import Effect, is_useful
from chains_app.registry import get_adapter, get_chain
from chains_app.watching import newest, oldest_doubt

_IN_A_BLOCK = (Stage.INCLUDED, Stage.FINAL)


def is_withdrawal_of_several(intent: Intent) -> bool:
    """Whether a withdrawal is wanted, and what one node shows of it is not believed."""
    watch = intent.watch
    if watch is None or intent.contract_call is not Call.WITHDRAW or not intent.is_open:
        return False
    return get_chain(watch.chain).needs_agreement(watch.terms)


def denying_block(
    intent: Intent,
    watch: Watch,
    effect: Effect,
    head: Block,
    stored: Sequence[Observation],
    attempts: Sequence[Attempt],
) -> Block | None:
    """The head of a node that shows open, and in time, a lock that there is nothing to withdraw
    from as the first one has it at `head`, and in no block what is to have withdrawn it. None where
    there is no such node, or two have shown the lock decided. A node that lags denies nothing.
    """
    if effect in (Effect.DONE, Effect.IMPOSSIBLE) or not is_withdrawal_of_several(intent):
        return None
    is_due = effect is Effect.MISSING and is_useful(Call.WITHDRAW, watch.terms, head.time)
    if is_due or _is_told(stored):
        return None
    doubt = oldest_doubt(stored)
    since = head.height if doubt is None else doubt.height
    ours = [attempt for attempt in attempts if attempt.succeeded]
    views = get_adapter(watch.chain).views()
    shown = (_block_where_open(view, watch, since, ours) for view in views)
    return next((block for block in shown if block is not None), None)


def _is_told(stored: Sequence[Observation]) -> bool:
    """Two nodes have shown the lock decided already."""
    last = newest(stored)
    return last is not None and last.lock_state.is_decided and not last.is_doubted


def _block_where_open(
    view: ChainAdapter, watch: Watch, since: int, ours: Sequence[Attempt]
) -> Block | None:
    with suppress(ChainError):
        block = view.head()
        if block.height < since or not is_useful(Call.WITHDRAW, watch.terms, block.time):
            return None
        if view.read_lock(watch.terms, block).state is not LockState.OPEN:
            return None
        if not any(_is_in_a_block(view, attempt, watch.tier) for attempt in ours):
            return block
    return None


def _is_in_a_block(view: ChainAdapter, attempt: Attempt, tier: str) -> bool:
    status = view.transaction_status(attempt.hash, attempt.signer.account, tier)
    return status.stage in _IN_A_BLOCK
