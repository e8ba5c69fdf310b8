"""The admin's login cannot be guessed at."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings
from redis import Redis

pytestmark = pytest.mark.django_db

LOGIN, HERE, THERE = "/admin/login/", "192.0.2.1", "192.0.2.2"


@pytest.fixture(autouse=True)
def _limits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tries, none counted yet, in one window."""
    settings.REQUESTS_PER_MINUTE = settings.REQUESTS_PER_MINUTE | {"login": 2}
    Redis.from_url(settings.REDIS_URL).flushdb()
    caches["process"].clear()
    monkeypatch.setattr("orchestrator.http.throttling.time.time", lambda: 60_000)
    User.objects.create_superuser("ada", password="right")


def log_in(client: Client, password: str, address: str = HERE) -> int:
    sent = {"username": "ada", "password": password}
    return client.post(LOGIN, sent, REMOTE_ADDR=address).status_code


def test_an_address_has_a_few_tries_a_minute(client: Client) -> None:
    assert [log_in(client, "wrong") for _ in range(2)] == [200, 200]
    refused = client.post(LOGIN, {"username": "ada", "password": "right"}, REMOTE_ADDR=HERE)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert refused.content == b"too many logins from your address: wait 60 s\n"
    assert client.get(LOGIN, REMOTE_ADDR=HERE).status_code == 200  # looking is no try
    assert log_in(client, "right", THERE) == 302


def test_a_failure_is_in_the_log_without_what_was_typed(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(client, "hunter2")
    (line,) = [each for each in caplog.messages if "staff_login_failed" in each]
    assert HERE in line
    assert "hunter2" not in caplog.text
    assert "ada" not in line
