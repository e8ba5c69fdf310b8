"""A JSON-RPC client that compares every answer and every error with nearcore's schema.

The shared node's client is one, so that each test of this folder is a test of shapes, too.
"""

from typing import Any

import near_jsonrpc_models as models

from devnet.jsonrpc import JsonRpc, JsonRpcError
from tests.devnet.near.oracle import assert_error_fits, assert_fits

_OUTCOME = models.RpcTransactionResponseFinalExecutionOutcomeView
_WITH_RECEIPTS = models.RpcTransactionResponseFinalExecutionOutcomeWithReceiptView
_TRANSACTION_ERROR = models.ErrorWrapperForRpcTransactionError
_CHANGES_ERROR = models.ErrorWrapperForRpcStateChangesError

SCHEMA: dict[str, tuple[Any, Any]] = {
    "block": (models.RpcBlockResponse, models.ErrorWrapperForRpcBlockError),
    "chunk": (models.RpcChunkResponse, models.ErrorWrapperForRpcChunkError),
    "gas_price": (models.RpcGasPriceResponse, models.ErrorWrapperForRpcGasPriceError),
    "status": (models.RpcStatusResponse, models.ErrorWrapperForRpcStatusError),
    "validators": (models.RpcValidatorResponse, models.ErrorWrapperForRpcValidatorError),
    "query": (models.RpcQueryResponse, models.ErrorWrapperForRpcQueryError),
    "broadcast_tx_async": (str, _TRANSACTION_ERROR),
    "broadcast_tx_commit": (_OUTCOME, _TRANSACTION_ERROR),
    "send_tx": (_OUTCOME, _TRANSACTION_ERROR),
    "tx": (_OUTCOME, _TRANSACTION_ERROR),
    "EXPERIMENTAL_tx_status": (_WITH_RECEIPTS, _TRANSACTION_ERROR),
    "EXPERIMENTAL_changes": (models.RpcStateChangesInBlockResponse, _CHANGES_ERROR),
    "EXPERIMENTAL_changes_in_block": (
        models.RpcStateChangesInBlockByTypeResponse,
        _CHANGES_ERROR,
    ),
    "EXPERIMENTAL_receipt": (models.RpcReceiptResponse, models.ErrorWrapperForRpcReceiptError),
}


class CheckedJsonRpc(JsonRpc):
    """Fails when an answer lacks a field of the schema, or has one that the schema has not."""

    def call(self, method: str, *params: Any, **named: Any) -> Any:
        """The result of one call; raises JsonRpcError, AssertionError and ValueError."""
        try:
            answer = super().call(method, *params, **named)
        except JsonRpcError as error:
            if method in SCHEMA:
                _check_error(method, error.error)
            raise
        if method in SCHEMA:
            _check_answer(method, answer)
        return answer


def _check_answer(method: str, answer: Any) -> None:
    if method == "query" and "error" in answer:  # outside of the schema, for old clients' sake
        assert set(answer) == {"error", "logs", "block_height", "block_hash"}
    elif answer != {"final_execution_status": "NONE"}:  # the models can't read that one
        assert_fits(answer, SCHEMA[method][0])


def _check_error(method: str, error: dict[str, Any]) -> None:
    if error["cause"]["name"] != "METHOD_NOT_FOUND":
        assert_error_fits(error, SCHEMA[method][1])
    if error["cause"]["name"] == "INVALID_TRANSACTION":
        assert_fits(error["data"]["TxExecutionError"], models.TxExecutionError)
