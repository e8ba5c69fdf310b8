"""The page at /: routes, and a session followed live."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from auctions_app.market import current_market
from sessions_app.api.answers import route_answer


@require_safe
def swap_page(request: HttpRequest) -> HttpResponse:
    """Public: it shows nothing that /api/v1/routes does not; a session needs its owner's key."""
    routes = [route_answer(route) for route in current_market().routes.values()]
    return render(request, "swap.html", {"routes": routes})
