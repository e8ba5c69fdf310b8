"""Clients and keys for staff: look, switch a client off, revoke a key. Keys come from a command."""

from typing import ClassVar

from django.contrib import admin

from orchestrator.audit.confirming import ActsAdmin, Offer
from orchestrator.clients.models import ApiClient, ApiKey
from orchestrator.clients.staff import revoke_key, switch_client


@admin.register(ApiClient)
class ApiClientAdmin(ActsAdmin):
    """A client is never deleted, since its sessions name it: it is switched off."""

    list_display = ("name", "scopes", "is_active", "created_at")
    fields = ("id", "name", "scopes", "is_active", "created_at")
    offers: ClassVar = {
        "switch_client_off": Offer("Switch off", "switch_client", lambda _: switch_client()),
        "switch_client_on": Offer("Switch on", "switch_client", lambda _: switch_client(on=True)),
    }


@admin.register(ApiKey)
class ApiKeyAdmin(ActsAdmin):
    """A key's id and its client's; the hash is never shown."""

    list_display = ("id", "client", "created_at", "revoked_at")
    fields = ("id", "client", "created_at", "revoked_at")
    offers: ClassVar = {
        "revoke_key": Offer("Revoke for ever", "revoke_key", lambda _: revoke_key()),
    }
