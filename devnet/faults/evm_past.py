"""An EVM node that lags: it knows nothing newer than the block some way behind the real head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from devnet.faults.kinds import Answer, CallFault, Node

_UNKNOWN_BLOCK: Final = {"error": {"code": -32000, "message": "header not found"}}
_NOTHING: Final[Answer] = {"result": None}
_OF_TRANSACTION: Final = ("eth_getTransactionByHash", "eth_getTransactionReceipt")
_BLOCK_AT: Final = {  # the position of the parameter that names a block
    "eth_getBlockByHash": 0,
    "eth_getBlockByNumber": 0,
    "eth_getLogs": 0,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_getStorageAt": 2,
    "eth_call": 1,
}
_HASH_LENGTH: Final = 66


@dataclass(kw_only=True, eq=False)
class EvmPast(CallFault):
    """Answers as of `blocks` ago; what is newer has not happened. Sends still arrive."""

    blocks: int

    async def answer_call(self, call: Mapping[str, Any], node: Node) -> Answer:
        head = max(0, int(await node.result("eth_blockNumber", []), 16) - self.blocks)
        method, params = call["method"], call.get("params") or []
        if method == "eth_blockNumber":
            return {"result": hex(head)}
        if await _named_height(method, params, node) > head:
            return _NOTHING if method.startswith("eth_getBlockBy") else _UNKNOWN_BLOCK
        answer = await node.answer({**call, "params": await self._past(params, head, node)})
        if method in _OF_TRANSACTION and _height_of(answer) > head:
            return _NOTHING
        return answer

    async def _past(self, value: Any, head: int, node: Node) -> Any:
        """Parameters with the tags of the present replaced by heights."""
        if isinstance(value, list):
            return [await self._past(each, head, node) for each in value]
        if isinstance(value, dict):
            return {name: await self._past(each, head, node) for name, each in value.items()}
        if value in ("latest", "pending"):
            return hex(head)
        if value in ("safe", "finalized"):
            tagged = await node.result("eth_getBlockByNumber", [value, False])
            return hex(max(0, int(tagged["number"], 16) - self.blocks))
        return value


async def _named_height(method: str, params: list[Any], node: Node) -> int:
    """The height of the block that a call names by number or hash; -1 for none, or unknown."""
    position = _BLOCK_AT.get(method, len(params))
    named = params[position] if position < len(params) else None
    if isinstance(named, dict):
        named = named.get("blockHash")
    if not isinstance(named, str) or not named.startswith("0x"):
        return -1
    if len(named) < _HASH_LENGTH:
        return int(named, 16)
    found = await node.result("eth_getBlockByHash", [named, False])
    return -1 if found is None else int(found["number"], 16)


def _height_of(answer: Answer) -> int:
    """Of a transaction or receipt; -1 when it is in no block."""
    number = (answer.get("result") or {}).get("blockNumber")
    return -1 if number is None else int(number, 16)
