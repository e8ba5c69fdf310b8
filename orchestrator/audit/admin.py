"""The audit for staff: to read."""

from django.contrib import admin
from django.http import HttpRequest

from orchestrator.audit.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Newest first; nothing can be added, changed or deleted."""

    list_display = ("at", "by", "door", "action", "kind", "subject", "reason", "done")
    list_filter = ("action", "kind", "door")
    search_fields = ("subject__exact", "by__exact")
    ordering = ("-at",)
    show_full_result_count = False
    actions = None

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: AuditEntry | None = None) -> bool:
        return False
