"""Sessions for staff: legs and timeline, read-only; a status is never edited."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from orchestrator.kernel.amounts import in_coins
from sessions_app.api.answers import session_answer
from sessions_app.explaining import explain_verdicts
from sessions_app.feed import update_of
from sessions_app.models import Session
from sessions_app.selectors import list_events
from sessions_app.wall import iso

if TYPE_CHECKING:
    _SessionAdmin = admin.ModelAdmin[Session]
else:  # Django's admin classes take no type arguments at run time
    _SessionAdmin = admin.ModelAdmin


admin.site.site_header = admin.site.site_title = "1Balancer staff"
admin.site.enable_nav_sidebar = False  # the list is wide
admin.site.index_title = "Swaps and API clients"


class NeedsAPerson(admin.SimpleListFilter):
    """Those with `attention`, which work goes on with, but which somebody should look at."""

    title = parameter_name = "attention"

    def lookups(self, _request: HttpRequest, _admin: object) -> list[tuple[str, str]]:
        return [("yes", "needs a person")]

    def queryset(self, _request: HttpRequest, sessions: QuerySet[Session]) -> QuerySet[Session]:
        return sessions.exclude(attention_since=None) if self.value() == "yes" else sessions


@admin.register(Session)
class SessionAdmin(_SessionAdmin):
    """The list, and one page for each."""

    list_display = ("id", "status", "attention", "route", "client", "created")
    list_filter = (NeedsAPerson, "status")
    list_select_related = ("quote", "client")
    search_fields = ("id__exact",)
    ordering = ("-created_at",)
    show_full_result_count = False
    fields = (
        "status", "attention", "since", "client", "route", "secret_mode", "maker_source_account",
        "maker_destination_account", "is_executed", "cancel_requested", "created", "expires", "due",
    )  # fmt: skip

    class Media:
        css: ClassVar = {"all": ["sessions_app/admin.css"]}

    @admin.display(description="route")
    def route(self, session: Session) -> str:
        """The name of its route."""
        return session.quote.route_id

    @admin.display(description="attention since")
    def since(self, session: Session) -> str:
        """When it began to need a person."""
        return _moment(session.attention_since)

    @admin.display(description="created", ordering="created_at")
    def created(self, session: Session) -> str:
        """In UTC, as every other instant here."""
        return iso(session.created_at)

    @admin.display(description="expires")
    def expires(self, session: Session) -> str:
        """The quote, then the auction."""
        return iso(session.expires_at)

    @admin.display(description="next due")
    def due(self, session: Session) -> str:
        """When a worker looks at it again without being told."""
        return _moment(session.wake_at)

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


def _moment(at: datetime | None) -> str:
    return "-" if at is None else iso(at)


def _timeline(session: Session) -> dict[str, Any]:
    shown = session_answer(session)
    for leg in shown["legs"]:
        leg["coins"] = in_coins(int(leg["amount"]), leg["decimals"])
    return {
        "shown": shown,
        "events": [update_of(event) for event in list_events(session)],
        "interventions": session.interventions.order_by("at"),
        "verdicts": list(explain_verdicts(session)),
    }
