"""Who may see and do what: another's session and no session are the same."""

import pytest
from rest_framework.test import APIClient

from orchestrator.clients.models import Scope
from orchestrator.clients.services import create_client
from sessions_app.models import Session
from tests.integration.doors.calls import create_session, get, post, quote, session_fields
from tests.integration.floor.conftest import body, caller
from tests.integration.sessions.world import World

NOBODYS_ID = "5b2f1c1e-8a0d-4c5e-9d0b-2f6a7c3e4d5f"
READS = ["", "/events", "/exit-kit"]
WRITES = ["/execute", "/cancel"]


@pytest.mark.parametrize("path", READS)
def test_anothers_session_reads_like_none(api: APIClient, stranger: APIClient, path: str) -> None:
    theirs, none = create_session(api)["sessionId"], NOBODYS_ID
    refused = get(stranger, f"/sessions/{theirs}{path}", 404)
    missing = get(stranger, f"/sessions/{none}{path}", 404)
    assert refused["detail"].replace(theirs, none) == missing.pop("detail")
    del refused["detail"]
    assert refused == missing


@pytest.mark.parametrize("path", WRITES)
def test_anothers_session_is_not_changed(api: APIClient, stranger: APIClient, path: str) -> None:
    theirs = create_session(api)["sessionId"]
    assert post(stranger, f"/sessions/{theirs}{path}", status=404)["code"] == "session_not_found"
    missing = post(stranger, f"/sessions/{NOBODYS_ID}{path}", status=404)
    assert missing["code"] == "session_not_found"
    assert Session.objects.get().version == 1


def test_anothers_sessions_are_not_listed(api: APIClient, stranger: APIClient) -> None:
    create_session(api)
    assert get(stranger, "/sessions") == {"items": [], "nextCursor": None}


def test_anothers_quote_is_not_seen_and_not_taken(api: APIClient, stranger: APIClient) -> None:
    theirs = quote(api)["quoteId"]
    assert get(stranger, f"/quote/{theirs}", 404)["code"] == "quote_not_found"
    refused = post(stranger, "/sessions", session_fields(theirs), 404)
    assert refused["code"] == "quote_not_found"
    assert not Session.objects.exists()


@pytest.mark.parametrize("scopes", [[Scope.READ], [Scope.WRITE]])
def test_a_scope_is_not_another(world: World, scopes: list[Scope]) -> None:
    _, key = create_client(name="narrow", scopes=scopes)
    narrow = caller(HTTP_X_API_KEY=key)
    reads, writes = (200, 403) if scopes == [Scope.READ] else (403, 400)
    get(narrow, "/sessions", reads)
    get(narrow, "/routes", reads)
    post(narrow, "/quote", {}, writes)
    post(narrow, "/sessions", {}, writes)


@pytest.mark.parametrize(
    "path", ["/routes", "/sessions", f"/sessions/{NOBODYS_ID}", f"/quote/{NOBODYS_ID}"]
)
def test_nobody_in_particular_reads_nothing(world: World, path: str) -> None:
    response = caller().get("/api/v1" + path)
    assert (response.status_code, body(response)["code"]) == (401, "unauthenticated")


def test_a_token_reads_as_its_key_does(api: APIClient, world: World) -> None:
    session = create_session(api)
    token = post(api, "/auth/token")["accessToken"]
    bearer = caller(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert get(bearer, f"/sessions/{session['sessionId']}") == session
