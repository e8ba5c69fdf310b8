"""The page at /: routes, and a session followed live."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sessions_app.api.answers import route_answers


@require_safe
def swap_page(request: HttpRequest) -> HttpResponse:
    """Public: it shows nothing that /api/v1/routes does not; a session needs its owner's key."""
    return render(request, "swap.html", {"routes": route_answers()})
