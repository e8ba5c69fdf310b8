"""What is wrong around a body: ids, keys, scopes, methods, queries. One clear error; no change."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from orchestrator.clients.models import ApiClient, ApiKey, Scope
from orchestrator.clients.services import create_client, issue_key, revoke_keys
from tests.integration.doors.calls import create_session, get, post, quote, session_fields
from tests.integration.doors.refusals import assert_refused, nothing_changes
from tests.integration.doors.test_schema import generate
from tests.integration.floor.conftest import body, caller
from tests.integration.sessions.world import World


class Call(NamedTuple):
    """One operation of the API, with the path that it has in the schema."""

    method: str
    path: str

    def send(self, api: APIClient, **ids: str) -> Any:
        body = json.dumps({"secret": "0x" + "5e" * 32}) if self.path.endswith("/secret") else ""
        return api.generic(self.method, self.path.format(**ids), body, "application/json")


def calls() -> Iterator[Call]:
    """Every operation of the schema."""
    for path, methods in generate()["paths"].items():
        for method in methods:
            yield Call(method.upper(), path)


CALLS = list(calls())
ON_A_SESSION = [call for call in CALLS if "{session_id}" in call.path]
ON_AN_ID = [*ON_A_SESSION, *(call for call in CALLS if "{quote_id}" in call.path)]
WRITES = [call for call in CALLS if call.method == "POST" and "token" not in call.path]
NO_IDS = ["7", "x" * 300, str(uuid4()).upper(), uuid4().hex, "%00", "%2e%2e", "%E2%82%AC", "-1"]


@pytest.fixture
def ids(api: APIClient) -> dict[str, str]:
    """Of a session that there is, and of its quote."""
    session = create_session(api)
    return {"session_id": session["sessionId"], "quote_id": session["quoteId"]}


def refuse(call: Call, api: APIClient, status: int, code: str, **ids: str) -> dict[str, Any]:
    """The answer of a call that has this end and changes nothing."""
    with nothing_changes():
        response = call.send(api, **ids)
        answer = body(response)
    assert (response.status_code, answer["code"]) == (status, code), (call, answer)
    assert response["Content-Type"] == "application/problem+json"
    return answer


def test_an_id_that_is_none_leads_nowhere(api: APIClient, ids: dict[str, str]) -> None:
    for call in ON_AN_ID:
        for wrong in NO_IDS:
            answer = refuse(call, api, 404, "not_found", session_id=wrong, quote_id=wrong)
            assert_refused(answer, "not_found", None, "/api/v1/")


def test_an_unknown_id_and_anothers_are_refused_alike(
    api: APIClient, stranger: APIClient, ids: dict[str, str]
) -> None:
    unknown = dict.fromkeys(ids, str(uuid4()))
    for call in ON_AN_ID:
        name = "session_id" if call in ON_A_SESSION else "quote_id"
        code = name.replace("_id", "_not_found")
        theirs = refuse(call, stranger, 404, code, **ids)
        nobodys = refuse(call, api, 404, code, **unknown)
        assert ids[name] in theirs["detail"]
        assert str(theirs).replace(ids[name], unknown[name]) == str(nobodys)


def wrong_credentials(key: str, world: World) -> Iterator[dict[str, str]]:
    """Headers that prove nobody."""
    yield {}
    for text in (
        "",
        "x",
        "1b_",
        "1b_0123456789abcdef_" + "A" * 43,
        key[:-1],
        f"{key} ",
        "x" * 9000,
    ):
        yield {"HTTP_X_API_KEY": text}
    for text in ("", "Bearer", "Bearer x.y.z", "Basic dTpw", key, f"Bearer {key}"):
        yield {"HTTP_AUTHORIZATION": text}
    revoked = issue_key(world.client)
    revoke_keys([revoked.split("_")[1]])
    yield {"HTTP_X_API_KEY": revoked}
    _, switched_off = create_client(name="off", scopes=[Scope.READ, Scope.WRITE])
    ApiClient.objects.filter(name="off").update(is_active=False)
    yield {"HTTP_X_API_KEY": switched_off}


def test_who_proves_nobody_may_nothing(key: str, world: World, ids: dict[str, str]) -> None:
    for headers in list(wrong_credentials(key, world)):
        for call in CALLS:
            answer = refuse(call, caller(**headers), 401, "unauthenticated", **ids)
            assert key not in str(answer)
            assert_refused(answer, "unauthenticated", None)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
def test_a_scope_opens_its_own_calls_alone(world: World, ids: dict[str, str], scope: Scope) -> None:
    narrow = caller(HTTP_X_API_KEY=create_client(name="narrow", scopes=[scope])[1])
    for call in CALLS:
        needed = Scope.READ if call.method == "GET" else Scope.WRITE
        if needed is not scope and "token" not in call.path:
            answer = refuse(call, narrow, 403, "forbidden", **ids)
            assert_refused(answer, "forbidden", None, f"`{needed.value}`")


def test_a_token_of_a_client_that_was_switched_off_opens_nothing(
    api: APIClient, world: World, ids: dict[str, str]
) -> None:
    token = post(api, "/auth/token")["accessToken"]
    ApiClient.objects.filter(pk=world.client.pk).update(is_active=False)
    for call in CALLS:
        bearer = caller(HTTP_AUTHORIZATION=f"Bearer {token}")
        refuse(call, bearer, 401, "unauthenticated", **ids)
    assert ApiKey.objects.filter(client=world.client).exists()


def test_a_method_that_a_url_does_not_take_is_refused(api: APIClient, ids: dict[str, str]) -> None:
    for path in {call.path for call in CALLS}:
        taken = {call.method for call in CALLS if call.path == path} | {"OPTIONS", "HEAD"}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - taken:
            answer = refuse(Call(method, path), api, 405, "method_not_allowed", **ids)
            assert_refused(answer, "method_not_allowed", None, method)


BAD_KEYS = ["", " ", "a b", "x" * 129, "\u00e9", "tab\t", "new\u0085line"]


@pytest.fixture
def bodies(api: APIClient, ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What each write takes, by its path."""
    fields = session_fields(quote(api)["quoteId"])
    return {
        "/api/v1/quote": {"routeId": "x", "amount": "1"},
        "/api/v1/sessions": fields,
        "/api/v1/sessions/{session_id}/secret": {"secret": "0x" + "5e" * 32},
    }


