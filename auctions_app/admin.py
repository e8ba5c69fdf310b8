"""Routes for staff: which there are, and their switch."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from auctions_app.market import current_market
from auctions_app.models import RouteSwitch
from auctions_app.staff import pause_route, sync_switches
from orchestrator.audit.confirming import ActsAdmin, Offer


@admin.register(RouteSwitch)
class RouteSwitchAdmin(ActsAdmin):
    """The configured routes."""

    list_display = ("route_id", "is_paused")
    list_filter = ("is_paused",)
    ordering = ("route_id",)
    offers: ClassVar = {
        "pause_route": Offer("Pause the route", "pause_route", lambda _: pause_route()),
        "resume_route": Offer(
            "Resume the route", "pause_route", lambda _: pause_route(resume=True)
        ),
    }

    def subject_of(self, row: RouteSwitch) -> str:
        return row.route_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[RouteSwitch]:
        rows: QuerySet[RouteSwitch] = super().get_queryset(request)
        return rows.filter(route_id__in=list(current_market().routes))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Rows come from the configuration."""
        sync_switches()
        return super().changelist_view(request, extra_context)
