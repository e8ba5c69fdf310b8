"""Answers that were given under an Idempotency-Key."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orchestrator.clients.models import ApiClient


class StoredAnswer(models.Model):
    """The answer to a client's write, committed together with what the write did."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=128)
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of method, path and body
    status = models.PositiveSmallIntegerField(null=True)  # null only inside the transaction
    body = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["client", "key"], name="one_answer_per_client_and_key")
        ]

    def __str__(self) -> str:
        return f"{self.client_id}/{self.key}"
