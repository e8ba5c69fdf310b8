"""The vault's rows. A hashlock stands here for ever, so that none is ever used twice."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orchestrator.fields import SealedField
from orchestrator.kernel.hashlock import HashFunction


class SealedSecret(models.Model):
    """A secret of ours, by the hash that the chains know; `sealed` is null once it is forgotten.

    `reference` says whose it is: an opaque id, here and in the associated data of the seal.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.UUIDField(unique=True, editable=False)
    hash_function = models.CharField(
        max_length=9, choices=[(one.value, one.value) for one in HashFunction], editable=False
    )
    hashlock = models.BinaryField(max_length=32, unique=True, editable=False)
    sealed = SealedField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    forgotten_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(sealed=None) ^ models.Q(forgotten_at=None),
                name="a_secret_is_sealed_or_forgotten",
            )
        ]

    def __str__(self) -> str:
        return f"secret {self.pk}"

    def associated_data(self) -> bytes:
        """What binds the seal to this row."""
        return self.pk.bytes + self.reference.bytes


class SecretAccess(models.Model):
    """That a secret was opened: by whom, why, when; never its value."""

    secret = models.ForeignKey(SealedSecret, on_delete=models.PROTECT, related_name="accesses")
    actor = models.CharField(max_length=200, editable=False)
    purpose = models.CharField(max_length=200, editable=False)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.secret_id} opened for {self.purpose}"
