"""Writing down what became of attempts and intents; each write fenced by the intent's version."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from chains_app import ports
from chains_app.adapters.interface import Stage, TransactionStatus
from chains_app.leases import lock
from chains_app.models import ALIVE, Attempt, AttemptStatus, Intent, IntentStatus
from chains_app.outbox.nonces import void_attempt

Statuses = dict[str, TransactionStatus]


def mark_included(intent: Intent, group: Sequence[Attempt], statuses: Statuses) -> None:
    """The one attempt of the nonce that stands in a block."""
    with transaction.atomic():
        lock(intent)
        _write_place(group, statuses, Stage.INCLUDED, AttemptStatus.INCLUDED)


def mark_final(intent: Intent, group: Sequence[Attempt], statuses: Statuses) -> None:
    """The one attempt that is final, whatever its result; the nonce's others are dead."""
    with transaction.atomic():
        lock(intent)
        _write_place(group, statuses, Stage.FINAL, AttemptStatus.FINAL)
        _bury(group)


def mark_dead(intent: Intent, group: Sequence[Attempt]) -> None:
    """None of the nonce's attempts can ever be included."""
    with transaction.atomic():
        lock(intent)
        _bury(group)


def void_unsent(intent: Intent, attempt: Attempt) -> None:
    """An attempt that is not worth sending any more, and has not left."""
    with transaction.atomic():
        lock(intent)
        void_attempt(attempt)


def end(intent: Intent, status: IntentStatus, height: int) -> None:
    """End an intent; what of it is still unsent is voided, what is on its way is followed."""
    with transaction.atomic():
        lock(intent)
        for attempt in intent.attempts.filter(status=AttemptStatus.SIGNED).select_related("signer"):
            void_attempt(attempt)
        Intent.objects.filter(pk=intent.pk).update(status=status, ended_height=height)
        ports.announce({intent.reference})
    intent.status, intent.ended_height = status, height


def _write_place(
    group: Sequence[Attempt], statuses: Statuses, stage: Stage, status: AttemptStatus
) -> None:
    for attempt in group:
        found = statuses.get(attempt.hash)
        if found is not None and found.stage is stage:
            Attempt.objects.filter(pk=attempt.pk).update(
                status=status,
                included_height=found.height,
                included_hash=found.block_hash or "",
                succeeded=found.succeeded,
                ended_at=Now() if status == AttemptStatus.FINAL else None,
            )


def _bury(group: Sequence[Attempt]) -> None:
    keys = [attempt.pk for attempt in group]
    Attempt.objects.filter(pk__in=keys, status__in=ALIVE).update(
        status=AttemptStatus.DEAD, ended_at=Now()
    )
