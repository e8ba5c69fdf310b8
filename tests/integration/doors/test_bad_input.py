"""Each field of each call wrong in each way: one clear error for it, and nothing changed."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from auctions_app.models import Quote
from orchestrator.http.models import StoredAnswer
from sessions_app.models import Session
from tests.integration.doors.calls import create_session, get, post, quote, session_fields
from tests.integration.floor.conftest import body
from tests.integration.sessions.world import AMOUNTS, THERE, World

MISSING = object()
NOT_TEXT: list[Any] = [None, 7, 1.5, True, [], {}, ["x"]]
BAD_TEXT: list[Any] = [MISSING, *NOT_TEXT, "", "x" * 129, "nul\x00", "\ud800"]
BAD_AMOUNTS = ["0", "-1", "+1", "1.0", "1e18", " 1", "1 ", "01", "0x1", "1_000", "\u0661", "1" * 79]
BAD_IDS = [
    *BAD_TEXT, "7", "not-a-uuid", "urn:uuid:" + str(uuid4()), uuid4().hex, str(uuid4()).upper()
]  # fmt: skip


def changed(fields: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The fields with one of them wrong."""
    others = {each: good for each, good in fields.items() if each != name}
    return others if value is MISSING else {**others, name: value}


def wrong(answer: dict[str, Any]) -> list[str]:
    """The fields that an error names; each has words of its own."""
    assert all(error["detail"] and error["code"] for error in answer["errors"])
    return [error["field"] for error in answer["errors"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("routeId", value) for value in [*BAD_TEXT, "base:COIN->base:COIN", THERE + " "]),
        *(("amount", value) for value in [*BAD_TEXT, *BAD_AMOUNTS]),
        *(("amount", str(value)) for value in (1, AMOUNTS[THERE] // 100 - 1, 10**20, 2**256 - 1)),
        *(("amount", str(value)) for value in (2**256, 10**78)),
        ("Amount", "1"),
    ],
)
def test_a_wrong_field_of_a_quote_is_named(api: APIClient, field: str, value: Any) -> None:
    fields = {"routeId": THERE, "amount": str(AMOUNTS[THERE])}
    assert wrong(post(api, "/quote", changed(fields, field, value), 400)) == [field]
    assert not Quote.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("quoteId", value) for value in BAD_IDS),
        *(("makerSourceAccount", value) for value in [*BAD_TEXT, "No Such", "nobody"]),
        *(("makerDestinationAccount", value) for value in [*BAD_TEXT, "No Such", "nobody"]),
        *(("secretMode", value) for value in [*NOT_TEXT, "", "Service", "other", "maker"]),
        ("secret", "0x" + "11" * 32),
        ("hashlock", "0x" + "11" * 32),
    ],
)
def test_a_wrong_field_of_a_session_is_named(api: APIClient, field: str, value: Any) -> None:
    fields = session_fields(quote(api)["quoteId"])
    assert wrong(post(api, "/sessions", changed(fields, field, value), 400)) == [field]
    assert not Session.objects.exists()
    assert Quote.objects.get().bound_to is None


def test_all_wrong_fields_are_named_at_once(api: APIClient) -> None:
    sent = {"quoteId": 7, "makerSourceAccount": "", "secretMode": "x"}
    named = wrong(post(api, "/sessions", sent, 400))
    assert named == ["quoteId", "makerSourceAccount", "makerDestinationAccount", "secretMode"]


def test_a_session_on_an_unknown_quote_is_refused(api: APIClient) -> None:
    refused = post(api, "/sessions", session_fields(str(uuid4())), 404)
    assert refused["code"] == "quote_not_found"


def test_a_session_on_an_expired_quote_is_refused(api: APIClient, world: World) -> None:
    fields = session_fields(quote(api)["quoteId"])
    world.clock.now += 30
    assert post(api, "/sessions", fields, 409)["code"] == "quote_expired"
    assert not Session.objects.exists()


@pytest.mark.parametrize("path", ["/quote", "/sessions"])
@pytest.mark.parametrize("sent", [[], "text", 7, True, None])
def test_a_body_that_is_no_object_is_refused(api: APIClient, path: str, sent: Any) -> None:
    post(api, path, sent, 400)


@pytest.mark.parametrize("path", ["/quote", "/sessions"])
@pytest.mark.parametrize("sent", ["", "{", "nonsense", '{"a": NaN}', "\xff", "[" * 5000])
def test_a_body_that_is_no_json_is_refused(api: APIClient, path: str, sent: str) -> None:
    response = api.post("/api/v1" + path, sent.encode("latin-1"), content_type="application/json")
    assert response.status_code == 400, body(response)


@pytest.mark.parametrize("action", ["execute", "cancel"])
@pytest.mark.parametrize("sent", [{"secret": "0x11"}, [1], "text", 7])
def test_an_action_takes_no_body(api: APIClient, action: str, sent: Any) -> None:
    session_id = create_session(api)["sessionId"]
    post(api, f"/sessions/{session_id}/{action}", sent, 400)
    assert get(api, f"/sessions/{session_id}")["seq"] == 1


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "1.0", "9" * 30, "\u0663"])
def test_a_wrong_limit_is_named(api: APIClient, limit: str) -> None:
    assert wrong(get(api, f"/sessions?limit={limit}", 400)) == ["limit"]


@pytest.mark.parametrize("cursor", ["", "x", "e30", "\u00e9", "A" * 300, "MjAyNi0wMS0wMSB4"])
def test_a_wrong_cursor_is_named(api: APIClient, cursor: str) -> None:
    assert wrong(get(api, f"/sessions?cursor={cursor}", 400)) == ["cursor"]


@pytest.mark.parametrize("after", ["-1", "x", "", "1.5", "2147483648", "9" * 30, "0000000000001"])
def test_a_wrong_after_is_named(api: APIClient, after: str) -> None:
    session_id = create_session(api)["sessionId"]
    assert wrong(get(api, f"/sessions/{session_id}/events?after={after}", 400)) == ["after"]


@pytest.mark.parametrize("session_id", ["7", "x" * 300, str(uuid4()).upper(), uuid4().hex, "%00"])
def test_a_malformed_id_is_not_found(api: APIClient, session_id: str) -> None:
    for path in ("", "/events"):
        assert get(api, f"/sessions/{session_id}{path}", 404)["code"] == "not_found"
    assert get(api, f"/quote/{session_id}", 404)["code"] == "not_found"


def test_a_chain_that_does_not_answer_is_said_so(api: APIClient, world: World) -> None:
    fields = session_fields(quote(api)["quoteId"])
    world.chains["near"].is_unreachable = True
    refused = post(api, "/sessions", fields, 503, key="once")
    assert (refused["code"], refused["detail"]) == (
        "unavailable",
        "near does not answer: try again",
    )
    assert not Session.objects.exists()
    assert not StoredAnswer.objects.exists()
    world.chains["near"].is_unreachable = False
    post(api, "/sessions", fields, 201, key="once")
