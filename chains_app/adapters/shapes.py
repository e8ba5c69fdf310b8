"""What a node's answers have to look like: one of another shape is no answer.

Only what the adapters read is asked for. A shape tells whether a decoded JSON value has it; where a
question names its block or transaction, the answer has to be about that one.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final

from chains_app.patterns import NEAR_ACCOUNT_ID

Shape = Callable[[Any], bool]
Asked = Callable[[Any, Any], bool]  # of the parameters and a result that has its shape

MOST: Final = 2**62  # heights, times and nonces: what the database can hold, and sums of it


def matching(pattern: str) -> Shape:
    """Text that the pattern fits as a whole."""
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def text(value: Any) -> bool:
    """Any."""
    return isinstance(value, str)


def anything(*_: Any) -> bool:
    """Whatever is told."""
    return True


def natural(value: Any) -> bool:
    """A JSON integer from zero on."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def record(**fields: Shape) -> Shape:
    """An object with at least these fields."""
    return lambda value: (
        isinstance(value, dict)
        and all(name in value and shape(value[name]) for name, shape in fields.items())
    )


def optional(**fields: Shape) -> Shape:
    """An object where these fields, if it has them, are so."""
    return lambda value: (
        isinstance(value, dict)
        and all(name not in value or shape(value[name]) for name, shape in fields.items())
    )


def list_of(shape: Shape, least: int = 0) -> Shape:
    """A list of at least so many."""
    return lambda value: (
        isinstance(value, list) and len(value) >= least and all(shape(each) for each in value)
    )


def either(*shapes: Shape) -> Shape:
    """One of several."""
    return lambda value: any(shape(value) for shape in shapes)


def both(*shapes: Shape) -> Shape:
    """All of several."""
    return lambda value: all(shape(value) for shape in shapes)


def null(value: Any) -> bool:
    """JSON's null."""
    return value is None


