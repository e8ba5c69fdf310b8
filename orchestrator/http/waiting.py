"""How long a request waits for the chains' nodes."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from orchestrator.kernel.patience import wait_at_most

NODE_SECONDS: Final = 1.0  # in all


class PatienceMiddleware:
    """Bounds it: few threads serve everybody, and a node that hangs would hold them all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with wait_at_most(NODE_SECONDS):
            return self._get_response(request)
