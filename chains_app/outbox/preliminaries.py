"""What a token's lock needs before it: intents of their own, made under the lock's reference.

They are wanted for the sake of one LOCK intent and end with it. Their effect is read at the head
alone: a lock that was sent too early is refused by its contract, and costs its gas.
"""

from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chains_app.adapters.interface import ChainAdapter
from chains_app.leases import lock, wake
from chains_app.locks import PRELIMINARIES, Call, LockTerms
from chains_app.models import IS_OPEN, ON_THE_WAY, OPEN_INTENTS, Attempt, Intent, IntentStatus
from chains_app.outbox.effects import Effect, Standing

SHARED: Final = (Call.APPROVE_ZERO, Call.APPROVE, Call.REGISTER)  # one serves several locks


def is_preliminary(intent: Intent) -> bool:
    """Whether the intent is wanted for another's sake."""
    return intent.call in {call.value for call in PRELIMINARIES}


def may_need_a_preliminary(intent: Intent) -> bool:
    """Whether it is the lock of a token."""
    is_lock, watch = intent.call == Call.LOCK.value, intent.watch
    return is_lock and watch is not None and watch.terms.token is not None


def missing_before(intent: Intent, adapter: ChainAdapter, terms: LockTerms) -> Call | None:
    """What has to be made before a LOCK intent is signed or sent; raises ChainError."""
    if not may_need_a_preliminary(intent):
        return None
    return adapter.preliminary(Call.LOCK, terms, terms.depositor)


def preliminary_effect(
    intent: Intent, adapter: ChainAdapter, head: Standing, final: Standing | None, *, is_alive: bool
) -> Effect:
    """The effect of a preliminary; `head` and `final`: how its lock stands.

    It can never help when the lock is called off, or a final block is past `lock_by`: so much is
    known without the token, which may not answer for ever. What the head shows is done once nothing
    of it is on its way any more. NOT_YET: another lock's attempt at the same is on its way.
    """
    call, terms = Call(intent.call), _terms(intent)
    is_late = final is not None and not final.is_there and final.time > terms.lock_by
    if is_late or _is_called_off(intent):
        return Effect.IMPOSSIBLE
    next_one = None if head.is_there else adapter.preliminary(Call.LOCK, terms, terms.depositor)
    if next_one is not call:
        return Effect.AT_HEAD if is_alive else Effect.DONE
    others = not is_alive and call in SHARED and _is_made_for_another(intent, call, terms)
    return Effect.NOT_YET if others else Effect.MISSING


def _terms(intent: Intent) -> LockTerms:
    if intent.watch is None:
        raise ValueError(f"{intent} has no lock")
    return intent.watch.terms


def _locks(intent: Intent) -> QuerySet[Intent]:
    return Intent.objects.filter(reference=intent.reference, call=Call.LOCK.value)


def _is_called_off(intent: Intent) -> bool:
    """A lock that was voided is never wanted again."""
    return _locks(intent).filter(status=IntentStatus.VOID).exists()


def _is_made_for_another(intent: Intent, call: Call, terms: LockTerms) -> bool:
    """Whether bytes that do the same have left for another lock."""
    same = Attempt.objects.filter(
        intent__call=call.value,
        intent__chain=intent.chain,
        intent__watch__terms_json__token=terms.token,
        intent__status__in=OPEN_INTENTS,  # of an ended one the bytes may never be sent again
        status__in=ON_THE_WAY,
        left_at__isnull=False,
    ).exclude(intent=intent.pk)
    if call is Call.REGISTER:
        same = same.filter(intent__watch__terms_json__beneficiary=terms.beneficiary)
    return same.exists()


def want(intent: Intent, call: Call) -> None:
    """Have an intent for `call` under a LOCK intent's reference, open, and due now.

    One that is done and whose effect is missing again is opened again. Raises LeaseLostError, also
    when the lock was called off meanwhile.
    """
    with transaction.atomic():
        lock(intent)
        preliminary, _ = Intent.objects.get_or_create(
            reference=intent.reference,
            call=call.value,
            defaults={
                "chain": intent.chain,
                "watch": intent.watch,
                "send_by": intent.send_by,
                "urgency": intent.urgency,
                "due_at": timezone.now(),
            },
        )
        ended = Intent.objects.filter(pk=preliminary.pk).exclude(status__in=OPEN_INTENTS)
        ended.update(status=IntentStatus.PLANNED, ended_height=None, due_at=timezone.now())


def wake_lock(intent: Intent) -> None:
    """A preliminary got somewhere: whose sake it is for looks again."""
    which = f"reference = %(reference)s AND call = '{Call.LOCK.value}' AND {IS_OPEN}"
    wake(Intent, which, reference=intent.reference)
