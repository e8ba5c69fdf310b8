"""API clients, the tenants of the service, and their keys, of which only a hash is stored."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Scope(models.TextChoices):
    """What a client may do with what is its own."""

    READ = "read"
    WRITE = "write"


class ApiClient(models.Model):
    """A tenant: sees and changes its own sessions only. Stands in `request.user` of an API call."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    is_authenticated: ClassVar[bool] = True

    class Meta:
        permissions = (("switch_client", "Can switch a client off and on"),)

    def __str__(self) -> str:
        return self.name

    def may(self, scope: Scope) -> bool:
        """Whether it has `scope`."""
        return scope.value in self.scopes


class ApiKey(models.Model):
    """A key of a client: `id` is the part of it that names it, `digest` the SHA-256 of the rest.

    The rest has 256 random bits, so a plain hash of it can neither be reversed nor guessed.
    """

    id = models.CharField(primary_key=True, max_length=16, editable=False)
    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="keys")
    digest = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = (("revoke_key", "Can revoke a key"),)

    def __str__(self) -> str:
        return f"{self.client_id}/{self.id}"
