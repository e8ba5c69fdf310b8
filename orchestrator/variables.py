"""The tables of docs/configuration.md, from the classes that read the environment: `make pages`."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from auctions_app.config import AuctionConfiguration, Caps, RouteConfiguration
from chains_app.config import WITH_COMMAS, ChainsEnvironment
from chains_app.signers import SignerCaps
from orchestrator.settings import BASE_DIR, Environment

PAGE: Final = BASE_DIR / "docs/configuration.md"
START: Final = "\n## Variables\n"


class ProcessEnvironment(BaseModel):
    """What the Procfile's commands take from the environment, and the counters of all processes."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    web_port: int
    """Where `web` listens, on 127.0.0.1."""
    ws_port: int
    """Where `ws` listens, on 127.0.0.1."""
    beat_file: Path
    """A file that `beat` may write; nothing in it has to be kept."""
    prometheus_multiproc_dir: Path | None = None
    """A folder, made before the start, that all processes of a machine share, so that `/metrics`
    has the counters of all (docs/metrics.md). Unset: those of `web` alone."""


Model = type[BaseModel]
Schema = Mapping[str, Any]
VARIABLES: Final[Mapping[str, Model]] = {
    "The service": Environment,
    "Processes": ProcessEnvironment,
    "Chains, contracts and keys": ChainsEnvironment,
    "Routes, prices and limits": AuctionConfiguration,
}
PARTS: Final[Mapping[str, Model]] = {
    "`..._CAPS`: what an account may spend": SignerCaps,
    "One of `ROUTES`": RouteConfiguration,
    "`CAPS`": Caps,
}


def with_tables(text: str) -> str:
    """The page with its tables written anew; what stands before the first is kept."""
    before, _, _ = text.partition(START)
    return before + START + "".join(_tables())


def _tables() -> Iterator[str]:
    shown = set[str]()  # POLICY is read by two classes
    for title, model in VARIABLES.items():
        rows = [row for row in _rows(model, str.upper) if row not in shown]
        shown |= {*rows}
        yield _table(title, model, rows)
    for title, model in PARTS.items():
        yield _table(title, model, _rows(model, str))


def _table(title: str, model: Model, rows: Iterable[str]) -> str:
    lines = ["| name | value | default | meaning |", "|---|---|---|---|", *rows]
    return f"\n### {title}\n\n{_line(model.__doc__)}\n\n" + "\n".join(lines) + "\n"


def _rows(model: Model, named: Callable[[str], str]) -> Iterator[str]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        found = _resolved(schema["properties"][name], schema)
        cells = (
            f"`{named(name)}`",
            _form(found, field),
            _default(found, field),
            _meaning(found, field),
        )
        yield f"| {' | '.join(cells)} |"


def _resolved(value: Any, schema: Schema) -> Any:
    """A part of a JSON schema with what it refers to in its place; what may be null as the rest."""
    if isinstance(value, list):
        return [_resolved(each, schema) for each in value]
    if not isinstance(value, dict):
        return value
    if "anyOf" in value:
        return {**value, **_resolved(value["anyOf"][0], schema)}
    if "$ref" in value:
        return {**schema["$defs"][value["$ref"].rpartition("/")[2]], **value}
    return {name: _resolved(each, schema) for name, each in value.items()}


def _form(schema: Schema, field: FieldInfo) -> str:
    """What a value looks like."""
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    match schema["type"]:
        case "boolean":
            return "`true`, `false`"
        case "integer":
            return _range("integer", schema)
        case "array":
            return "list with commas" if WITH_COMMAS in field.metadata else "JSON list"
        case "object":
            return "JSON object"
    least = schema.get("minLength", 0)
    if "uri" in schema.get("format", ""):
        return "URL"
    return f"text, {least} characters or more" if least > 1 else "text"


def _range(kind: str, schema: Schema) -> str:
    if "exclusiveMinimum" in schema:
        return f"{kind} above {schema['exclusiveMinimum']}"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None:
        return kind
    return f"{kind}, {least} or more" if most is None else f"{kind}, {least} to {most}"


def _default(schema: Schema, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = schema["default"]
    if value is None:
        return ""
    if value and "properties" in schema:
        return "as below"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _meaning(schema: Schema, field: FieldInfo) -> str:
    """Whatever a repr hides is marked: pydantic's schema calls it `writeOnly`."""
    said = _line(field.description)
    return f"**Secret.** {said}" if '"writeOnly": true' in json.dumps(schema) else said


def _line(text: str | None) -> str:
    """In one line, the pages beside this one as links."""
    return re.sub(r"\bdocs/(\w+)\.md\b", r"[\1](\1.md)", " ".join((text or "").split()))


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