def test_a_wrong_idempotency_key_is_refused(
    api: APIClient, ids: dict[str, str], bodies: dict[str, dict[str, Any]]
) -> None:
    for call in WRITES:
        path = call.path.format(**ids).removeprefix("/api/v1")
        for key in BAD_KEYS:
            with nothing_changes():
                answer = post(api, path, bodies.get(call.path, {}), 400, key=key)
                assert_refused(answer, "invalid_input", "Idempotency-Key", repr(key[:20])[1:-1])


def test_a_used_idempotency_key_stands_for_its_request_alone(
    api: APIClient, ids: dict[str, str], bodies: dict[str, dict[str, Any]]
) -> None:
    fields = bodies["/api/v1/sessions"]
    post(api, "/sessions", fields, 201, key="once")
    session_path = f"/sessions/{ids['session_id']}"
    for path, sent in [
        ("/sessions", {**fields, "makerSourceAccount": "stranger"}),
        ("/sessions", {**fields, "secretMode": "maker"}),
        ("/quote", {"routeId": "x", "amount": "1"}),
        (f"{session_path}/execute", {}),
        (f"{session_path}/cancel", {}),
    ]:
        with nothing_changes():
            answer = post(api, path, sent, 422, key="once")
            assert_refused(answer, "idempotency_key_reused", None, "once")


BAD_NUMBERS = ["x", "", "1.0", "1e2", "-1", "%2B5", " 5", "9" * 30, "\u0663", "0x5", "null", "%00"]
BAD_CURSORS = ["", "x", "e30", "\u00e9", "A" * 300, "MjAyNi0wMS0wMSB4", "%00", "=", "a b"]


def queries() -> Iterator[tuple[str, str, str, str]]:
    """Path, parameter, value and code."""
    for value in [*BAD_NUMBERS, "0", "201", "0000"]:
        yield "/sessions", "limit", value, "invalid_input"
    for value in BAD_CURSORS:
        yield "/sessions", "cursor", value, "invalid_cursor"
    for value in [*BAD_NUMBERS, "2147483648", "00000000001"]:
        yield "/sessions/{session_id}/events", "after", value, "invalid_input"


def test_a_wrong_query_parameter_is_named(api: APIClient, ids: dict[str, str]) -> None:
    for path, name, value, code in queries():
        with nothing_changes():
            answer = get(api, f"{path.format(**ids)}?{name}={value}", 400)
            shown = value[:60] if value.isascii() and "%" not in value else ""
            assert_refused(answer, code, name, shown)


def test_a_query_parameter_given_twice_is_refused(api: APIClient, ids: dict[str, str]) -> None:
    for path, name in (("/sessions", "limit"), ("/sessions", "cursor")):
        answer = get(api, f"{path}?{name}=1&{name}=2", 400)
        assert_refused(answer, "invalid_input", name, "2 times")
    answer = get(api, f"/sessions/{ids['session_id']}/events?after=1&after=2", 400)
    assert_refused(answer, "invalid_input", "after", "2 times")
