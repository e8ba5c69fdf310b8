"""What the OpenAPI schema says of errors: the same for every operation."""

from typing import Any, Final

from orchestrator.http.problems import CONTENT_TYPE

_TEXT: Final = {"type": "string"}
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "errors"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; act on this one."},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {"field": _TEXT, "code": _TEXT, "detail": _TEXT},
            },
        },
    },
}


def close_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: what is sent takes no field that it does not name."""
    shapes = result.get("components", {}).get("schemas", {})
    for path in result["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                _close(shapes, content["schema"])
    return result


def _close(shapes: dict[str, Any], schema: dict[str, Any]) -> None:
    """A shape, and those that its fields have."""
    if "$ref" in schema:
        shape = shapes[schema["$ref"].rpartition("/")[2]]
        shape["additionalProperties"] = False
        for field in shape.get("properties", {}).values():
            _close(shapes, field)
    for part in schema.get("allOf", ()):
        _close(shapes, part)


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: `default` of every operation is a problem."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"]["default"] = {"description": "An error.", "content": content}
    return result
