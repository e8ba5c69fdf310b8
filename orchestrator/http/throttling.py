"""How much each caller may ask: per minute, counted in Redis for all processes together.

A caller is the API client that proved itself, else the address: never what a header merely claims.
Without Redis each process goes on counting for itself: looser by the number of processes, but
neither open to a flood nor closed to everybody.
"""

import ipaddress
import math
import time
from typing import Final, cast

import structlog
from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from redis import Redis
from redis.exceptions import RedisError
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    Throttled,
)
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from orchestrator.clients.models import ApiClient
from orchestrator.kernel.circuit import Circuit

WINDOW_SECONDS: Final = 60

log = structlog.get_logger(__name__)

_redis = Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS)
_circuit = Circuit(pause=1)


class RequestThrottle(BaseThrottle):
    """Counts in fixed windows of a minute."""

    def allow_request(self, request: Request, _view: object) -> bool:
        if isinstance(request.user, ApiClient):
            return _is_within("client", str(request.user.pk))
        return is_address_within("address", request)

    def wait(self) -> float:
        return seconds_to_wait()


def count_refusal(error: APIException, request: Request) -> APIException:
    """A wrong key, or none, counts as a request of its address, which then may ask no more: the
    new error.

    DRF asks who calls, and what he may, before it asks how often.
    """
    if not isinstance(error, AuthenticationFailed | NotAuthenticated):
        return error
    return error if is_address_within("address", request) else Throttled(seconds_to_wait())


def seconds_to_wait() -> int:
    """Until the next window."""
    return math.ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)


def is_address_within(kind: str, request: Request | HttpRequest) -> bool:
    """Count a request of this kind for the address it came from; whether that may still ask it."""
    return _is_within(kind, network(request))


def network(request: Request | HttpRequest) -> str:
    """Where it came from, as it is counted: an IPv4 address, or an IPv6 /64."""
    return _network(BaseThrottle().get_ident(cast(Request, request)))


def _is_within(kind: str, name: str) -> bool:
    window = int(time.time()) // WINDOW_SECONDS
    return _count(f"requests:{kind}:{name}:{window}") <= settings.REQUESTS_PER_MINUTE[kind]


def _count(key: str) -> int:
    """One more under `key`; how many there are now."""
    if not _circuit.is_open:
        try:
            with _redis.pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, 2 * WINDOW_SECONDS)
                return cast(int, pipe.execute()[0])
        except RedisError as error:
            _circuit.fail()
            log.warning("throttle_counts_alone", reason=type(error).__name__)
    counters = caches["process"]
    counters.add(key, 0, timeout=2 * WINDOW_SECONDS)
    return counters.incr(key)


def _network(address: str) -> str:
    """An IPv4 address itself; of an IPv6 address its /64, which one subscriber has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
