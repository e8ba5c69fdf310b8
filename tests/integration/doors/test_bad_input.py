"""Each field of each body wrong in each way: one clear error for it, and nothing changed."""

import json
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from orchestrator.http.models import StoredAnswer
from sessions_app.models import Session
from tests.integration.doors.calls import (
    create_session,
    get,
    post,
    quote,
    quote_fields,
    session_fields,
)
from tests.integration.doors.refusals import assert_refused, nothing_changes
from tests.integration.floor.conftest import body
from tests.integration.sessions.world import AMOUNTS, BACK, MAKER, THERE, World

MISSING = object()
NO_TEXT: list[Any] = [7, 0, -1, 1.5, 1e30, 10**40, True, False, [], {}, ["x"], {"a": 1}]
NO_NAME = [*NO_TEXT, "", " ", "x" * 129, "nul\x00", "\ud800", "a b", "\u0661", "\u200b", "tab\t"]
NO_AMOUNT = [
    *NO_NAME, "-1", "+1", "1.0", "1.", ".5", "1e18", "1E18", " 1", "1 ", "01", "0x1", "1_000",
    "1,000", "\uff11", "1" * 79, "NaN", "Infinity", "0", "00", "-0", str(2**256), str(10**78),
]  # fmt: skip
NO_ID = [
    *NO_NAME, "7", "not-a-uuid", f"urn:uuid:{uuid4()}", f"{{{uuid4()}}}", uuid4().hex,
    str(uuid4()).upper(), str(uuid4())[:-1], f"{uuid4()}0",
]  # fmt: skip
NO_MODE = [*NO_TEXT, "", "Service", "SERVICE", " service", "other", "x" * 200, "\ud800"]
NO_HASH = [
    *NO_NAME, "ab" * 32, "0x", "0x" + "ab" * 31, "0x" + "ab" * 33, "0x" + "AB" * 32,
    "0X" + "ab" * 32, "0x" + "g" * 64, "0x" + "ab" * 31 + "a", " 0x" + "ab" * 32,
]  # fmt: skip
LIMITS = AMOUNTS[THERE] // 100, AMOUNTS[THERE] * 100

# field, the code of what is wrong in form, wrong values of that code; then others, each with its
# code: in form, but naming nothing that there is
QUOTE: list[tuple[str, str, list[Any], dict[str, str]]] = [
    (
        "routeId", "invalid", NO_NAME,
        dict.fromkeys([THERE.lower(), "base:COIN->base:COIN", THERE[:-1], "x"], "unknown_route"),
    ),
    (
        "amount", "invalid_amount", NO_AMOUNT,
        dict.fromkeys(
            map(str, (1, LIMITS[0] - 1, LIMITS[1] + 1, AMOUNTS[BACK], 2**256 - 1)),
            "amount_out_of_limits",
        ),
    ),
]  # fmt: skip
NO_ACCOUNT = dict.fromkeys(["No-Such", "nobody", MAKER.title(), f"{MAKER}\\"], "invalid_account")
SESSION: list[tuple[str, str, list[Any], dict[str, str]]] = [
    ("quoteId", "invalid", NO_ID, {}),
    ("makerSourceAccount", "invalid", NO_NAME, NO_ACCOUNT),
    ("makerDestinationAccount", "invalid", NO_NAME, NO_ACCOUNT),
    ("secretMode", "invalid_choice", NO_MODE, {}),
    ("hashlock", "invalid", NO_HASH, {}),
]


OPTIONAL = {"secretMode", "hashlock"}


def wrong_values(
    code: str, out_of_form: list[Any], nameless: dict[str, str], *, is_required: bool
) -> list[tuple[Any, str]]:
    """Each with the code that it is refused with."""
    return [
        *([(MISSING, "required")] if is_required else []),
        (None, "null"),
        *((value, code) for value in out_of_form),
        *nameless.items(),
    ]


