import pytest
from django.test import Client
from pytest_django import Settings

from orchestrator.http.headers import POLICY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Security-Policy", POLICY),
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ],
)
def test_every_page_bounds_what_a_browser_does(name: str, value: str) -> None:
    assert Client().get("/api/v1/nothing")[name] == value


def test_another_origin_is_not_let_in_unless_it_is_configured() -> None:
    response = Client().options(
        "/api/v1/auth/token",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert "Access-Control-Allow-Origin" not in response


def test_a_configured_origin_is_let_in(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    response = Client().options(
        "/api/v1/auth/token",
        headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"},
    )
    assert response["Access-Control-Allow-Origin"] == "https://app.example"
