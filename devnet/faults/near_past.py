"""A NEAR node that lags: it knows nothing newer than the block some way behind the real head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from devnet.faults.kinds import Answer, CallFault, Node

_BEHIND: Final = {"optimistic": 0, "near-final": 1, "final": 2}
_OF_TRANSACTION: Final = ("tx", "tx_status", "EXPERIMENTAL_tx_status")


@dataclass(kw_only=True, eq=False)
class NearPast(CallFault):
    """Answers as of `blocks` ago; what is newer has not happened. Sends still arrive."""

    blocks: int

    async def answer_call(self, call: Mapping[str, Any], node: Node) -> Answer:
        status = await node.result("status", [])
        head = max(0, status["sync_info"]["latest_block_height"] - self.blocks)
        method, params = call["method"], call.get("params")
        if method == "status":
            return {"result": await _past_status(status, head, node)}
        if method in _OF_TRANSACTION:
            return await _past_transaction(await node.answer(call), head, node)
        named = params[0] if isinstance(params, list) and params else params
        block_id = named.get("block_id") if isinstance(named, dict) else named
        if block_id is not None and await _height(block_id, node) > head:
            return _error("UNKNOWN_BLOCK", f"DB Not Found Error: BLOCK: {block_id}")
        return await node.answer({**call, "params": _past_params(params, head)})


def _past_params(params: Any, head: int) -> Any:
    """A finality is replaced by the height that it had."""
    if not isinstance(params, dict) or params.get("finality") not in _BEHIND:
        return params
    rest = {name: value for name, value in params.items() if name != "finality"}
    return {**rest, "block_id": max(0, head - _BEHIND[params["finality"]])}


async def _past_status(status: dict[str, Any], head: int, node: Node) -> dict[str, Any]:
    header = (await node.result("block", {"block_id": head}))["header"]
    latest = {"latest_block_height": head, "latest_block_hash": header["hash"]}
    return {**status, "sync_info": {**status["sync_info"], **latest}}


async def _past_transaction(answer: Answer, head: int, node: Node) -> Answer:
    """Unknown when its block is too new; as far as it had come when its receipts' blocks are."""
    found = answer.get("result")
    if not found or "transaction_outcome" not in found:
        return answer
    included = await _height(found["transaction_outcome"]["block_hash"], node)
    if included > head:
        return _error("UNKNOWN_TRANSACTION", f"Transaction {found['transaction']['hash']}")
    ran = [(await _height(each["block_hash"], node), each) for each in found["receipts_outcome"]]
    seen = [each for height, each in ran if height <= head]
    past = {**found, "receipts_outcome": seen}
    if len(seen) < len(ran):
        past |= {"status": "Started", "final_execution_status": "INCLUDED"}
    elif max([included, *(height for height, _ in ran)]) > head - _BEHIND["final"]:
        past |= {"final_execution_status": "EXECUTED_OPTIMISTIC"}
    return {"result": past}


async def _height(block_id: Any, node: Node) -> int:
    """Of a block named by height or hash; -1 when the node itself does not know it."""
    if isinstance(block_id, int):
        return block_id
    found = await node.result("block", {"block_id": block_id})
    return -1 if found is None else int(found["header"]["height"])


def _error(cause: str, said: str) -> Answer:
    return {
        "error": {
            "name": "HANDLER_ERROR",
            "cause": {"name": cause, "info": {}},
            "code": -32000,
            "message": "Server error",
            "data": said,
        }
    }
