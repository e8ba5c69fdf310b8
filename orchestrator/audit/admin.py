"""The audit for staff: to read."""

from typing import ClassVar

from django.contrib import admin
from django.http import HttpRequest

from orchestrator.audit.models import AuditEntry
from orchestrator.kernel.clock import iso


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Newest first; nothing can be added, changed or deleted."""

    list_display = ("when", "by", "door", "action", "subject", "reason", "done")
    list_filter = ("action", "kind", "door")
    search_fields = ("subject__exact", "by__exact")
    ordering = ("-at",)
    show_full_result_count = False
    actions = None

    class Media:
        css: ClassVar = {"all": ["audit/confirm.css"]}

    @admin.display(description="when", ordering="at")
    def when(self, entry: AuditEntry) -> str:
        """In UTC, to the second."""
        return iso(entry.at)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: AuditEntry | None = None) -> bool:
        return False
