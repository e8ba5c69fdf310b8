import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.integration.floor.conftest import body, caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integration.floor.api")]

TOO_DEEP = b"[" * 60_000


def facts(response: Any) -> tuple[int, str, str]:
    parsed = body(response)
    assert response["Content-Type"] == "application/problem+json"
    assert set(parsed) == {"type", "title", "status", "code", "detail", "errors"}
    assert parsed["status"] == response.status_code
    return response.status_code, parsed["code"], parsed["detail"]


@pytest.mark.parametrize(
    ("name", "status", "code", "detail"),
    [
        ("invalid", 400, "invalid_input", "amount 0 is below the limit 10"),
        ("missing", 404, "not_found", "there is no session 7"),
        ("conflict", 409, "conflict", "cancel is too late: money returns at 12:00"),
        ("unavailable", 503, "unavailable", "BASE does not answer: try again"),
    ],
)
def test_an_error_of_ours_says_what_to_do(
    api: APIClient, name: str, status: int, code: str, detail: str
) -> None:
    assert facts(api.get(f"/api/raise/{name}")) == (status, code, detail)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("internal", 500, "internal_error"),
        ("unexpected", 500, "internal_error"),
        ("database", 503, "unavailable"),
        ("http404", 404, "not_found"),
        ("denied", 403, "forbidden"),
    ],
)
def test_what_is_not_for_the_caller_is_not_shown(
    api: APIClient, name: str, status: int, code: str
) -> None:
    response = api.get(f"/api/raise/{name}")
    assert facts(response)[:2] == (status, code)
    for hidden in ("row 9", "the inside", "10.0.0.1", "third party", "Traceback", "Zero"):
        assert hidden not in response.content.decode()


def test_a_dependency_that_is_away_says_when_to_come_again(api: APIClient) -> None:
    assert api.get("/api/raise/database")["Retry-After"] == "1"


def test_an_error_of_ours_names_its_field(api: APIClient) -> None:
    assert body(api.get("/api/raise/invalid"))["errors"] == [
        {"field": "amount", "code": "invalid_input", "detail": "amount 0 is below the limit 10"}
    ]


def test_each_bad_field_has_one_entry_by_its_path(api: APIClient) -> None:
    sent = {"note": "too long", "legs": [{"chain": "base", "amount": 1}, {"chain": "x"}]}
    response = api.post("/api/validate", sent, format="json")
    assert facts(response)[:2] == (400, "invalid_input")
    entries = [(error["field"], error["code"]) for error in body(response)["errors"]]
    assert entries == [
        ("note", "max_length"),
        ("legs.1.chain", "invalid_choice"),
        ("legs.1.amount", "required"),
    ]


def test_a_body_that_is_no_object_is_one_entry(api: APIClient) -> None:
    response = api.post("/api/validate", [1], format="json")
    assert [error["field"] for error in body(response)["errors"]] == ["body"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "invalid_input"),
        (b"{", 400, "malformed_request"),
        (b'{"note": NaN}', 400, "malformed_request"),
        (b"\xff\xfe", 400, "malformed_request"),
        (b'{"note": "\\u0000"}', 400, "invalid_input"),
        (b'{"note": "\\ud800"}', 400, "invalid_input"),
        (b'{"legs": [{"amount": ' + b"9" * 5000 + b"}]}", 400, "malformed_request"),
        (TOO_DEEP, 400, "malformed_request"),
        (json.dumps({"note": "x" * 70_000}).encode(), 413, "too_large"),
    ],
)
def test_garbage_is_refused_in_our_words(
    api: APIClient, content: Any, status: int, code: str
) -> None:
    response = api.generic("POST", "/api/validate", content, content_type="application/json")
    assert facts(response)[:2] == (status, code)
    assert "JSONDecode" not in response.content.decode()


def test_other_media_types_are_refused(api: APIClient) -> None:
    response = api.generic("POST", "/api/validate", "a=1", "application/x-www-form-urlencoded")
    assert facts(response)[:2] == (415, "unsupported_media_type")


def test_other_answers_are_not_to_be_had(api: APIClient) -> None:
    response = api.get("/api/raise/missing", HTTP_ACCEPT="text/html")
    assert facts(response)[:2] == (406, "not_acceptable")


def test_other_methods_are_refused(api: APIClient) -> None:
    assert facts(api.delete("/api/validate"))[:2] == (405, "method_not_allowed")


def test_a_url_that_leads_nowhere_is_a_problem_too() -> None:
    assert facts(caller().get("/api/v1/nothing"))[:2] == (404, "not_found")


def test_a_foreign_host_is_a_problem_too() -> None:
    response = caller().get("/api/raise/missing", HTTP_HOST="evil.example")
    assert facts(response)[:2] == (400, "malformed_request")


def test_who_does_not_say_who_he_is_gets_401_and_how() -> None:
    response = caller().get("/api/raise/missing")
    assert facts(response)[:2] == (401, "unauthenticated")
    assert response["WWW-Authenticate"] == "X-API-Key"