digits: Final = matching(r"[0-9]{1,39}")  # of a u128
digits64: Final = matching(r"[0-9]{1,20}")  # of a u64
base64: Final = matching(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

# EVM (execution-apis), by method

_QUANTITY: Final = matching(r"0x[0-9a-fA-F]{1,64}")
_DATA: Final = matching(r"0x(?:[0-9a-f]{2})*")
_HASH: Final = matching(r"0x[0-9a-f]{64}")  # in one spelling: hashes are compared as text
_ADDRESS: Final = matching(r"0x[0-9a-fA-F]{40}")


def _number(value: Any) -> bool:
    """A height, a time or a nonce."""
    return _QUANTITY(value) and int(value, 16) <= MOST


_EVM_BLOCK: Final = both(
    record(number=_number, hash=_HASH, parentHash=_HASH, timestamp=_number),
    optional(logsBloom=either(null, matching(r"0x[0-9a-fA-F]{512}"))),
)
_TAGGED_BLOCK: Final = record(baseFeePerGas=_QUANTITY)
_EMITTED: Final = record(address=_ADDRESS, topics=list_of(_HASH), data=_DATA)
_LOG: Final = both(
    _EMITTED,
    record(
        topics=list_of(_HASH, least=1),
        blockNumber=_number,
        blockHash=_HASH,
        transactionHash=_HASH,
    ),
)
_RECEIPT: Final = record(
    blockNumber=_number,
    blockHash=_HASH,
    status=matching(r"0x[01]"),
    transactionHash=_HASH,
    logs=list_of(_EMITTED),
)
_EVM: Final[dict[str, Shape]] = {
    "eth_blockNumber": _number,
    "eth_call": _DATA,
    "eth_chainId": _QUANTITY,
    "eth_getBalance": _QUANTITY,
    "eth_getBlockByHash": either(null, _EVM_BLOCK),
    "eth_getBlockByNumber": either(null, _EVM_BLOCK),
    "eth_getCode": _DATA,
    "eth_getLogs": list_of(_LOG),
    "eth_getStorageAt": _QUANTITY,
    "eth_getRawTransactionByHash": either(null, _DATA),
    "eth_getTransactionByHash": either(
        null, record(hash=_HASH, input=_DATA, to=either(null, _ADDRESS))
    ),
    "eth_getTransactionCount": _number,
    "eth_getTransactionReceipt": either(null, _RECEIPT),
    "eth_maxPriorityFeePerGas": _QUANTITY,
    "eth_sendRawTransaction": _HASH,
}


def _is_at(params: Any, block: Any) -> bool:
    """A block at a number; one at a tag is there, our fee in it."""
    if not params[0].startswith("0x"):
        return _TAGGED_BLOCK(block)
    return block is None or int(block["number"], 16) == int(params[0], 16)


def _has(field: str) -> Asked:
    """What was asked for by its hash, if it is there."""
    return lambda params, found: found is None or found[field] == params[0].lower()


def _are_within(params: Any, logs: Any) -> bool:
    """Logs of the block, or of the heights, that were asked for."""
    if "blockHash" in params[0]:
        return all(log["blockHash"] == params[0]["blockHash"].lower() for log in logs)
    first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
    return all(first <= int(log["blockNumber"], 16) <= last for log in logs)


_EVM_ASKED: Final[dict[str, Asked]] = {
    "eth_getBlockByHash": _has("hash"),
    "eth_getBlockByNumber": _is_at,
    "eth_getLogs": _are_within,
    "eth_getTransactionByHash": _has("hash"),
    "eth_getTransactionReceipt": _has("transactionHash"),
}


def fits_evm(method: str, params: Any, result: Any) -> bool:
    """Whether an EVM node's result has the method's shape, and is about what was asked."""
    return _EVM[method](result) and _EVM_ASKED.get(method, anything)(params, result)


# What contracts on NEAR answer to views (NEP-141, NEP-145, NEP-148, and ours), by method

_BYTES32: Final = matching(r"[0-9a-f]{64}")
_NEAR_ACCOUNT: Final = matching(NEAR_ACCOUNT_ID)
_TERMS: Final = record(
    depositor=_NEAR_ACCOUNT,
    beneficiary=_NEAR_ACCOUNT,
    token=either(null, _NEAR_ACCOUNT),
    amount=digits,
    hashlock=_BYTES32,
    lock_by=digits64,
    timelock=digits64,
)
_LOCK: Final = both(record(state=text), optional(secret=either(null, _BYTES32)))


def _is_over(lock: dict[str, Any]) -> bool:
    """A tombstone, which has no terms."""
    return lock["state"] in ("withdrawn", "refunded")


_OUR_VIEWS: Final[dict[str, Shape]] = {
    "chain_id": text,
    "get_lock": either(null, both(_LOCK, either(_is_over, _TERMS))),
    "storage_deposit": digits,
}
_VIEWS: Final[dict[str, Shape]] = {
    **_OUR_VIEWS,
    "ft_balance_of": digits,
    "ft_metadata": record(decimals=natural),
    "storage_balance_bounds": record(min=digits),
    "storage_balance_of": either(null, record()),
}


def fits_view(method: str, answer: Any) -> bool:
    """Whether a contract's answer has the view method's shape."""
    return _VIEWS[method](answer)


def decoded(answer: list[int]) -> Any:
    """The JSON of a view's bytes; the bytes, which have no view's shape, where they are none."""
    try:
        return json.loads(bytes(answer))
    except (ValueError, RecursionError):
        return bytes(answer)


# NEAR (nearcore 2.x), by method, and by what a `query` asks for

_HASH58: Final = matching(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_DONE: Final = both(
    either(record(Failure=anything), record(SuccessValue=text)), optional(SuccessValue=base64)
)
_STATUS: Final = either(text, _DONE)
_NEAR_BLOCK: Final = record(
    header=record(height=natural, hash=_HASH58, prev_hash=_HASH58, timestamp_nanosec=digits64)
)
_OUTCOMES: Final = list_of(
    record(outcome=record(executor_id=text, status=either(_STATUS, record(SuccessReceiptId=text))))
)
_ACTION: Final = either(text, optional(FunctionCall=record(method_name=text)))
_EXECUTED: Final = record(
    transaction=record(hash=_HASH58, actions=list_of(_ACTION)),
    transaction_outcome=record(block_hash=_HASH58),
    receipts_outcome=_OUTCOMES,
    status=_STATUS,
)
_CALL_KEY: Final = record(
    allowance=either(null, digits), receiver_id=text, method_names=list_of(text)
)
_ACCESS_KEY: Final = record(
    nonce=natural,
    block_height=natural,
    permission=either(lambda said: said == "FullAccess", record(FunctionCall=_CALL_KEY)),
)
_ACCOUNT: Final = record(
    amount=digits,
    storage_usage=natural,
    code_hash=_HASH58,
    block_hash=_HASH58,
    block_height=natural,
)
_REFUSED: Final = record(error=text)  # nearcore refuses some queries by a result
_QUERIES: Final[dict[str, Shape]] = {
    "call_function": either(
        _REFUSED, record(result=list_of(lambda byte: natural(byte) and byte < 256))
    ),
    "view_access_key": either(_REFUSED, _ACCESS_KEY),
    "view_access_key_list": record(keys=list_of(record(public_key=text))),
    "view_account": _ACCOUNT,
}
_NEAR: Final[dict[str, Shape]] = {
    "EXPERIMENTAL_changes": record(changes=list_of(record(change=record(key_base64=base64)))),
    "block": _NEAR_BLOCK,
    "broadcast_tx_async": _HASH58,
    "gas_price": record(gas_price=digits),
    "status": record(chain_id=text),
}
_LOCK_ID_BYTES: Final = 32  # behind the prefix of a lock's storage key


def _query_fits(params: Any, answer: Any) -> bool:
    """Our own contract's views included: who answers those in another shape is silent, while a
    token's may be odd by themselves, and no node is to blame.
    """
    if not _QUERIES[params["request_type"]](answer) or not _is_told_at(params, answer):
        return False
    view = _OUR_VIEWS.get(params.get("method_name"))
    return view is None or _REFUSED(answer) or view(decoded(answer["result"]))


def _is_told_at(params: Any, answer: Any) -> bool:
    """At the block that was named by its hash, where the answer tells one."""
    asked = params.get("block_id")
    return asked is None or answer.get("block_hash", asked) == asked


def _is_block(params: Any, block: Any) -> bool:
    """The one that was named by its height or its hash."""
    asked, header = params.get("block_id"), block["header"]
    return asked in (None, header["height"], header["hash"])


def _changes_locks(params: Any, answer: Any) -> bool:
    """Keys of locks, by the prefix that was asked for, at its block."""
    prefix = b64decode(params["key_prefix_base64"])
    keys = [b64decode(each["change"]["key_base64"]) for each in answer["changes"]]
    are_locks = all(
        key.startswith(prefix) and len(key) == len(prefix) + _LOCK_ID_BYTES for key in keys
    )
    return are_locks and _is_told_at(params, answer)


def _tx_fits(params: Any, found: Any) -> bool:
    """A transaction's progress, and the transaction once it ran."""
    if not record(final_execution_status=text)(found):
        return False
    if "transaction_outcome" not in found:
        return True
    return _EXECUTED(found) and params.get("tx_hash") in (None, found["transaction"]["hash"])


_NEAR_ASKED: Final[dict[str, Asked]] = {"EXPERIMENTAL_changes": _changes_locks, "block": _is_block}


def fits_near(method: str, params: Any, result: Any) -> bool:
    """Whether a NEAR node's result has the method's shape, and is about what was asked."""
    if method == "query":
        return _query_fits(params, result)
    if method == "tx":
        return _tx_fits(params, result)
    return _NEAR[method](result) and _NEAR_ASKED.get(method, anything)(params, result)