def changed(fields: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The fields with one of them wrong."""
    others = {each: good for each, good in fields.items() if each != name}
    return others if value is MISSING else {**others, name: value}


def repeated(value: Any) -> str:
    """What an error must repeat of a wrong value."""
    if value is MISSING or value is None:
        return ""
    return json.dumps(value).strip('"')[:60].rstrip("\\")


def refuse_each(
    api: APIClient, path: str, fields: dict[str, Any], name: str, wrong: list[tuple[Any, str]]
) -> None:
    for value, code in wrong:
        with nothing_changes():
            answer = post(api, path, changed(fields, name, value), 400)
            assert_refused(answer, code, name, repeated(value))


@pytest.mark.parametrize(("name", "code", "out_of_form", "nameless"), QUOTE)
def test_each_wrong_value_of_a_quotes_field_is_refused(
    api: APIClient, name: str, code: str, out_of_form: list[Any], nameless: dict[str, str]
) -> None:
    wrong = wrong_values(code, out_of_form, nameless, is_required=True)
    refuse_each(api, "/quote", quote_fields(), name, wrong)


@pytest.mark.parametrize(("name", "code", "out_of_form", "nameless"), SESSION)
def test_each_wrong_value_of_a_sessions_field_is_refused(
    api: APIClient, name: str, code: str, out_of_form: list[Any], nameless: dict[str, str]
) -> None:
    wrong = wrong_values(code, out_of_form, nameless, is_required=name not in OPTIONAL)
    refuse_each(api, "/sessions", session_fields(quote(api)["quoteId"]), name, wrong)


def test_the_table_has_every_field(api: APIClient) -> None:
    assert {row[0] for row in QUOTE} == quote_fields().keys()
    assert {row[0] for row in SESSION} == session_fields("").keys() | {"hashlock"}


def test_all_wrong_fields_are_named_at_once(api: APIClient) -> None:
    sent = {"quoteId": 7, "makerSourceAccount": "", "secretMode": "x"}
    errors = post(api, "/sessions", sent, 400)["errors"]
    assert [error["field"] for error in errors] == [
        "quoteId", "makerSourceAccount", "makerDestinationAccount", "secretMode"
    ]  # fmt: skip


UNKNOWN = ["Amount", "secret", "hashLock", "", " amount", "\ud800", "a.b", "x" * 5000]


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_field_that_there_is_not_is_refused(api: APIClient, name: str) -> None:
    session = create_session(api)
    for path, fields in {
        "/quote": quote_fields(),
        "/sessions": session_fields(quote(api)["quoteId"]),
        f"/sessions/{session['sessionId']}/execute": {},
        f"/sessions/{session['sessionId']}/cancel": {},
    }.items():
        with nothing_changes():
            answer = post(api, path, {**fields, name: "1"}, 400)
            assert_refused(answer, "unknown_field", name[:80] or "body")


def test_ten_thousand_unknown_fields_are_answered_in_a_few_lines(api: APIClient) -> None:
    with nothing_changes():
        answer = post(api, "/quote", {str(number): 1 for number in range(6000)}, 400)
    assert (len(answer["errors"]), len(json.dumps(answer)) < 3000) == (10, True)


NO_JSON = [
    "{", "nonsense", "'a'", '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', "\xff", "{} {}",
    "[" * 5000, '{"a": 1,}', '{a: 1}', "\ufeff{}", '{"a": ' + "9" * 5000 + "}", "{} // x", "\x00",
]  # fmt: skip


def raw(api: APIClient, path: str, sent: Any, kind: str = "application/json") -> Any:
    return api.generic("POST", "/api/v1" + path, sent, content_type=kind)


@pytest.fixture
def writes(api: APIClient) -> dict[str, dict[str, str]]:
    """The path of each write, with a body that it takes."""
    session_id = create_session(api)["sessionId"]
    return {
        "/quote": quote_fields(),
        "/sessions": session_fields(quote(api)["quoteId"]),
        f"/sessions/{session_id}/execute": {},
        f"/sessions/{session_id}/cancel": {},
        "/auth/token": {},
    }


def test_what_is_no_json_is_refused(api: APIClient, writes: dict[str, Any]) -> None:
    for path in writes:
        for sent in NO_JSON:
            with nothing_changes():
                coding = "utf-8" if "\ufeff" in sent else "latin-1"
                response = raw(api, path, sent.encode(coding))
                assert response.status_code == 400, (path, sent[:20])
                assert_refused(body(response), "malformed_request", None)


@pytest.mark.parametrize("sent", [[1], "text", 7, 1.5, True, [[]]])
def test_a_body_that_is_no_object_is_refused(
    api: APIClient, writes: dict[str, Any], sent: Any
) -> None:
    for path in writes:
        with nothing_changes():
            answer = post(api, path, sent, 400)
            assert [error["field"] for error in answer["errors"]] == ["body"]


@pytest.mark.parametrize("sent", [b"", b"{}", b"null", b"[]"])
def test_an_empty_body_is_not_one_where_fields_are_needed(api: APIClient, sent: bytes) -> None:
    for path in ("/quote", "/sessions"):
        with nothing_changes():
            response = raw(api, path, sent)
            assert (response.status_code, body(response)["code"]) == (400, "invalid_input")
            assert body(response)["errors"]


def test_a_field_given_twice_is_refused(api: APIClient, writes: dict[str, Any]) -> None:
    for path, fields in writes.items():
        for name in [*fields, "x"]:
            twice = f'{{"{name}": "1", "{name}": "1"}}'
            with nothing_changes():
                response = raw(api, path, twice.encode())
                assert response.status_code == 400
                assert_refused(body(response), "duplicate_field", name, name)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/xml", "nonsense", "application/json2"],
)  # fmt: skip
def test_another_media_type_is_refused(api: APIClient, writes: dict[str, Any], kind: str) -> None:
    for path, fields in writes.items():
        with nothing_changes():
            response = raw(api, path, json.dumps(fields or {"a": 1}).encode(), kind)
            assert response.status_code == 415, path
            assert_refused(body(response), "unsupported_media_type", None, kind)


def test_a_body_that_is_too_large_is_refused(api: APIClient, writes: dict[str, Any]) -> None:
    for path, fields in writes.items():
        sent = json.dumps({**fields, "more": "x" * 70_000}).encode()
        with nothing_changes():
            response = raw(api, path, sent)
            assert response.status_code == 413, path
            assert_refused(body(response), "too_large", None, "64 KiB")


def test_a_session_on_an_unknown_quote_is_refused(api: APIClient) -> None:
    unknown = str(uuid4())
    with nothing_changes():
        answer = post(api, "/sessions", session_fields(unknown), 404)
        assert_refused(answer, "quote_not_found", None, unknown)


def test_a_session_on_an_expired_quote_is_refused(api: APIClient, world: World) -> None:
    fields = session_fields(quote(api)["quoteId"])
    world.clock.now += 30
    with nothing_changes():
        answer = post(api, "/sessions", fields, 409)
        assert_refused(answer, "quote_expired", None, fields["quoteId"])


def test_a_session_on_a_taken_quote_is_refused(api: APIClient) -> None:
    fields = session_fields(create_session(api)["quoteId"])
    with nothing_changes():
        answer = post(api, "/sessions", fields, 409)
        assert_refused(answer, "quote_taken", None, fields["quoteId"])


def test_a_chain_that_does_not_answer_is_said_so(api: APIClient, world: World) -> None:
    fields = session_fields(quote(api)["quoteId"])
    world.chains["near"].is_unreachable = True
    with nothing_changes():
        answer = post(api, "/sessions", fields, 503, key="once")
        assert_refused(answer, "unavailable", None, "near")
    world.chains["near"].is_unreachable = False
    post(api, "/sessions", fields, 201, key="once")
    assert (Session.objects.count(), StoredAnswer.objects.count()) == (1, 1)
    assert get(api, "/sessions")["items"][0]["quoteId"] == fields["quoteId"]
