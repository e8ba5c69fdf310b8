"""Signers and chains for staff: to look at, to pause, to have read again."""

from typing import ClassVar

from django.contrib import admin

from chains_app.models import ChainCursor, Signer
from chains_app.staff import pause_signer, rewind_cursor
from orchestrator.audit.confirming import ActsAdmin, Offer
from orchestrator.kernel.clock import iso


@admin.register(Signer)
class SignerAdmin(ActsAdmin):
    """The keys, with their kill switch; a key itself is never here."""

    list_display = (
        "id",
        "account",
        "chain",
        "role",
        "is_enabled",
        "stopped_for",
        "public_key",
        "cap_per_transaction",
        "cap_per_hour",
        "cap_per_day",
    )
    list_filter = ("chain", "role", "is_enabled")
    ordering = ("chain", "role", "id")
    offers: ClassVar = {
        "pause_signer": Offer("Pause the signer", "pause_signer", lambda _: pause_signer()),
        "resume_signer": Offer(
            "Resume the signer", "pause_signer", lambda _: pause_signer(resume=True)
        ),
    }


@admin.register(ChainCursor)
class ChainCursorAdmin(ActsAdmin):
    """How far each chain is read."""

    list_display = ("chain", "height", "hash", "advanced", "reread_after")
    fields = ("chain", "height", "hash", "time", "finals", "advanced", "reread_after")
    offers: ClassVar = {
        "rewind_cursor": Offer(
            "Read the chain again",
            "rewind_cursor",
            lambda number: rewind_cursor(number or 0),
            number="After block",
        )
    }

    @admin.display(description="advanced at", ordering="advanced_at")
    def advanced(self, cursor: ChainCursor) -> str:
        """When its head was last seen to, in UTC, to the second."""
        return "-" if cursor.advanced_at is None else iso(cursor.advanced_at)

    def subject_of(self, row: ChainCursor) -> str:
        return row.chain
