"""GET /api/docs: the OpenAPI schema as one page to read, without a script or another host."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Body:
    """What is sent or answered: `status` is empty for what is sent; texts are pretty JSON."""

    status: str
    description: str
    schema: str
    example: str


@dataclass(frozen=True)
class Operation:
    """One method of one URL."""

    method: str
    path: str
    id: str
    description: str
    parameters: list[dict[str, Any]]
    bodies: list[Body]


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Every operation with its parameters and examples, then every named shape."""
    schema = _schema()
    shapes = {name: _pretty(shape) for name, shape in schema["components"]["schemas"].items()}
    context = {"info": schema["info"], "operations": list(_operations(schema)), "shapes": shapes}
    return render(request, "http/api_docs.html", context)


@cache
def _schema() -> dict[str, Any]:
    """As /api/schema gives it; it cannot change while the process runs."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return schema


def _operations(schema: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in schema["paths"].items():
        for method in _METHODS:
            if operation := methods.get(method):
                yield Operation(
                    method.upper(),
                    path,
                    operation["operationId"],
                    operation.get("description", ""),
                    operation.get("parameters", []),
                    list(_bodies(operation)),
                )


def _bodies(operation: dict[str, Any]) -> Iterator[Body]:
    if sent := operation.get("requestBody"):
        yield _body("", sent)
    for status, answer in operation["responses"].items():
        yield _body(status, answer)


def _body(status: str, described: dict[str, Any]) -> Body:
    content: dict[str, Any] = next(iter(described.get("content", {}).values()), {})
    examples = [one["value"] for one in content.get("examples", {}).values()]
    return Body(
        status,
        described.get("description", ""),
        _pretty(content["schema"]) if "schema" in content else "",
        _pretty(examples[0]) if examples else "",
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
