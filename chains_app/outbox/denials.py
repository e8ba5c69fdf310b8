"""A withdrawal that the first node shows as needless or late, while another shows the lock open."""

from collections.abc import Sequence
from contextlib import suppress

from chains_app.adapters.interface import ChainAdapter, ChainError, Stage
from chains_app.locks import Block, Call, LockState, LockTerms
from chains_app.models import Attempt, Intent, Observation, Watch
from chains_app.outbox.effects import Effect
from chains_app.registry import get_adapter, get_chain
from chains_app.watching import newest

_STANDING_STILL = (Effect.AT_HEAD, Effect.NOT_YET)
_IN_A_BLOCK = (Stage.INCLUDED, Stage.FINAL)


def is_denied(
    intent: Intent,
    watch: Watch,
    effect: Effect,
    head: Block,
    stored: Sequence[Observation],
    attempts: Sequence[Attempt],
) -> bool:
    """Whether a node that has come as far shows open a lock that there is nothing to withdraw from,
    as the first one has it at `head`, and in no block what is to have withdrawn it.

    A withdrawal that the contract refuses costs its fee; one that one node talks us out of, both
    legs. A node that lags denies nothing.
    """
    is_withdrawal = intent.contract_call is Call.WITHDRAW and intent.is_open
    if not is_withdrawal or effect not in _STANDING_STILL:
        return False
    if not get_chain(watch.chain).needs_agreement(watch.terms) or _is_told(stored):
        return False
    since = min((each.height for each in stored if each.is_doubted), default=head.height)
    ours = [attempt for attempt in attempts if attempt.succeeded]
    return any(_shows_open(view, watch, since, ours) for view in get_adapter(watch.chain).views())


def _is_told(stored: Sequence[Observation]) -> bool:
    """Two nodes have shown the lock decided already."""
    last = newest(stored)
    return last is not None and last.lock_state.is_decided and not last.is_doubted


def _shows_open(view: ChainAdapter, watch: Watch, since: int, ours: Sequence[Attempt]) -> bool:
    terms = watch.terms
    with suppress(ChainError):
        block = view.head()
        if block.height < since or not _is_open(view, terms, block):
            return False
        return not any(_is_in_a_block(view, attempt, watch.tier) for attempt in ours)
    return False


def _is_open(view: ChainAdapter, terms: LockTerms, block: Block) -> bool:
    may_be_withdrawn = block.time < terms.timelock
    return may_be_withdrawn and view.read_lock(terms, block).state is LockState.OPEN


def _is_in_a_block(view: ChainAdapter, attempt: Attempt, tier: str) -> bool:
    status = view.transaction_status(attempt.hash, attempt.signer.account, tier)
    return status.stage in _IN_A_BLOCK
