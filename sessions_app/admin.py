"""Sessions for staff: legs, timeline and what can be done; a status is never edited."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from orchestrator.audit.confirming import ActsAdmin, Offer
from orchestrator.kernel.amounts import in_coins
from orchestrator.kernel.clock import iso
from sessions_app.api.answers import session_answer
from sessions_app.domain.attention import advice_for
from sessions_app.explaining import explain_verdicts, surplus_lines
from sessions_app.feed import update_of
from sessions_app.finding import WHAT, sessions_of, surplus_of
from sessions_app.models import Session, Surplus
from sessions_app.selectors import list_events
from sessions_app.staff import (
    cancel_session,
    rebroadcast,
    refund_session,
    repay_session,
    retry_session,
    what_people_did,
)

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
class SessionAdmin(ActsAdmin):
    """The list, and one page for each."""

    change_form_template = "admin/sessions_app/session/change_form.html"
    offers: ClassVar = {
        "retry_session": Offer("Drive now", "retry_session", lambda _: retry_session()),
        "cancel_session": Offer("Cancel the session", "cancel_session", lambda _: cancel_session()),
        "refund_session": Offer(
            "Give the source back", "refund_session", lambda _: refund_session()
        ),
        "repay_session": Offer("Repay the maker", "repay_session", lambda _: repay_session()),
        "rebroadcast": Offer("Send its bytes again", "rebroadcast", lambda _: rebroadcast()),
    }

    list_display = ("id", "status", "needs", "route", "client", "created")
    list_filter = (NeedsAPerson, "status")
    list_select_related = ("quote", "client")
    search_fields = ("id",)
    search_help_text = WHAT
    ordering = ("-created_at", "-id")
    show_full_result_count = False
    fields = (
        "status", "needs", "advice", "client", "route", "secret_mode", "maker_source_account",
        "maker_destination_account", "is_executed", "cancel_requested", "created", "expires", "due",
    )  # fmt: skip

    class Media:
        css: ClassVar = {"all": ["sessions_app/admin.css"]}  # beside those of every act

    @admin.display(description="route")
    def route(self, session: Session) -> str:
        """The name of its route."""
        return session.quote.route_id

    @admin.display(description="needs a person", ordering="attention_since")
    def needs(self, session: Session) -> str:
        """What for, and since when."""
        if session.attention_since is None:
            return "-"
        return f"{session.attention} since {iso(session.attention_since)}"

    @admin.display(description="what to do")
    def advice(self, session: Session) -> str:
        """What it means, what to do, and where that is written."""
        advice = advice_for(session.attention)
        if advice is None:
            return "-"
        return f"{advice.title}: {advice.to_do} ({advice.page})"

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
        self, _request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        """By what people have of a session; Django's own would compare every id as a text."""
        return queryset.filter(sessions_of(search_term)) if search_term else queryset, False


@admin.register(Surplus)
class SurplusAdmin(ActsAdmin):
    """Locks for us that no session agreed on; what is owed of one is released here."""

    offers: ClassVar = {
        "repay_session": Offer("Repay the depositor", "repay_surplus", lambda _: repay_session()),
    }
    list_display = ("id", "state", "chain", "amount", "depositor", "reason", "session_id")
    list_filter = ("state", "chain")
    search_fields = ("id", "lock_id")
    ordering = ("chain", "id")
    fields = (
        "state", "chain", "lock_id", "amount", "token", "depositor", "timelock", "reason",
        "session_id",
    )  # fmt: skip

    def amount(self, surplus: Surplus) -> int:
        """Base units."""
        return surplus.lock_terms.amount

    def token(self, surplus: Surplus) -> str:
        """Its contract."""
        return surplus.lock_terms.token or "native coin"

    def depositor(self, surplus: Surplus) -> str:
        """Who gets it back."""
        return surplus.lock_terms.depositor

    def timelock(self, surplus: Surplus) -> str:
        """From which anybody may refund it."""
        return iso(surplus.lock_terms.timelock)

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Surplus], search_term: str
    ) -> tuple[QuerySet[Surplus], bool]:
        """By its id or its lock's."""
        return queryset.filter(surplus_of(search_term)) if search_term else queryset, False


def _moment(at: datetime | None) -> str:
    return "-" if at is None else iso(at)


def _timeline(session: Session) -> dict[str, Any]:
    shown = session_answer(session)
    for leg in shown["legs"]:
        leg["coins"] = in_coins(int(leg["amount"]), leg["decimals"])
    return {
        "shown": shown,
        "events": [update_of(event) for event in list_events(session)],
        "deeds": what_people_did(session),
        "verdicts": [*explain_verdicts(session), *surplus_lines(session)],
    }
