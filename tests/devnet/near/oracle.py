"""Compares answers with the models of near-jsonrpc-client, generated from nearcore's schema.

Those models ignore fields that they don't know, so an answer is read into its model and written
out again: whatever the model did not take is missing then.
"""

from typing import Any

import pytest
from pydantic import TypeAdapter

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NearClient


def assert_fits(answer: Any, model: Any) -> None:
    """Fail when an answer lacks a field of the model, or has one that the model has not."""
    parsed = TypeAdapter(model).validate_python(answer)
    written = TypeAdapter(model).dump_python(parsed, mode="json", by_alias=True, exclude_unset=True)
    assert written == answer


def assert_error_fits(error: dict[str, Any], model: Any) -> None:
    """The same for an error: the schema covers name and cause, the rest is nearcore's custom."""
    assert set(error) == {"name", "cause", "code", "message", "data"}
    assert_fits({"name": error["name"], "cause": error["cause"]}, model)


def call_of(near: NearClient, method: str, params: Any) -> Any:
    """What the node answers, to parameters by name or by place."""
    if isinstance(params, dict):
        return near.rpc.call(method, **params)
    return near.rpc.call(method, *params)


def error_of(near: NearClient, method: str, params: Any) -> dict[str, Any]:
    """What the node refuses them with."""
    with pytest.raises(JsonRpcError) as refused:
        call_of(near, method, params)
    return refused.value.error
