"""A repayment's effect stands in no lock: its own attempts tell it, so none may be left in doubt.

Nobody else can do it for us, and done twice it is lost. So it is done when an attempt of it is
final and succeeded, and another nonce is taken only when the last is final and failed, or proved
dead by nodes that would know it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.utils import timezone

from chains_app.adapters.interface import ChainAdapter, ChainError, Stage
from chains_app.locks import Call
from chains_app.models import Attempt, AttemptStatus, Intent
from chains_app.outbox.effects import Effect
from chains_app.outbox.nonces import key_of

# A NEAR node forgets transactions after four epochs, 28 hours; a block hash is too old after 24.
REMEMBERED_FOR: Final = timedelta(hours=26)
# One URL may be several machines, one of which lags: only what all of them have read by now proves.
SETTLED_AFTER: Final = timedelta(minutes=10)


def is_repayment(intent: Intent) -> bool:
    """Whether it gives back what a lock paid to us."""
    return intent.call == Call.REPAY.value


def repayment_effect(attempts: Sequence[Attempt]) -> tuple[Effect, int | None]:
    """DONE with its block's height; MISSING while all attempts that are final have failed."""
    finals = [attempt for attempt in attempts if attempt.status == AttemptStatus.FINAL]
    for attempt in finals:
        if attempt.succeeded:
            return Effect.DONE, attempt.included_height
    in_doubt = any(attempt.succeeded is None for attempt in finals)
    return Effect.AT_HEAD if in_doubt else Effect.MISSING, None


def are_proved_dead(left: Sequence[Attempt], adapter: ChainAdapter, tier: str) -> bool:
    """Whether attempts of one nonce, all of which left us, can never run and never did.

    One node alone shows that their nonce is used, or their block hash too old, at its own final
    block, and knows none of them; and no node that answers knows any. Not when they left so long
    ago that nodes forget.
    """
    ages = [timezone.now() - a.left_at for a in left if a.left_at is not None]
    if max(ages) > REMEMBERED_FOR or min(ages) < SETTLED_AFTER:
        return False
    proofs = [_proof(view, left, tier) for view in adapter.views()]
    return True in proofs and False not in proofs


def _proof(view: ChainAdapter, left: Sequence[Attempt], tier: str) -> bool | None:
    """What one node shows; False: it knows one of them; None: nothing, or it does not answer."""
    first, expires = left[0], left[-1].expires_at_height
    try:
        is_used = view.key_state(key_of(first.signer)).final_nonce >= first.nonce
        has_expired = expires is not None and view.final(tier).height >= expires
        account = first.signer.account
        stages = {view.transaction_status(a.hash, account, tier).stage for a in left}
    except ChainError:
        return None
    if stages != {Stage.UNKNOWN}:
        return False
    return True if is_used or has_expired else None
