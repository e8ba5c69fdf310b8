"""Clients and keys for staff: look, switch a client off, revoke a key. Keys come from a command."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from orchestrator.clients.models import ApiClient, ApiKey
from orchestrator.clients.services import revoke_keys


@admin.register(ApiClient)
class ApiClientAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """A client is never deleted, since its sessions name it: it is switched off."""

    list_display = ("name", "scopes", "is_active", "created_at")
    readonly_fields = ("id", "name", "scopes", "created_at")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: ApiClient | None = None) -> bool:
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only but for revoking, which cannot be taken back."""

    list_display = ("id", "client", "created_at", "revoked_at")
    actions = ("revoke",)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: ApiKey | None = None) -> bool:
        return False

    def get_readonly_fields(self, _request: HttpRequest, _obj: ApiKey | None = None) -> list[str]:
        return ["id", "client", "created_at", "revoked_at"]

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Refuses nothing: a key that is revoked already stays so."""
        count = revoke_keys(keys.values_list("pk", flat=True))
        self.message_user(request, f"{count} keys revoked", messages.SUCCESS)
