"""Reading of bodies: JSON alone. Its size is bounded by DATA_UPLOAD_MAX_MEMORY_SIZE."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from orchestrator.kernel.errors import InvalidInputError


class DuplicateFieldError(InvalidInputError):
    """A name that stands twice in one object: which of both is meant, nobody can know."""

    code = "duplicate_field"


class StrictJSONParser(JSONParser):
    """One JSON value in UTF-8 (RFC 8259): no NaN, no name twice, no nesting beyond the stack."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Raises ParseError, DuplicateFieldError."""
        try:
            return json.loads(
                stream.read().decode(),
                parse_constant=_refuse_constant,
                object_pairs_hook=_object_of,
            )
        except (ValueError, RecursionError):
            raise ParseError from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            short = name[:80]
            raise DuplicateFieldError(f"{short!r} is given twice: give it once", field=short)
        found[name] = value
    return found
