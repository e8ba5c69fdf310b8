"""Sessions for staff: legs and timeline, read-only; a status is never edited."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from sessions_app.api.answers import session_answer
from sessions_app.explaining import explain
from sessions_app.feed import update_of
from sessions_app.models import Session
from sessions_app.selectors import list_events

if TYPE_CHECKING:
    _SessionAdmin = admin.ModelAdmin[Session]
else:  # Django's admin classes take no type arguments at run time
    _SessionAdmin = admin.ModelAdmin


@admin.register(Session)
class SessionAdmin(_SessionAdmin):
    """The list, and one page for each."""

    list_display = ("id", "status", "attention", "route", "client", "created_at")
    list_filter = ("status",)
    list_select_related = ("quote", "client")
    search_fields = ("id__exact",)
    ordering = ("-created_at",)
    show_full_result_count = False
    fields = (
        "id", "client", "quote", "status", "attention", "attention_since", "secret_mode",
        "maker_source_account", "maker_destination_account", "is_executed", "cancel_requested",
        "created_at", "expires_at", "wake_at",
    )  # fmt: skip

    @admin.display(description="route")
    def route(self, session: Session) -> str:
        """The name of its route."""
        return session.quote.route_id

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Session | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Session | None = None) -> bool:
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page with legs and timeline, for whom Django lets see it."""
        session = self.get_object(request, object_id)
        more = {} if session is None else _timeline(session)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        """Whole ids only; anything else finds nothing."""
        try:
            return super().get_search_results(request, queryset, search_term.strip())
        except ValidationError:
            return queryset.none(), False


def _timeline(session: Session) -> dict[str, Any]:
    return {
        "shown": session_answer(session),
        "events": [update_of(event) for event in list_events(session)],
        "explanation": list(explain(session)),
    }
