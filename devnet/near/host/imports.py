"""The table of host functions, filled by the modules beside this one."""

from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple

HostFunction = Callable[..., int | None]


class Import(NamedTuple):
    """A host function and its wasm type: parameters all of one type, a result or none ("")."""

    function: HostFunction
    parameters: int
    parameter_type: str
    result: str


IMPORTS: dict[str, Import] = {}


def imported(function: Callable[..., Any]) -> Callable[..., Any]:
    """Offer a function to contracts under its own name; its first parameter is the Logic."""
    _enter(function, "i64")
    return function


def imported_narrow(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for the few whose parameters are i32."""
    _enter(function, "i32")
    return function


def _enter(function: Callable[..., Any], parameter_type: str) -> None:
    shape = signature(function)
    result = "" if shape.return_annotation is None else "i64"
    parameters = len(shape.parameters) - 1
    IMPORTS[function.__name__] = Import(function, parameters, parameter_type, result)
