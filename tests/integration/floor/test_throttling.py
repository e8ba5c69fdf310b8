from typing import Any

import pytest
from django.core.cache import caches
from pytest_django import Settings
from redis import Redis
from rest_framework.test import APIClient

from devnet.processes import free_port
from orchestrator.clients.models import Scope
from orchestrator.clients.services import create_client
from orchestrator.http import throttling
from orchestrator.kernel.circuit import Circuit
from tests.integration.floor.conftest import body, caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.floor.api")]

MINUTE = 60
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def limits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests each, nothing counted yet, and a clock that stands at a window's begin."""
    settings.REQUESTS_PER_MINUTE = {"client": 2, "address": 2}
    Redis.from_url(settings.REDIS_URL).flushdb()
    caches["process"].clear()
    set_clock(monkeypatch, 0)


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("orchestrator.http.throttling.time.time", lambda: 1_000 * MINUTE + seconds)


def get(api: APIClient, address: str = HERE, **extra: Any) -> Any:
    return api.get("/api/sessions/7", REMOTE_ADDR=address, **extra)


def statuses(api: APIClient, addresses: list[str], **extra: Any) -> list[int]:
    return [get(api, address, **extra).status_code for address in addresses]


def test_a_client_that_asks_too_often_is_told_until_when_to_wait(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert statuses(api, [HERE, THERE]) == [200, 200]
    set_clock(monkeypatch, 45)
    response = get(api)
    assert (response.status_code, body(response)["code"]) == (429, "too_many_requests")
    assert response["Retry-After"] == "15"
    set_clock(monkeypatch, 60)
    assert get(api).status_code == 200


def test_each_client_has_its_own_count(api: APIClient) -> None:
    other = caller(HTTP_X_API_KEY=create_client(name="b", scopes=[Scope.READ])[1])
    statuses(api, [HERE] * 3)
    assert get(other).status_code == 200


def test_claiming_another_key_at_each_try_does_not_help() -> None:
    tries = [caller(HTTP_X_API_KEY=f"made up {number}") for number in range(3)]
    assert [get(one).status_code for one in tries] == [401, 401, 429]
    assert get(tries[0], THERE).status_code == 401


def test_who_shows_no_key_is_counted_too() -> None:
    assert statuses(caller(), [HERE] * 3) == [401, 401, 429]
    assert get(caller(), THERE).status_code == 401


def test_a_claimed_forwarding_counts_only_behind_a_proxy_of_ours() -> None:
    wrong = caller(HTTP_X_API_KEY="x")
    claims = [{"HTTP_X_FORWARDED_FOR": f"198.51.100.{number}"} for number in range(3)]
    assert [get(wrong, **claim).status_code for claim in claims] == [401, 401, 429]


def test_addresses_of_one_ipv6_network_count_together() -> None:
    wrong = caller(HTTP_X_API_KEY="x")
    network = [f"2001:db8:0:1::{number}" for number in (1, 2, 3)]
    assert statuses(wrong, network) == [401, 401, 429]
    assert get(wrong, "2001:db8:0:2::1").status_code == 401


def test_processes_count_together(api: APIClient, settings: Settings) -> None:
    statuses(api, [HERE] * 2)
    (key,) = Redis.from_url(settings.REDIS_URL).keys("requests:client:*")
    assert Redis.from_url(settings.REDIS_URL).get(key) == b"2"


def test_a_count_is_dropped_after_its_window(api: APIClient, settings: Settings) -> None:
    get(api)
    (key,) = Redis.from_url(settings.REDIS_URL).keys("requests:client:*")
    assert 0 < Redis.from_url(settings.REDIS_URL).ttl(key) <= 2 * MINUTE


def test_without_redis_a_process_counts_for_itself(
    api: APIClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Redis(port=free_port(), **settings.REDIS_OPTIONS)
    monkeypatch.setattr(throttling, "_redis", lost)
    monkeypatch.setattr(throttling, "_circuit", Circuit(pause=1))
    assert statuses(api, [HERE] * 3) == [200, 200, 429]
