"""What a node's answers have to look like: one of another shape is no answer.

Only what the adapters read is asked for. A shape tells whether a decoded JSON value has it.
"""

import re
from collections.abc import Callable
from typing import Any, Final

Shape = Callable[[Any], bool]


def matching(pattern: str) -> Shape:
    """Text that the pattern fits as a whole."""
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def natural(value: Any) -> bool:
    """A JSON integer from zero on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def record(**fields: Shape) -> Shape:
    """An object with at least these fields."""
    return lambda value: (
        isinstance(value, dict)
        and all(name in value and shape(value[name]) for name, shape in fields.items())
    )


def list_of(shape: Shape, least: int = 0) -> Shape:
    """A list of at least so many."""
    return lambda value: (
        isinstance(value, list) and len(value) >= least and all(shape(each) for each in value)
    )


def either(*shapes: Shape) -> Shape:
    """One of several."""
    return lambda value: any(shape(value) for shape in shapes)


def null(value: Any) -> bool:
    """JSON's null."""
    return value is None


text: Final = matching(r".*")
digits: Final = matching(r"\d+")
hex_bytes: Final = matching(r"(?:[0-9a-f]{2})*")
base64: Final = matching(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")

# EVM (execution-apis), by method

_QUANTITY: Final = matching(r"0x[0-9a-fA-F]{1,64}")
_DATA: Final = matching(r"0x(?:[0-9a-fA-F]{2})*")
_HASH: Final = matching(r"0x[0-9a-fA-F]{64}")
_ADDRESS: Final = matching(r"0x[0-9a-fA-F]{40}")
_EVM_BLOCK: Final = record(number=_QUANTITY, hash=_HASH, parentHash=_HASH, timestamp=_QUANTITY)
_TAGGED_BLOCK: Final = record(baseFeePerGas=_QUANTITY)
_LOG: Final = record(
    address=_ADDRESS,
    topics=list_of(_HASH, least=1),
    data=_DATA,
    blockNumber=_QUANTITY,
    blockHash=_HASH,
    transactionHash=_HASH,
)
_EVM: Final[dict[str, Shape]] = {
    "eth_blockNumber": _QUANTITY,
    "eth_call": _DATA,
    "eth_chainId": _QUANTITY,
    "eth_getBalance": _QUANTITY,
    "eth_getBlockByHash": either(null, _EVM_BLOCK),
    "eth_getBlockByNumber": either(null, _EVM_BLOCK),
    "eth_getCode": _DATA,
    "eth_getLogs": list_of(_LOG),
    "eth_getStorageAt": _QUANTITY,
    "eth_getRawTransactionByHash": either(null, _DATA),
    "eth_getTransactionByHash": either(null, record(hash=_HASH)),
    "eth_getTransactionCount": _QUANTITY,
    "eth_getTransactionReceipt": either(
        null, record(blockNumber=_QUANTITY, blockHash=_HASH, status=_QUANTITY)
    ),
    "eth_maxPriorityFeePerGas": _QUANTITY,
    "eth_sendRawTransaction": _HASH,
}


def fits_evm(method: str, params: Any, result: Any) -> bool:
    """Whether an EVM node's result has the method's shape."""
    if method == "eth_getBlockByNumber" and not params[0].startswith("0x"):
        return _EVM_BLOCK(result) and _TAGGED_BLOCK(result)  # a tag's block is there, our fee in it
    return _EVM[method](result)


# NEAR (nearcore 2.x), by method, and by what a `query` asks for

_HASH58: Final = matching(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_STATUS: Final = either(text, record())
_NEAR_BLOCK: Final = record(
    header=record(height=natural, hash=_HASH58, prev_hash=_HASH58, timestamp_nanosec=digits)
)
_OUTCOMES: Final = list_of(record(outcome=record(executor_id=text, status=_STATUS)))
_EXECUTED: Final = record(
    transaction_outcome=record(block_hash=_HASH58), receipts_outcome=_OUTCOMES, status=_STATUS
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
_QUERIES: Final[dict[str, Shape]] = {
    "call_function": record(result=list_of(lambda byte: natural(byte) and byte < 256)),
    "view_access_key": _ACCESS_KEY,
    "view_access_key_list": record(keys=list_of(record(public_key=text))),
    "view_account": _ACCOUNT,
}
_REFUSED: Final = record(error=text)  # nearcore refuses some queries by a result
_NEAR: Final[dict[str, Shape]] = {
    "EXPERIMENTAL_changes": record(changes=list_of(record(change=record(key_base64=base64)))),
    "block": _NEAR_BLOCK,
    "broadcast_tx_async": _HASH58,
    "gas_price": record(gas_price=digits),
    "status": record(chain_id=text),
}


def fits_near(method: str, params: Any, result: Any) -> bool:
    """Whether a NEAR node's result has the method's shape."""
    if method == "query":
        return _REFUSED(result) or _QUERIES[params["request_type"]](result)
    if method == "tx":
        has_run = isinstance(result, dict) and "transaction_outcome" in result
        return record(final_execution_status=text)(result) and (not has_run or _EXECUTED(result))
    return _NEAR[method](result)


# What contracts on NEAR answer to views (NEP-141, NEP-145, NEP-148, and ours), by method

_BYTES32: Final = matching(r"[0-9a-f]{64}")
_TERMS: Final = record(
    depositor=text,
    beneficiary=text,
    token=either(null, text),
    amount=digits,
    hashlock=_BYTES32,
    lock_by=digits,
    timelock=digits,
)
_LOCK: Final = record(state=text, secret=either(null, _BYTES32))
_VIEWS: Final[dict[str, Shape]] = {
    "chain_id": text,
    "ft_balance_of": digits,
    "ft_metadata": record(decimals=natural),
    "get_lock": either(null, lambda lock: _LOCK(lock) and (_is_over(lock) or _TERMS(lock))),
    "storage_balance_bounds": record(min=digits),
    "storage_balance_of": either(null, record()),
    "storage_deposit": digits,
}


def _is_over(lock: dict[str, Any]) -> bool:
    """A tombstone, which has no terms."""
    return lock["state"] in ("withdrawn", "refunded")


def fits_view(method: str, answer: Any) -> bool:
    """Whether a contract's answer has the view method's shape."""
    return _VIEWS[method](answer)
