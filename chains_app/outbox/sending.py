"""Letting bytes leave: committed first, then sent, and sent again as they are (rules 5 and 6)."""

import time
from typing import Final

import structlog
from django.db import transaction
from django.db.models.functions import Now

from chains_app import ports
from chains_app.adapters.interface import ChainUnavailableError, Refusal, TransactionRefusedError
from chains_app.leases import LeaseLostError, lock
from chains_app.models import Attempt, AttemptStatus, Intent, Signer
from chains_app.outbox.nonces import void_attempt
from chains_app.outbox.signing import GuardRefusedError, raw_bytes
from chains_app.ports import Moment
from chains_app.registry import get_adapter
from chains_app.signers import SignerRefusedError

FRESH_SECONDS: Final = 10  # age of the facts that a first send is decided on
IN_DOUBT: Final = (AttemptStatus.LEFT, AttemptStatus.SENT, AttemptStatus.INCLUDED)

log = structlog.get_logger(__name__)


def send_first(intent: Intent, attempt: Attempt, facts_read_at: float) -> None:
    """Ask the guard, commit `left_at` with its verdict, and only then send.

    `facts_read_at`: monotonic seconds before the chain was read. Anything but yes voids the attempt
    and raises GuardRefusedError; raises LeaseLostError when the intent was voided meanwhile.
    """
    verdict = ports.ask_guard(intent.contract_call, intent.reference, Moment.SEND)
    with transaction.atomic():
        if not lock(intent).is_open:
            raise LeaseLostError(f"{intent} has ended")
        if verdict.ok:
            _require_fresh(facts_read_at)
            _require_enabled(attempt)
            left = Attempt.objects.filter(pk=attempt.pk, status=AttemptStatus.SIGNED, left_at=None)
            changed = left.update(
                status=AttemptStatus.LEFT, left_at=Now(), send_verdict=verdict.to_json()
            )
            if changed != 1:
                raise LeaseLostError(f"{attempt} is not waiting to be sent")
            ports.announce({intent.reference})
        else:
            void_attempt(attempt, verdict.to_json())
    if not verdict.ok:
        raise GuardRefusedError(verdict)
    broadcast(intent, attempt)


def _require_fresh(facts_read_at: float) -> None:
    age = time.monotonic() - facts_read_at
    if age > FRESH_SECONDS:
        raise SignerRefusedError(f"nothing is sent on facts that are {age:.0f} s old: read again")


def _require_enabled(attempt: Attempt) -> None:
    if not Signer.objects.filter(pk=attempt.signer_id, is_enabled=True).exists():
        raise SignerRefusedError(f"{attempt.signer} is paused")


def broadcast(intent: Intent, attempt: Attempt) -> None:
    """Send bytes that have left already, as they are. What no node confirms is looked up later."""
    try:
        get_adapter(intent.chain).broadcast(raw_bytes(attempt))
    except TransactionRefusedError as error:
        log.warning("transaction_refused", hash=attempt.hash, reason=error.reason.value)
        _record(intent, attempt, AttemptStatus.LEFT, error.reason)
        return
    except ChainUnavailableError as error:
        log.warning("answer_lost", hash=attempt.hash, reason=error.code)
        return
    _record(intent, attempt, AttemptStatus.SENT, None)


def _record(
    intent: Intent, attempt: Attempt, status: AttemptStatus, refusal: Refusal | None
) -> None:
    """Fenced: a sender that lost its lease leaves the row to the new one."""
    Attempt.objects.filter(
        pk=attempt.pk, status__in=IN_DOUBT, intent__version=intent.version
    ).update(status=status, last_sent_at=Now(), node_refusal=refusal.value if refusal else "")
