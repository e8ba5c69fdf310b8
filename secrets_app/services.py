"""The vault: draws secrets, seals them, opens them through one audited port, forgets them."""

import os
import socket
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models.functions import Now

from orchestrator.fields import vault_cipher
from orchestrator.kernel.errors import ConflictError, NotFoundError
from orchestrator.kernel.hashlock import HashFunction, Secret, fits
from secrets_app.models import SealedSecret, SecretAccess

log = structlog.get_logger(__name__)


class SecretRefusedError(ConflictError):
    """A secret that is not of this reference, or that is forgotten."""

    code = "secret_refused"


def create_secret(
    reference: UUID, function: HashFunction = HashFunction.SHA256
) -> tuple[UUID, bytes]:
    """A new secret for `reference`, sealed; returns its id and its hashlock.

    Joins the caller's transaction. Raises IntegrityError when the reference has one already.
    """
    return keep_secret(reference, Secret.generate(), function)


@transaction.atomic
def keep_secret(reference: UUID, secret: Secret, function: HashFunction) -> tuple[UUID, bytes]:
    """The same for a secret that somebody else drew and gave to us."""
    row = SealedSecret(reference=reference, hash_function=function.value)
    row.hashlock = function.digest(secret.reveal())
    row.sealed = vault_cipher().seal(secret.reveal(), row.associated_data())
    row.save(force_insert=True)
    return row.pk, bytes(row.hashlock)


def is_hashlock_known(hashlock: bytes) -> bool:
    """Whether a secret of that hash was ever in the vault."""
    return SealedSecret.objects.filter(hashlock=hashlock).exists()


@transaction.atomic
def open_secret(secret_id: UUID, *, reference: UUID, purpose: str) -> Secret:
    """The secret, if it is that of `reference`; who opened it and why is recorded.

    The record joins the caller's transaction, so it is lost with it; the log line stays.

    Raises NotFoundError, SecretRefusedError, DecryptionError (a row that was tampered with).
    """
    row = SealedSecret.objects.filter(pk=secret_id).first()
    if row is None:
        raise NotFoundError(f"there is no secret {secret_id}")
    if row.reference != reference:
        log.error("secret_refused", secret_id=str(secret_id), purpose=purpose)
        raise SecretRefusedError(f"secret {secret_id} does not belong to {reference}")
    secret = _unseal(row)
    SecretAccess.objects.create(secret=row, actor=_actor(), purpose=purpose)
    log.info("secret_opened", secret_id=str(secret_id), purpose=purpose)
    return secret


def forget_secret(secret_id: UUID) -> None:
    """Destroy the sealed value, after settlement; its hashlock stays. Doing it again is nothing."""
    kept = SealedSecret.objects.filter(pk=secret_id).exclude(sealed=None)
    kept.update(sealed=None, forgotten_at=Now())


def _unseal(row: SealedSecret) -> Secret:
    if row.sealed is None:
        raise SecretRefusedError(f"secret {row.pk} was forgotten after its settlement")
    secret = Secret(vault_cipher().open(row.sealed, row.associated_data()))
    if not fits(secret, bytes(row.hashlock), HashFunction(row.hash_function)):
        raise SecretRefusedError(f"secret {row.pk} does not fit its hashlock")
    return secret


def _actor() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
