"""The admin's login: so many tries a minute for an address, and each failure in the log."""

from typing import Any

import structlog
from django.contrib import admin
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from orchestrator.http.throttling import is_address_within, network, seconds_to_wait

log = structlog.get_logger(__name__)


def staff_login(request: HttpRequest) -> HttpResponse:
    """Django's page, unless this address has tried too often: then 429, with `Retry-After`."""
    if request.method != "POST" or is_address_within("login", request):
        return admin.site.login(request)
    seconds = seconds_to_wait()
    return HttpResponse(
        f"too many logins from your address: wait {seconds} s\n",
        status=429,
        content_type="text/plain",
        headers={"Retry-After": str(seconds)},
    )


@receiver(user_login_failed)
def log_failure(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Where from; the name that was given may be a password typed into the wrong field."""
    log.warning("staff_login_failed", address=None if request is None else network(request))
