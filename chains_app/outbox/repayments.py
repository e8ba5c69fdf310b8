"""A repayment's effect stands in no lock: its own attempts tell it, so none may be left in doubt.

Nobody else can do it for us, and done twice it is lost. So it is done when an attempt of it is
final and succeeded, and another nonce is taken only when the last is final and failed, or proved
dead (`deaths`).
"""

from collections.abc import Sequence

from chains_app.locks import Call
from chains_app.models import Attempt, AttemptStatus, Intent
from chains_app.outbox.effects import Effect


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
