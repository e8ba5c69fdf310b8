"""docs/api.md says what the API does: its examples, codes and statuses are those of the code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.http.problems import _TEXTS
from orchestrator.kernel.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OrchestratorError,
    UnavailableError,
)
from sessions_app.api import examples
from sessions_app.consumers.messages import error_text, parse, to_text
from sessions_app.feed import PHASES
from tests.integration.doors.test_schema import generate

PAGE = (Path(__file__).resolve().parents[3] / "docs/api.md").read_text()
# of doors that are not the API's, or that our resolver answers to nobody else
ELSEWHERE = {
    "conflict", "nothing_to_retry", "already_filled", "insufficient_liquidity", "invalid_curve",
    "secret_refused", "watch_conflict",
}  # fmt: skip


def blocks(text: str) -> list[Any]:
    """The JSON examples in it."""
    return [json.loads(each) for each in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def sections() -> dict[str, str]:
    """Each call's part of the page."""
    parts = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts if re.match(r"(GET|POST) ", part)}


def described() -> Iterator[tuple[str, list[Any]]]:
    """Each call of the schema with its examples: what it takes, then what it answers."""
    for path, methods in generate()["paths"].items():
        for method, operation in methods.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            contents = [one for each in bodies for one in each.get("content", {}).values()]
            shown = [one["value"] for each in contents for one in each.get("examples", {}).values()]
            yield f"{method.upper()} {path}", shown


def test_the_page_has_each_call_with_the_schemas_examples() -> None:
    page = sections()
    calls = dict(described())
    assert page.keys() == calls.keys()
    for call, shown in calls.items():
        assert shown, call
        assert blocks(page[call]) == shown, call


def test_the_page_has_each_message_of_the_feed() -> None:
    feed = PAGE.partition("## WebSocket")[2]
    assert blocks(feed) == [*examples.SAID, *examples.HEARD]


@pytest.mark.parametrize("message", examples.SAID)
def test_what_the_page_says_is_understood(message: dict[str, Any]) -> None:
    parse(json.dumps(message))


def test_what_the_page_hears_is_what_is_sent() -> None:
    _, subscribed, update, price, alert, _, _, error = examples.HEARD
    said = to_text("price_update", update["sessionId"], data=price["data"])
    assert json.loads(said) == price
    assert {one["type"] for one in examples.SAID} == {"auth", "subscribe", "unsubscribe", "ping"}
    assert json.loads(to_text("subscribed", update["sessionId"], seq=3)) == subscribed
    said = to_text(
        "alert", update["sessionId"], attention=alert["attention"], detail=alert["detail"]
    )
    assert json.loads(said) == alert
    said = error_text(error["code"], error["detail"], error["sessionId"])
    assert json.loads(said) == error


def codes(root: type[OrchestratorError]) -> set[str]:
    """Of an error and of all that derive from it."""
    found = {root.code}
    return found.union(*(codes(each) for each in root.__subclasses__()))


def test_the_page_has_every_code() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \| \d{3} \|", PAGE, re.MULTILINE))
    callers = (InvalidInputError, NotFoundError, ConflictError, UnavailableError)
    known = {code for code, _ in _TEXTS.values()}.union(*map(codes, callers))
    assert listed == (known - ELSEWHERE) | {"idempotency_key_reused"}


def test_the_page_has_every_status_as_clients_hear_of_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([a-z]+) \| (\d+) \|", PAGE, re.MULTILINE)
    listed = {status: (phase, int(progress)) for status, phase, progress in rows}
    assert listed == {status.value: phase for status, phase in PHASES.items()}


def test_every_error_of_the_feed_is_listed() -> None:
    package = Path(__file__).resolve().parents[3] / "sessions_app/consumers"
    text = "".join(file.read_text() for file in package.glob("*.py"))
    called = r"(?:RefusedError|error_text|\.end)\(\s*(?:[A-Z_]+, )?\"(\w+)\""
    used = set(re.findall(called, text)) | {"unauthenticated"}
    assert len(used) > 10
    named = " ".join(PAGE.split()).partition("The codes of `error`:")[2]
    assert used == set(re.findall(r"`(\w+)`", named))
