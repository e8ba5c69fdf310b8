"""The audit: one row for each thing that a person did, in the transaction that did it."""

from typing import Any, ClassVar, Final

from django.db import models
from django.db.models.functions import Now

LONGEST_REASON: Final = 500  # characters


class Door(models.TextChoices):
    """Where a person came from. `by` is the system's user of a command, the admin's of a page."""

    COMMAND = "command"
    ADMIN = "admin"


class Kind(models.TextChoices):
    """What something was done to."""

    SESSION = "session"
    SIGNER = "signer"
    ROUTE = "route"
    CHAIN = "chain"
    CLIENT = "client"
    VAULT = "vault"


class AuditEntry(models.Model):
    """Who did what, on what, why, and what came of it. The database refuses to change a row.

    `subject` is the id of the session, signer, route, client or API key, or the chain's name;
    `done` is in our own words and never holds a secret; 32-byte values are taken out of `reason`.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    by = models.CharField(max_length=150)
    door = models.CharField(max_length=8, choices=Door)
    action = models.CharField(max_length=32)
    kind = models.CharField(max_length=8, choices=Kind)
    subject = models.CharField(max_length=128)
    reason = models.CharField(max_length=LONGEST_REASON)
    done = models.TextField()

    class Meta:
        verbose_name = "entry"
        verbose_name_plural = "audit"
        default_permissions: ClassVar[Any] = ("view",)
        indexes: ClassVar = [models.Index(fields=["kind", "subject", "at"], name="audit_subject")]

    def __str__(self) -> str:
        return f"{self.action} of {self.kind} {self.subject} by {self.by}"
