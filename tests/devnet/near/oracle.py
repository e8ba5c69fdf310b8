"""Compares answers with the models of near-jsonrpc-client, generated from nearcore's schema.

Those models ignore fields that they don't know, so an answer is read into its model and written
out again: whatever the model did not take is missing then.
"""

from typing import Any

from pydantic import TypeAdapter


def assert_fits(answer: Any, model: Any) -> None:
    """Fail when an answer lacks a field of the model, or has one that the model has not."""
    parsed = TypeAdapter(model).validate_python(answer)
    written = TypeAdapter(model).dump_python(parsed, mode="json", by_alias=True, exclude_unset=True)
    assert written == answer


def assert_error_fits(error: dict[str, Any], model: Any) -> None:
    """The same for an error: the schema covers name and cause, the rest is nearcore's custom."""
    assert set(error) == {"name", "cause", "code", "message", "data"}
    assert_fits({"name": error["name"], "cause": error["cause"]}, model)
