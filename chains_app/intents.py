"""Planning and voiding chain writes: the outbox's front door, inside the caller's transaction."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, QuerySet, When
from django.db.models.functions import Now
from django.utils import timezone

from chains_app.locks import PRELIMINARIES, Call, LockTerms
from chains_app.models import (
    ALIVE,
    OPEN_INTENTS,
    Attempt,
    AttemptStatus,
    Intent,
    IntentStatus,
    Watch,
)
from chains_app.orders import SignedOrder
from chains_app.outbox.effects import goes_by_its_chain, is_useful
from chains_app.outbox.nonces import NEVER, void_attempt
from chains_app.selectors import chain_now
from chains_app.watching import watches_of
from orchestrator.hints import send_hint
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import OrchestratorError

OUTBOX_TASK: Final = "chains_app.tasks.run_outbox"


class NotWatchedError(OrchestratorError):
    """A write was planned on a lock that nobody watches: its effect would never be seen."""

    code = "not_watched"


def plan_intent(
    *,
    reference: UUID,
    call: Call,
    terms: LockTerms,
    send_by: Seconds,
    secret_id: UUID | None = None,
    urgency: int = 0,
    order: SignedOrder | None = None,
) -> Intent:
    """Want a write from now on; there is one intent for each (reference, call).

    Watch the lock first. `send_by`: the latest time, of chain and wall, of a first send. Planned
    anew, a void intent is wanted again while it can be sent; a lock never is, since its voiding was
    counted on for ever. `order`: of a LOCK_FOR, for these terms. Raises NotWatchedError.
    """
    watch = _watch_of(reference, terms)
    fields: dict[str, Any] = {"send_by": send_by, "secret_id": secret_id, "urgency": urgency}
    fields["due_at"] = fields["wanted_since"] = timezone.now()
    fields["order"] = order and order.to_json()
    intent, is_new = Intent.objects.get_or_create(
        reference=reference,
        call=call.value,
        defaults={"chain": terms.chain, "watch": watch, **fields},
    )
    if intent.status == IntentStatus.VOID and _may_be_wanted_again(call, terms, send_by):
        void = Intent.objects.filter(pk=intent.pk, status=IntentStatus.VOID)
        is_new = void.update(status=IntentStatus.PLANNED, ended_height=None, **fields) == 1
        intent.refresh_from_db()
    if is_new:
        send_hint(OUTBOX_TASK)
    return intent


def _watch_of(reference: UUID, terms: LockTerms) -> Watch:
    watch = next(iter(watches_of([reference])), None)
    if watch is None or watch.terms != terms:
        raise NotWatchedError(f"{reference} is not watched under these terms: watch_lock first")
    return watch


def release_repayment(*, reference: UUID, terms: LockTerms) -> bool:
    """Have what a watched lock paid to us given to its depositor; a person's wish, no machine's.

    In the caller's transaction. There is one for each lock, ever; False: it was released before.
    Raises NotWatchedError.
    """
    watch, now = _watch_of(reference, terms), timezone.now()
    _, is_new = Intent.objects.get_or_create(
        reference=reference,
        call=Call.REPAY.value,
        defaults={
            "chain": terms.chain,
            "watch": watch,
            "send_by": NEVER,
            "due_at": now,
            "released_at": now,
        },
    )
    if is_new:
        send_hint(OUTBOX_TASK)
    return is_new


def _may_be_wanted_again(call: Call, terms: LockTerms, send_by: Seconds) -> bool:
    if call is Call.LOCK:
        return False
    now = chain_now(terms.chain, by_itself=goes_by_its_chain(call, terms, send_by))
    return now <= send_by and is_useful(call, terms, now)


def void_intents(reference: UUID, calls: Iterable[Call]) -> bool:
    """Call writes off; True: nothing of them ever left us and nothing ever will.

    False changes nothing: some bytes may have left already. Takes the locks of the intents' rows,
    so that a sender either left before or finds its intent void (rule 5). With a LOCK its open
    preliminaries are called off: they spend nothing of it, so their having left does not matter.
    """
    names = {call.value for call in calls}
    also = {call.value for call in PRELIMINARIES} if Call.LOCK.value in names else set()
    rows = Intent.objects.filter(reference=reference, call__in=names | also)
    attempts = _attempts_of_locked(rows)
    if attempts.filter(intent__call__in=names, left_at__isnull=False).exists():
        return False
    _void(rows, attempts)
    return True


def stop_intent(reference: UUID, call: Call) -> None:
    """Want a write no more, although bytes of it may have left: they are followed to their end, and
    neither sent again nor at a higher fee. Planned anew it goes on. Takes the intent's row lock.
    """
    rows = Intent.objects.filter(reference=reference, call=call.value)
    _void(rows, _attempts_of_locked(rows))


def _attempts_of_locked(rows: QuerySet[Intent]) -> QuerySet[Attempt]:
    locked = list(rows.select_for_update(of=("self",)).order_by("pk"))
    return Attempt.objects.filter(intent__in=locked).select_related("signer")


def _void(rows: QuerySet[Intent], attempts: QuerySet[Attempt]) -> None:
    """Locked intents that are open; a worker's lease on them is over."""
    for attempt in attempts.filter(status=AttemptStatus.SIGNED):
        void_attempt(attempt)
    still_followed = Exists(attempts.filter(intent=OuterRef("pk"), status__in=ALIVE))
    rows.filter(status__in=OPEN_INTENTS).update(
        status=IntentStatus.VOID,
        version=F("version") + 1,
        due_at=Case(When(still_followed, then=Now()), default=None),
        lease_owner="",
        lease_expires_at=None,
    )
