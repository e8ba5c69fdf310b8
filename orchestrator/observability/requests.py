"""What each request leaves behind: one log line, one observation of its latency, a request id."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch

from orchestrator.observability.metrics import api_latency

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger(__name__)


class RequestMiddleware:
    """Binds `request_id` and, where the URL has one, `session_id` to all that is logged inside."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        request_id = uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self._get_response(request)
            _record(request, response, time.perf_counter() - began)
        response["X-Request-Id"] = request_id
        return response

    def process_view(
        self, _request: HttpRequest, _view: object, _args: object, kwargs: dict[str, Any]
    ) -> None:
        if "session_id" in kwargs:
            structlog.contextvars.bind_contextvars(session_id=str(kwargs["session_id"]))


def _record(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """By route, never by path: a path can hold an id, and a query anything."""
    match: ResolverMatch | None = request.resolver_match
    route = match.route if match else "none"
    method = request.method if request.method in METHODS else "other"  # no label of a stranger's
    status = response.status_code
    if route.startswith("api/"):
        api_latency.labels(method, route, str(status)).observe(seconds)
    level = "error" if status >= 500 else "info"
    getattr(log, level)(
        "request_answered",
        method=method,
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )
