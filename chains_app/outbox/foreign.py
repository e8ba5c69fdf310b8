"""Somebody else's transaction under a key of ours: that key stops, and a person hears of it.

A nonce that the chain calls used, and that no bytes of ours can have used, means that the key is
not ours alone: it leaked, another installation signs with it, or our database was put back.
"""

from contextlib import suppress
from typing import Final

import structlog
from django.db import transaction

from chains_app.adapters.interface import ChainError
from chains_app.config import Nonces
from chains_app.models import Attempt, AttemptStatus, Signer
from chains_app.outbox.nonces import key_of, lock_signer
from chains_app.registry import get_adapter, get_chain

REASON: Final = "a nonce was used by a transaction that is not ours"
_NEVER_RAN: Final = (AttemptStatus.VOID, AttemptStatus.DEAD)

log = structlog.get_logger(__name__)


def stop_after_stranger(signer: Signer, nonce: int) -> None:
    """Stop a key when a final block of every node that answers is past `nonce`, and nothing of ours
    that may have run carries it; a single node that lies stops nothing beside another.

    Where nonces may skip, ours are overtaken by each other: that is told by `take_nonce` alone.
    No transaction may be open.
    """
    if not _is_used(signer, nonce):
        return
    with transaction.atomic():
        locked = lock_signer(signer)
        ours = Attempt.objects.filter(signer=locked, nonce=nonce).exclude(status__in=_NEVER_RAN)
        if not locked.is_enabled or ours.exists():
            return
        Signer.objects.filter(pk=locked.pk).update(is_enabled=False, stopped_for=REASON)
    log.error("signer_stopped", signer=str(signer), nonce=nonce, reason=REASON)


def after_death(attempt: Attempt) -> None:
    """Its nonce went to another transaction; where each nonce is used in turn, to a stranger's."""
    if get_chain(attempt.signer.chain).nonces is Nonces.SEQUENTIAL:
        stop_after_stranger(attempt.signer, attempt.nonce)


def _is_used(signer: Signer, nonce: int) -> bool:
    key, finals = key_of(signer), []
    for view in get_adapter(signer.chain).views():
        with suppress(ChainError):
            finals.append(view.key_state(key).final_nonce)
    return bool(finals) and min(finals) >= nonce
