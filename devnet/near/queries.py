"""The `query` method: accounts, keys, code, storage and view calls, at any block that is kept."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from devnet.near import fees, views
from devnet.near.applying import run_call
from devnet.near.chain import Chain, GarbageCollectedError, UnknownBlockError
from devnet.near.crypto import SYSTEM_KEY, base58_decode
from devnet.near.errors import ContractError, RpcError
from devnet.near.host import CallContext, Logic
from devnet.near.params import Params, invalid
from devnet.near.receipts import Block
from devnet.near.state import Account, Column, Reader, Working
from devnet.near.vm import Vm

REQUEST_TYPES = (
    "view_account", "view_access_key", "view_access_key_list", "view_code", "view_state",
    "call_function",
)  # fmt: skip
_VIEWER = "near"  # nobody signs a view, and contracts can't ask who did


Handler = Callable[[Params, Reader, Block], dict[str, Any]]


class Queries:
    """Answers queries about one chain."""

    def __init__(self, chain: Chain, vm: Vm) -> None:
        self._chain, self._vm = chain, vm

    def answer(self, params: Any) -> dict[str, Any]:
        """The answer to one `query`; raises RpcError.

        For old clients' sake nearcore answers two of its errors here as a result.
        """
        request = Params(_from_path(params) if isinstance(params, list) else params)
        try:
            return self.answer_to(request.text("request_type"), request)
        except RpcError as error:
            cause, info = error.body["cause"]["name"], error.body["cause"]["info"]
            if cause not in ("UNKNOWN_ACCESS_KEY", "CONTRACT_EXECUTION_ERROR"):
                raise
            at = {name: info[name] for name in ("block_height", "block_hash")}
            return {"error": error.body["data"], "logs": [], **at}

    def answer_to(self, request_type: str, request: Params) -> dict[str, Any]:
        """The answer to a query of this type; raises RpcError."""
        if request_type not in REQUEST_TYPES:
            known = ", ".join(f"`{name}`" for name in REQUEST_TYPES)
            raise invalid(f"unknown variant `{request_type}`, expected {known}")
        handler: Handler = getattr(self, f"_{request_type}")
        block = self._block(request)
        answer = handler(request, self._chain.runtime.state.at(block.height), block)
        return {**answer, **_at(block)}

    def _block(self, request: Params) -> Block:
        try:
            return request.block(self._chain)
        except UnknownBlockError:
            block_id = request.fields["block_id"]
            named = f"BLOCK HEIGHT: {block_id} \n Cause: Unknown"
            named = f"BLOCK HEADER: {block_id}" if isinstance(block_id, str) else named
            reference = {"block_reference": {"block_id": block_id}}
            raise RpcError("UNKNOWN_BLOCK", f"DB Not Found Error: {named}", reference) from None
        except GarbageCollectedError as error:
            text = (
                f"The data for block #{error.height} is garbage collected on this node, use an "
                "archival node to fetch historical data"
            )
            info = {"block_height": error.height, "block_hash": error.block_hash}
            raise RpcError("GARBAGE_COLLECTED_BLOCK", text, info) from None

    def _account(self, request: Params, state: Reader, block: Block) -> Account:
        name = request.account()
        account = state.account(name)
        if account is None:
            text = f"account {name} does not exist while viewing"
            raise RpcError("UNKNOWN_ACCOUNT", text, {"requested_account_id": name, **_at(block)})
        return account

    def _view_account(self, request: Params, state: Reader, block: Block) -> dict[str, Any]:
        return views.account(self._account(request, state, block))

    def _view_access_key(self, request: Params, state: Reader, block: Block) -> dict[str, Any]:
        key = state.access_key(request.account(), request.public_key())
        if key is None:
            public_key = request.public_key()
            text = f"access key {public_key} does not exist while viewing"
            info = {"public_key": public_key, **_at(block)}
            raise RpcError("UNKNOWN_ACCESS_KEY", text, info)
        return views.access_key(key)

    def _view_access_key_list(self, request: Params, state: Reader, block: Block) -> dict[str, Any]:
        self._account(request, state, block)
        keys = []
        for record, _ in state.records_of(request.account(), Column.ACCESS_KEY):
            key = state.access_key(record.account_id, str(record.key))
            if key is not None:
                keys.append({"public_key": record.key, "access_key": views.access_key(key)})
        return {"keys": keys}

    def _view_code(self, request: Params, state: Reader, block: Block) -> dict[str, Any]:
        account = self._account(request, state, block)
        name = request.account()
        code = state.code(name)
        if account.global_contract is not None:
            identifier = {"hash": account.global_contract}
            text = f"Global contract code with identifier {identifier} has never been observed"
            info = {"identifier": identifier, **_at(block)}
            raise RpcError("NO_GLOBAL_CONTRACT_CODE", text, info)
        if code is None:
            text = f"Contract code for contract ID #{name} has never been observed on the node"
            raise RpcError("NO_CONTRACT_CODE", text, {"contract_account_id": name, **_at(block)})
        return {"code_base64": views.base64(code), "hash": account.code_hash}

    def _view_state(self, request: Params, state: Reader, block: Block) -> dict[str, Any]:
        account = self._account(request, state, block)
        name, prefix = request.account(), request.base64("prefix_base64")
        code = state.code(name) or b""
        if account.storage_usage - len(code) > fees.MAX_VIEW_STATE_BYTES:
            text = f"State of contract {name} is too large to be viewed"
            info = {"contract_account_id": name, **_at(block)}
            raise RpcError("TOO_LARGE_CONTRACT_STATE", text, info)
        values = [
            {"key": views.base64(record.key), "value": views.base64(value)}
            for record, value in state.records_of(name, Column.DATA)
            if isinstance(record.key, bytes)
            and isinstance(value, bytes)
            and record.key.startswith(prefix)
        ]
        return {"values": values, "proof": []}

    def _call_function(self, request: Params, state: Reader, block: Block) -> dict[str, Any]:
        account = self._account(request, state, block)
        logic = Logic(_view_context(request, block), Working(state), account.amount, 0)
        logic.storage_usage = account.storage_usage
        try:
            run_call(self._vm, account, logic)
        except ContractError as error:
            text = f"wasm execution failed with error: {error.debug}"
            info = {"vm_error": error.kind, **_at(block)}
            raise RpcError("CONTRACT_EXECUTION_ERROR", text, info) from None
        returned = logic.returned if isinstance(logic.returned, bytes) else b""
        return {"result": list(returned), "logs": logic.logs}


def _view_context(request: Params, block: Block) -> CallContext:
    return CallContext(
        current_account_id=request.account(),
        signer_account_id=_VIEWER,
        signer_public_key=SYSTEM_KEY,
        predecessor_account_id=_VIEWER,
        method_name=request.text("method_name"),
        input=request.base64("args_base64"),
        promise_results=(),
        attached_deposit=0,
        prepaid_gas=fees.MAX_GAS,
        block_height=block.height,
        block_timestamp=block.timestamp,
        epoch_height=block.epoch,
        random_seed=sha256(block.hash.encode()).digest(),
        data_receivers=0,
        is_view=True,
    )


def _at(block: Block) -> dict[str, Any]:
    return {"block_height": block.height, "block_hash": block.hash}


def _from_path(params: list[Any]) -> dict[str, Any]:
    """The old positional form: a path like `call/contract/method`, and base58 data."""
    if len(params) != 2 or not all(isinstance(part, str) for part in params):
        raise invalid("expected a path and data")
    kind, *parts = params[0].split("/")
    data = views.base64(_base58(params[1]))
    names = {
        "account": ("view_account", ("account_id",)),
        "access_key": ("view_access_key", ("account_id", "public_key")),
        "code": ("view_code", ("account_id",)),
        "contract": ("view_state", ("account_id",)),
        "call": ("call_function", ("account_id", "method_name")),
    }
    if kind == "access_key" and len(parts) == 1:
        return {"request_type": "view_access_key_list", "account_id": parts[0]}
    if kind not in names or len(parts) != len(names[kind][1]):
        raise invalid(f"unknown path `{params[0]}`")
    request_type, fields = names[kind]
    request = {"request_type": request_type, **dict(zip(fields, parts, strict=True))}
    return {**request, "args_base64": data, "prefix_base64": data}


def _base58(text: str) -> bytes:
    try:
        return base58_decode(text)
    except ValueError as error:
        raise invalid(str(error)) from None
