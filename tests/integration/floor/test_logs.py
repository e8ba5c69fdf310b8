"""Rule 13 at its last line of defence: what reaches a log line in spite of everything."""

import json
import logging
import logging.config
from collections.abc import Callable, Generator
from io import StringIO
from typing import Any

import pytest
import structlog
from rest_framework.test import APIClient

from orchestrator.kernel.hashlock import Secret
from orchestrator.observability.logs import logging_settings
from tests.integration.floor.conftest import caller

SECRET = bytes(range(32))
WORD = SECRET.hex()
NEAR_KEY = "ed25519:" + "3D4YudUQRE39Lc4JHghuB5WM8kbgDDa34mnrEP5DdTApVH81af3e2dWgNPEaiQfdJnZq"
NEAR_KEY += "1CNPp5im4Rg5b733oiMP"
API_KEY = "1b_0123456789abcdef_" + "k" * 43
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

log = structlog.get_logger("tests.logs")


@pytest.fixture
def lines() -> Generator[Callable[[], list[dict[str, Any]]]]:
    """What was logged, as it would stand on standard error."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter())
    logging.getLogger().addHandler(handler)
    structlog.contextvars.clear_contextvars()
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)
    structlog.contextvars.clear_contextvars()


def formatter() -> logging.Formatter:
    """The one that the settings install."""
    made = dict(logging_settings("INFO")["formatters"]["json"])
    kind = made.pop("()")
    result = kind(**made)
    assert isinstance(result, logging.Formatter)
    return result


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"note": WORD}, {"note": "[redacted]"}),
        ({"note": "0x" + WORD}, {"note": "[redacted]"}),
        ({"note": f"preimage is 0x{WORD}, sent"}, {"note": "preimage is [redacted], sent"}),
        ({"note": SECRET}, {"note": "[redacted]"}),
        ({"note": Secret(SECRET)}, {"note": "Secret(***)"}),
        ({"note": ["a", {"b": WORD}]}, {"note": ["a", {"b": "[redacted]"}]}),
        ({"secret": "short"}, {"secret": "[redacted]"}),
        ({"SECRET_KEY": "short"}, {"SECRET_KEY": "[redacted]"}),
        ({"password": ["a"]}, {"password": "[redacted]"}),
        ({"inner": {"authorization": "x"}}, {"inner": {"authorization": "[redacted]"}}),
        ({"note": NEAR_KEY}, {"note": "[redacted]"}),
        ({"note": API_KEY}, {"note": "[redacted]"}),
        ({"note": f"Bearer {JWT}"}, {"note": "Bearer [redacted]"}),
        ({"raw": "0xf86c"}, {"raw": "[redacted]"}),
        ({"data": "a9059cbb" + "0" * 24 + WORD * 2}, {"data": "[redacted]"}),
        (
            {"url": "https://user:pass@rpc.example:8545/v3/key?token=1"},
            {"url": "https://rpc.example:8545"},
        ),
        ({"hash": f"https://rpc.example/{WORD}"}, {"hash": "https://rpc.example"}),
        ({"note": "redis://:pass@127.0.0.1:6379/0"}, {"note": "redis://127.0.0.1:6379"}),
    ],
)
@pytest.mark.usefixtures("lines")
def test_rule_13_what_is_secret_is_not_logged(
    lines: Callable[[], list[dict[str, Any]]], fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    log.warning("event", **fields)
    (line,) = lines()
    assert {name: line[name] for name in fields} == shown
    assert WORD not in json.dumps(line)


@pytest.mark.parametrize(
    "name", ["hash", "hashlock", "block_hash", "transaction", "lock_id", "parent_hash"]
)
def test_public_ids_of_32_bytes_are_logged(
    lines: Callable[[], list[dict[str, Any]]], name: str
) -> None:
    log.warning("event", **{name: "0x" + WORD})
    assert lines()[0][name] == "0x" + WORD


@pytest.mark.parametrize(
    ("name", "value"),
    [("secret_id", "5f0c2f0e"), ("count", 3), ("has_secret", True), ("reason", None)],
)
def test_ordinary_values_are_logged(
    lines: Callable[[], list[dict[str, Any]]], name: str, value: Any
) -> None:
    log.warning("event", **{name: value})
    assert lines()[0][name] == value


def test_rule_13_a_librarys_line_is_redacted_too(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    logging.getLogger("some.library").error("sending %s to %s", WORD, "http://h/key")
    assert lines()[0]["event"] == "sending [redacted] to http://h"


def test_rule_13_a_traceback_is_redacted_too(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    try:
        raise ValueError(f"cannot decode {WORD}")
    except ValueError:
        log.exception("failed")
    (line,) = lines()
    assert "ValueError: cannot decode [redacted]" in line["exception"]


def test_a_session_bound_once_stands_on_every_line(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    with structlog.contextvars.bound_contextvars(session_id="s-1"):
        log.warning("ours")
        logging.getLogger("some.library").warning("theirs")
    log.warning("after")
    assert [line.get("session_id") for line in lines()] == ["s-1", "s-1", None]


@pytest.mark.django_db
@pytest.mark.urls("tests.integration.floor.api")
def test_a_request_leaves_one_line_that_names_its_session_and_no_query(
    api: APIClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    response = api.get(f"/api/sessions/s-1?secret={WORD}", HTTP_COOKIE="a=b")
    (line,) = lines()
    assert (line["event"], line["session_id"]) == ("request_answered", "s-1")
    assert (line["method"], line["route"], line["status"]) == (
        "GET",
        "api/sessions/<str:session_id>",
        200,
    )
    assert line["request_id"] == response["X-Request-Id"]
    assert WORD not in json.dumps(line)


@pytest.mark.django_db
@pytest.mark.urls("tests.integration.floor.api")
def test_the_next_request_does_not_inherit_the_session(
    api: APIClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    api.get("/api/sessions/s-1")
    caller().get("/api/nothing")
    assert ["session_id" in line for line in lines()] == [True, False]
