"""The OpenAPI schema: every answer is as it says, and every operation has its errors."""

import json
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from sessions_app.api import examples
from tests.integration.doors.calls import create_session, execute, get, post, quote


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema as /api/schema serves it."""
    return generate()


def generate() -> dict[str, Any]:
    output = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=output)
    return dict(json.loads(output.getvalue()))


def component(schema: dict[str, Any], name: str) -> Any:
    """A component that refuses what it does not name, as JSON Schema."""
    components = {
        each: {**part, "additionalProperties": False} if "properties" in part else part
        for each, part in schema["components"]["schemas"].items()
    }
    return _nullable({**components[name], "components": {"schemas": components}})


def _nullable(part: Any) -> Any:
    """OpenAPI 3.0's `nullable` in words of JSON Schema."""
    if isinstance(part, list):
        return [_nullable(each) for each in part]
    if not isinstance(part, dict):
        return part
    inner = {name: _nullable(each) for name, each in part.items()}
    return {"anyOf": [{"type": "null"}, inner]} if inner.pop("nullable", False) else inner


def check(schema: dict[str, Any], name: str, answer: Any) -> None:
    """Raises jsonschema.ValidationError."""
    jsonschema.Draft202012Validator(component(schema, name)).validate(answer)


def test_every_answer_is_as_the_schema_says(api: APIClient, schema: dict[str, Any]) -> None:
    check(schema, "Routes", get(api, "/routes"))
    check(schema, "Quote", quote(api))
    session = create_session(api)
    check(schema, "Session", session)
    check(schema, "Session", execute(api, session["sessionId"]))
    check(schema, "ExitKit", get(api, f"/sessions/{session['sessionId']}/exit-kit"))
    check(schema, "Sessions", get(api, "/sessions"))
    check(schema, "Events", get(api, f"/sessions/{session['sessionId']}/events"))
    check(schema, "Problem", post(api, "/quote", {}, 400))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Quote", examples.CREATE_QUOTE[1]),
        ("Session", examples.CREATE_SESSION[1]),
        ("Session", examples.CREATE_SESSION[2]),
        ("Session", examples.SESSION[0]),
        ("ExecuteRequest", examples.EXECUTE[0]),
        ("Session", examples.EXECUTE[1]),
        ("Session", examples.POST_SECRET[1]),
        ("ExitKit", examples.EXIT_KIT[0]),
    ],
)
def test_every_example_is_as_the_schema_says(schema: dict[str, Any], name: str, shown: Any) -> None:
    check(schema, name, shown.value)


def test_every_operation_names_itself_and_its_errors(schema: dict[str, Any]) -> None:
    operations = {
        operation["operationId"]: operation
        for path in schema["paths"].values()
        for operation in path.values()
    }
    ours = {
        "listRoutes", "createQuote", "getQuote", "createSession", "listSessions", "getSession",
        "executeSession", "cancelSession", "listEvents",
    }  # fmt: skip
    assert ours <= operations.keys()
    for name in ours:
        assert {"401", "403", "429"} <= operations[name]["responses"].keys()
        problem = operations[name]["responses"]["401"]["content"]
        assert list(problem) == ["application/problem+json"]
    for name in ("createQuote", "createSession", "executeSession", "cancelSession"):
        assert "Idempotency-Key" in {each["name"] for each in operations[name]["parameters"]}


def test_the_schema_is_generated_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    generate()
    assert capsys.readouterr().err == ""
