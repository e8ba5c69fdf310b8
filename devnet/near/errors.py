"""The errors that nearcore defines, in the JSON shapes in which it answers them."""

import json
from typing import Any

Json = Any


class RpcError(Exception):
    """An error answer of the JSON-RPC: nearcore's `{name, cause, code, message, data}`.

    `has_info` is false for the kinds that nearcore defines without any fields.
    """

    def __init__(
        self,
        cause: str,
        data: Json,
        info: dict[str, Json] | None = None,
        *,
        has_info: bool = True,
        name: str = "HANDLER_ERROR",
        code: int = -32000,
        message: str = "Server error",
        http_status: int = 200,
    ) -> None:
        super().__init__(cause)
        self.http_status = http_status
        self.body = {
            "name": name,
            "cause": {"name": cause, "info": info or {}} if has_info else {"name": cause},
            "code": code,
            "message": message,
            "data": data,
        }


def parse_error(text: str) -> RpcError:
    """The request can't be read."""
    return RpcError(
        "PARSE_ERROR",
        text,
        {"error_message": text},
        name="REQUEST_VALIDATION_ERROR",
        code=-32700,
        message="Parse error",
        http_status=400,
    )


def method_not_found(method: str) -> RpcError:
    """No such method."""
    return RpcError(
        "METHOD_NOT_FOUND",
        method,
        {"method_name": method},
        name="REQUEST_VALIDATION_ERROR",
        code=-32601,
        message="Method not found",
        http_status=400,
    )


def internal_error(text: str) -> RpcError:
    """A fault of the node itself."""
    return RpcError(
        "INTERNAL_ERROR",
        text,
        {"error_message": text},
        name="INTERNAL_ERROR",
        http_status=500,
    )


class InvalidTxError(Exception):
    """A transaction that the chain refuses; `kind` is nearcore's InvalidTxError as JSON."""

    def __init__(self, kind: Json) -> None:
        super().__init__(json.dumps(kind))
        self.kind = kind

    def rpc_error(self) -> RpcError:
        """The answer to the client that sent it."""
        return RpcError("INVALID_TRANSACTION", {"TxExecutionError": {"InvalidTxError": self.kind}})


class InvalidAccessKeyError(InvalidTxError):
    """The access key is missing or does not permit the transaction; `reason` says which."""

    def __init__(self, reason: Json) -> None:
        super().__init__({"InvalidAccessKeyError": reason})
        self.reason = reason


class ActionsInvalidError(InvalidTxError):
    """The actions themselves are malformed; the runtime checks promises by the same rules."""

    def __init__(self, kind: Json) -> None:
        super().__init__({"ActionsValidation": kind})
        self.validation = kind


class ActionError(Exception):
    """An action of a receipt failed; `kind` is nearcore's ActionErrorKind as JSON."""

    def __init__(self, kind: Json) -> None:
        super().__init__(json.dumps(kind))
        self.kind = kind


class ContractError(Exception):
    """A contract call failed.

    `kind` is nearcore's FunctionCallError as an outcome shows it, `debug` is Rust's `{:?}` of it,
    which a view's error text carries.
    """

    def __init__(self, kind: Json, debug: str) -> None:
        super().__init__(debug)
        self.kind, self.debug = kind, debug


class HostError(ContractError):
    """A host function refused: `text` is shown in outcomes, `variant` names it in view errors."""

    def __init__(self, variant: str, text: str, **fields: str | int) -> None:
        shown = ", ".join(f"{name}: {json.dumps(value)}" for name, value in fields.items())
        debug = f"{variant} {{ {shown} }}" if fields else variant
        super().__init__({"ExecutionError": text}, f"HostError({debug})")


class WasmTrapError(ContractError):
    """The wasm itself trapped, for example on `unreachable` or a stack overflow."""

    def __init__(self, variant: str, text: str) -> None:
        super().__init__({"ExecutionError": f"WebAssembly trap: {text}"}, f"WasmTrap({variant})")


def gas_exceeded() -> HostError:
    """The call used up the gas attached to it."""
    return HostError("GasExceeded", "Exceeded the prepaid gas.")


def guest_panic(text: str) -> HostError:
    """The contract panicked."""
    return HostError("GuestPanic", f"Smart contract panicked: {text}", panic_msg=text)


def method_not_resolved(variant: str) -> ContractError:
    """The contract has no such method: MethodNotFound, MethodEmptyName, MethodInvalidSignature."""
    return ContractError({"MethodResolveError": variant}, f"MethodResolveError({variant})")


def code_does_not_exist(account_id: str) -> ContractError:
    """A call of an account without a contract."""
    return ContractError(
        {"CompilationError": {"CodeDoesNotExist": {"account_id": account_id}}},
        f'CompilationError(CodeDoesNotExist {{ account_id: "{account_id}" }})',
    )


class PrepareError(ContractError):
    """The wasm is no contract: nearcore's PrepareError::Deserialization; `reason` says why."""

    def __init__(self, reason: str) -> None:
        variant = "Deserialization"
        super().__init__(
            {"CompilationError": {"PrepareError": variant}},
            f"CompilationError(PrepareError({variant}))",
        )
        self.reason = reason


def link_error(text: str) -> ContractError:
    """The contract imports something that the host does not have."""
    return ContractError(
        {"ExecutionError": f"Link Error: {text}"}, f"LinkError {{ msg: {json.dumps(text)} }}"
    )
