"""When what left us can never run and never did: the next attempt takes a new nonce (rule 5)."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.utils import timezone

from chains_app.adapters.agreed import ENOUGH
from chains_app.adapters.interface import ChainAdapter, ChainError, Stage
from chains_app.config import Nonces
from chains_app.models import Attempt, Intent
from chains_app.outbox.decision import Fate
from chains_app.outbox.nonces import key_of
from chains_app.outbox.repayments import is_repayment
from chains_app.registry import get_chain

# A NEAR node forgets transactions after four epochs, 28 hours; a block hash is too old after 24.
REMEMBERED_FOR: Final = timedelta(hours=26)
# One URL may be several machines, one of which lags: only what all of them have read by now proves.
SETTLED_AFTER: Final = timedelta(minutes=10)
_IN_A_BLOCK: Final = frozenset({Stage.INCLUDED, Stage.FINAL})


def are_dead(intent: Intent, left: Sequence[Attempt], adapter: ChainAdapter, tier: str) -> bool:
    """Whether attempts of one nonce, all of which left us, are dead as it seems.

    Where nonces have no gaps (EVM), that another transaction used it finally is proof enough. Else
    one node alone shows that it is used, or the block hash too old, at its own final block, and
    knows none of them; and no node that answers knows any. A repayment, which no contract refuses
    twice, is judged neither too early nor so late that nodes forget, and by two nodes where there
    are several: who lied could let the first one go after the second.
    """
    if is_repayment(intent) and not _may_be_judged(left):
        return False
    if _is_in_turn(left) and not is_repayment(intent):
        return True
    proofs = [_proof(view, left, tier) for view in adapter.views()]
    needed = min(ENOUGH, get_chain(intent.chain).nodes) if is_repayment(intent) else 1
    return proofs.count(True) >= needed and False not in proofs


def is_used(left: Sequence[Attempt], adapter: ChainAdapter, tier: str, height: int) -> bool | None:
    """Whether two nodes call the nonce of these attempts used. False: one whose head is at `height`
    or above calls it unused, and has none of them in a block; None: no second one tells.

    Where nonces have no gaps, what one node alone calls final or dead may be pending still, and all
    later ones would wait behind it. A node that lags contradicts nobody.
    """
    if get_chain(left[0].signer.chain).nodes < ENOUGH or not _is_in_turn(left):
        return True
    told = [_is_used(view, left, tier, height) for view in adapter.views()]
    if told.count(True) >= ENOUGH:
        return True
    return False if False in told else None


def _is_used(view: ChainAdapter, left: Sequence[Attempt], tier: str, height: int) -> bool | None:
    with suppress(ChainError):
        key = view.key_state(key_of(left[0].signer))
        if key.head_nonce >= left[0].nonce or _stages(view, left, tier) & _IN_A_BLOCK:
            return True
        return False if key.head_height >= height else None
    return None


def fate_as_told(left: Sequence[Attempt], adapter: ChainAdapter, tier: str) -> Fate:
    """What became of attempts that one node has in a block, without the effect: INCLUDED when two
    have them there; DEAD where nonces may skip, and some node proves it; else DISPUTED.

    Only for what costs no more than its fee when it is made twice.
    """
    views, is_in_turn = adapter.views(), _is_in_turn(left)
    if sum(_has_in_a_block(view, left, tier) for view in views) >= ENOUGH:
        return Fate.INCLUDED
    is_dead = not is_in_turn and any(_proof(view, left, tier) for view in views)
    return Fate.DEAD if is_dead else Fate.DISPUTED


def _is_in_turn(left: Sequence[Attempt]) -> bool:
    return get_chain(left[0].signer.chain).nonces is Nonces.SEQUENTIAL


def _has_in_a_block(view: ChainAdapter, left: Sequence[Attempt], tier: str) -> bool:
    with suppress(ChainError):
        return bool(_stages(view, left, tier) & _IN_A_BLOCK)
    return False


def _stages(view: ChainAdapter, left: Sequence[Attempt], tier: str) -> set[Stage]:
    account = left[0].signer.account
    return {view.transaction_status(attempt.hash, account, tier).stage for attempt in left}


def _may_be_judged(left: Sequence[Attempt]) -> bool:
    ages = [timezone.now() - attempt.left_at for attempt in left if attempt.left_at is not None]
    return max(ages) <= REMEMBERED_FOR and min(ages) >= SETTLED_AFTER


def _proof(view: ChainAdapter, left: Sequence[Attempt], tier: str) -> bool | None:
    """What one node shows; False: it knows one of them; None: nothing, or it does not answer."""
    first, expires = left[0], left[-1].expires_at_height
    try:
        is_used = view.key_state(key_of(first.signer)).final_nonce >= first.nonce
        has_expired = expires is not None and view.final(tier).height >= expires
        stages = _stages(view, left, tier)
    except ChainError:
        return None
    if stages != {Stage.UNKNOWN}:
        return False
    return True if is_used or has_expired else None
