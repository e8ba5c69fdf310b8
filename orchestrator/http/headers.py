"""Headers that bound what a browser does with our pages."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

# no inline script; the feed has a port of its own, so any WebSocket, but nothing else elsewhere
POLICY: Final = "; ".join(
    [
        "default-src 'self'",
        "connect-src 'self' ws: wss:",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


class ContentSecurityMiddleware:
    """Sets Content-Security-Policy, unless a page has its own, and Permissions-Policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
        return response
