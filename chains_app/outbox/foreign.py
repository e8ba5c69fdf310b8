"""Somebody else's transaction under a key of ours: that key stops, and a person hears of it.

A nonce that the chain calls used, and that no bytes of ours can have used, means that the key is
not ours alone: it leaked, another installation signs with it, or our database was put back.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from django.db import transaction

from chains_app.adapters.interface import ChainError, Stage
from chains_app.config import Nonces
from chains_app.models import Attempt, AttemptStatus, Intent, Signer
from chains_app.outbox import settling
from chains_app.outbox.nonces import key_of, lock_signer
from chains_app.registry import get_adapter, get_chain

REASON: Final = "a nonce was used by a transaction that is not ours"
_NEVER_RAN: Final = (AttemptStatus.VOID, AttemptStatus.DEAD)

log = structlog.get_logger(__name__)


def stop_after_stranger(signer: Signer, nonce: int) -> None:
    """Stop a key when a final block of every node that answers is past `nonce`, and nothing of ours
    that may have run carries it; a single node that lies stops nothing beside another.

    No transaction may be open.
    """
    if _is_a_strangers(signer, nonce):
        with transaction.atomic():
            _stop(signer, nonce)


def mark_dead(intent: Intent, group: Sequence[Attempt]) -> None:
    """None of the nonce's attempts can ever be included. Where each nonce is used in turn, it was a
    stranger who used it: the key stops in the same commit. (Where they may skip, ours are overtaken
    by each other.) No transaction may be open.
    """
    signer, nonce = group[-1].signer, group[-1].nonce
    in_turn = get_chain(intent.chain).nonces is Nonces.SEQUENTIAL
    is_a_strangers = in_turn and _is_a_strangers(signer, nonce)
    with transaction.atomic():
        settling.mark_dead(intent, group)
        if is_a_strangers:
            _stop(signer, nonce)


def _is_a_strangers(signer: Signer, nonce: int) -> bool:
    """Used, and by nothing that ever left us, asked once more: a node may show it late."""
    key, finals, adapter = key_of(signer), [], get_adapter(signer.chain)
    for view in adapter.views():
        with suppress(ChainError):
            finals.append(view.key_state(key).final_nonce)
    if not finals or min(finals) < nonce:
        return False
    left = Attempt.objects.filter(signer=signer, nonce=nonce, left_at__isnull=False)
    tier = get_chain(signer.chain).slowest_tier
    hashes = list(left.values_list("hash", flat=True))
    found = [adapter.transaction_status(each, signer.account, tier).stage for each in hashes]
    return not {Stage.INCLUDED, Stage.FINAL} & set(found)


def _stop(signer: Signer, nonce: int) -> None:
    locked = lock_signer(signer)
    ours = Attempt.objects.filter(signer=locked, nonce=nonce).exclude(status__in=_NEVER_RAN)
    if locked.is_enabled and not ours.exists():
        Signer.objects.filter(pk=locked.pk).update(is_enabled=False, stopped_for=REASON)
        about = {"signer": str(signer), "nonce": nonce, "reason": REASON}
        transaction.on_commit(lambda: log.error("signer_stopped", **about))
