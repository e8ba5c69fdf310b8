"""What staff can do with signers, chains and transactions that are on their way."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import structlog
from django.utils import timezone

from chains_app.adapters.interface import ChainUnavailableError, TransactionRefusedError
from chains_app.heads import POLL_TASK
from chains_app.intents import OUTBOX_TASK
from chains_app.leases import wake
from chains_app.models import (
    IS_OPEN,
    ON_THE_WAY,
    OPEN_INTENTS,
    Attempt,
    ChainBlock,
    ChainCursor,
    Intent,
    Signer,
)
from chains_app.outbox.effects import goes_by_its_chain, is_useful
from chains_app.outbox.nonces import lock_signer
from chains_app.outbox.signing import raw_bytes
from chains_app.registry import get_adapter, signing_keys
from chains_app.selectors import chain_now
from chains_app.signers import SignerRole
from orchestrator.audit.acts import Act, NotDoneError
from orchestrator.audit.models import Kind
from orchestrator.hints import send_hint

log = structlog.get_logger(__name__)


# --- signers: the kill switch ---------------------------------------------------------------------
def pause_signer(*, resume: bool = False) -> Act[Signer]:
    """Have a key sign and first send nothing more, or again; what has left us is followed on."""
    return Act(
        name="resume_signer" if resume else "pause_signer",
        kind=Kind.SIGNER,
        find=_lock_signer_of,
        plan=_plan_resume if resume else _plan_pause,
        do=_resume if resume else _pause,
        after=_wake_intents if resume else None,
    )


def _lock_signer_of(signer_id: str) -> Signer:
    found = Signer.objects.filter(pk=int(signer_id)) if signer_id.isdecimal() else None
    signer = None if found is None else found.first()
    if signer is None:
        rows = Signer.objects.order_by("pk")
        known = "; ".join(f"{row.pk} is {row}, {_state(row)}" for row in rows)
        raise NotDoneError(f"no signer {signer_id[:40]!r}: {known or 'there are none yet'}")
    return lock_signer(signer)


def _state(signer: Signer) -> str:
    if signer.is_enabled:
        return "running"
    return f"stopped: {signer.stopped_for}" if signer.stopped_for else "paused"


def _plan_pause(signer: Signer) -> str:
    if not signer.is_enabled:
        raise NotDoneError(f"{signer} is paused already")
    others = Signer.objects.filter(chain=signer.chain, role=signer.role, is_enabled=True)
    configured = signing_keys(signer.chain, SignerRole(signer.role))
    keys = {(key.account, key.public) for key in configured}
    running = others.exclude(pk=signer.pk).values_list("account", "public_key")
    left = len(keys.intersection(running))
    return f"pause {signer}: it signs and first sends nothing more; {left} others of its role run"


def _plan_resume(signer: Signer) -> str:
    if signer.is_enabled:
        raise NotDoneError(f"{signer} is running already")
    return (
        f"resume {signer}: it signs and sends again, within its caps, from the next nonce that the "
        "chain tells"
    )


def _pause(signer: Signer) -> str:
    Signer.objects.filter(pk=signer.pk).update(is_enabled=False)
    return f"{signer} is paused"


def _resume(signer: Signer) -> str:
    rows = Signer.objects.filter(pk=signer.pk)
    rows.update(is_enabled=True, stopped_for="", adopts_nonce=True)
    return f"{signer} is running"


def _wake_intents(signer: Signer) -> str:
    """After the commit: intents are locked before signers (rule 8)."""
    wake(Intent, f"chain = %(chain)s AND {IS_OPEN}", chain=signer.chain)
    send_hint(OUTBOX_TASK)
    return ""


# --- chains: reading again ------------------------------------------------------------------------
def rewind_cursor(to: int) -> Act[ChainCursor]:
    """Have all blocks above `to` read again up to the cursor; nothing is skipped or forgotten.

    It stands instead of what was wanted before and is not read yet: a higher block takes that back.
    """

    def plan(cursor: ChainCursor) -> str:
        _require_readable(cursor, to)
        return (
            f"read {cursor.chain} again after block {to}, up to {cursor.height}: facts that were "
            f"left out are added, and each open lock is read anew{_instead(cursor)}"
        )

    def do(cursor: ChainCursor) -> str:
        rows = ChainCursor.objects.filter(pk=cursor.pk)
        rows.update(reread_after=to)
        wake(ChainCursor, "id = %(pk)s", pk=cursor.pk)
        send_hint(POLL_TASK, cursor.chain)
        return f"{cursor.chain} is read again after block {to}{_instead(cursor)}"

    return Act(name="rewind_cursor", kind=Kind.CHAIN, find=_lock_cursor, plan=plan, do=do)


def _instead(cursor: ChainCursor) -> str:
    pending = cursor.reread_after
    return "" if pending is None else f"; no more what was still to be read after block {pending}"


def _lock_cursor(chain: str) -> ChainCursor:
    rows = ChainCursor.objects.exclude(hash="")
    cursor = rows.filter(chain=chain).select_for_update().first()
    if cursor is None:
        known = ", ".join(rows.order_by("chain").values_list("chain", flat=True))
        raise NotDoneError(f"no chain {chain[:40]!r}: {known or 'none'} was read yet")
    return cursor


def _require_readable(cursor: ChainCursor, to: int) -> None:
    if to >= cursor.height:
        raise NotDoneError(
            f"{cursor.chain} is read up to {cursor.height}: give a block below it, nothing is "
            "ever skipped"
        )
    oldest = ChainBlock.objects.filter(chain=cursor.chain).order_by("height").first()
    if oldest is None or to < oldest.height:
        least = cursor.height if oldest is None else oldest.height
        raise NotDoneError(
            f"blocks of {cursor.chain} are kept from {least} on, and older ones go with each new "
            f"one: give any up to {cursor.height - 1}, with which all open locks are read anew"
        )


# --- transactions: the same bytes again -----------------------------------------------------------
def waiting_attempts(references: Iterable[UUID]) -> list[Attempt]:
    """What has left us for these references and could still be mined in time, newest of its nonce.

    What has not left, what is in a block, and what the contract would refuse by now is not among
    them.
    """
    rows = Attempt.objects.filter(
        intent__reference__in=list(references), intent__status__in=OPEN_INTENTS,
        status__in=ON_THE_WAY, left_at__isnull=False, replaced_by__isnull=True,
    )  # fmt: skip
    found = rows.select_related("intent__watch", "signer").order_by("left_at")
    return [attempt for attempt in found if _may_be_mined_in_time(attempt)]


def _may_be_mined_in_time(attempt: Attempt) -> bool:
    call, watch = attempt.intent.contract_call, attempt.intent.watch
    if call is None or watch is None:
        return True
    by_itself = goes_by_its_chain(call, watch.terms, attempt.intent.send_by)
    return is_useful(call, watch.terms, chain_now(attempt.intent.chain, by_itself=by_itself))


def send_again(attempts: Iterable[Attempt]) -> str:
    """The same bytes, to the nodes; no transaction may be open. Says what each node answered.

    Raises NotDoneError when nothing was taken.
    """
    answers = [(attempt, _send(attempt)) for attempt in attempts]
    said = "; ".join(f"{attempt.hash} {answer}" for attempt, answer in answers)
    if not any(answer == _TAKEN for _, answer in answers):
        raise NotDoneError(f"no node took it: {said}")
    return said


_TAKEN: Final = "was taken"


def _send(attempt: Attempt) -> str:
    if not _may_be_mined_in_time(attempt):
        return "could only be mined too late by now"
    try:
        get_adapter(attempt.intent.chain).broadcast(raw_bytes(attempt))
    except TransactionRefusedError as error:
        return f"was refused: {error.reason.value}"
    except ChainUnavailableError as error:
        log.warning("answer_lost", hash=attempt.hash, reason=error.code)
        return "got no answer"
    return _TAKEN


# --- writes: once more ----------------------------------------------------------------------------
def retry_writes(references: Iterable[UUID]) -> list[Intent]:
    """Make the open writes of these references due now, whatever failed before; the caller's
    transaction. Returns them.
    """
    rows = Intent.objects.filter(reference__in=list(references), status__in=OPEN_INTENTS)
    found = list(rows.select_for_update(of=("self",)).order_by("pk"))
    rows.filter(pk__in=[each.pk for each in found]).update(retried_at=timezone.now())
    wake(Intent, "id = ANY(%(keys)s)", keys=[each.pk for each in found])
    send_hint(OUTBOX_TASK)
    return found
