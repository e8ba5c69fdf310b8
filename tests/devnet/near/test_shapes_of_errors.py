"""Every error has the shape that nearcore's own schema gives it."""

from typing import Any

import near_jsonrpc_models as models
import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NearClient, Signer
from tests.devnet.near.oracle import assert_error_fits, assert_fits, error_of

_NOTHING = "11111111111111111111111111111111"


@pytest.mark.parametrize(
    ("method", "params", "model"),
    [
        ("block", [10**9], models.ErrorWrapperForRpcBlockError),
        ("block", [_NOTHING], models.ErrorWrapperForRpcBlockError),
        ("gas_price", [10**9], models.ErrorWrapperForRpcGasPriceError),
        ("chunk", [_NOTHING], models.ErrorWrapperForRpcChunkError),
        ("chunk", [0, 7], models.ErrorWrapperForRpcChunkError),
        ("chunk", [10**9, 0], models.ErrorWrapperForRpcChunkError),
        (
            "EXPERIMENTAL_changes_in_block",
            {"block_id": 10**9},
            models.ErrorWrapperForRpcStateChangesError,
        ),
        ("EXPERIMENTAL_changes", {"block_id": 10**9}, models.ErrorWrapperForRpcStateChangesError),
        (
            "EXPERIMENTAL_changes",
            {
                "block_id": 10**9,
                "changes_type": "account_changes",
                "account_ids": ["test.near"],
            },
            models.ErrorWrapperForRpcStateChangesError,
        ),
        ("validators", [10**9], models.ErrorWrapperForRpcValidatorError),
        ("validators", [0], models.ErrorWrapperForRpcValidatorError),
        (
            "validators",
            {"epoch_id": "4reLvkAWfqk5fsqio1KLudk46cqRz9erQdaHkWZKMJDZ"},
            models.ErrorWrapperForRpcValidatorError,
        ),
        ("EXPERIMENTAL_receipt", [_NOTHING], models.ErrorWrapperForRpcReceiptError),
        ("EXPERIMENTAL_receipt", ["?"], models.ErrorWrapperForRpcReceiptError),
        (
            "EXPERIMENTAL_protocol_config",
            {"block_id": 10**9},
            models.ErrorWrapperForRpcProtocolConfigError,
        ),
        (
            "EXPERIMENTAL_congestion_level",
            {"block_id": 0, "shard_id": 3},
            models.ErrorWrapperForRpcChunkError,
        ),
        (
            "EXPERIMENTAL_view_code",
            {"account_id": "test.near", "finality": "final"},
            models.ErrorWrapperForRpcViewCodeError,
        ),
        (
            "EXPERIMENTAL_view_state",
            {"account_id": "nobody.near", "finality": "final", "prefix_base64": ""},
            models.ErrorWrapperForRpcViewStateError,
        ),
        (
            "EXPERIMENTAL_view_access_key_list",
            {"account_id": "nobody.near", "finality": "final"},
            models.ErrorWrapperForRpcViewAccessKeyListError,
        ),
        (
            "EXPERIMENTAL_view_account",
            {"account_id": "test.near", "block_id": 10**9},
            models.ErrorWrapperForRpcViewAccountError,
        ),
        (
            "tx",
            {"tx_hash": _NOTHING, "sender_account_id": "test.near", "wait_until": "NONE"},
            models.ErrorWrapperForRpcTransactionError,
        ),
        ("tx", ["?", "test.near"], models.ErrorWrapperForRpcTransactionError),
        ("send_tx", ["AA=="], models.ErrorWrapperForRpcTransactionError),
        ("broadcast_tx_commit", [], models.ErrorWrapperForRpcTransactionError),
    ],
)
def test_errors_of_methods(near: NearClient, method: str, params: Any, model: Any) -> None:
    assert_error_fits(error_of(near, method, params), model)


@pytest.mark.parametrize(
    "query",
    [
        {"request_type": "view_account", "account_id": "nobody.test.near"},
        {"request_type": "view_account", "account_id": "not valid"},
        {"request_type": "view_account", "account_id": "test.near", "block_id": 10**9},
        {"request_type": "view_account", "account_id": "test.near", "block_id": _NOTHING},
        {"request_type": "view_code", "account_id": "test.near"},
        {"request_type": "view_everything", "account_id": "test.near"},
        {"request_type": "view_account", "account_id": "test.near", "finality": "soon"},
    ],
)
def test_errors_of_queries(near: NearClient, query: dict[str, Any]) -> None:
    error = error_of(near, "query", {"finality": "final", **query})
    assert_error_fits(error, models.ErrorWrapperForRpcQueryError)


def test_refused_transaction(near: NearClient, root: Signer) -> None:
    with pytest.raises(JsonRpcError) as refused:
        near.send(root, "test.near", [tx.create_transfer_action(10**34)])
    assert_error_fits(refused.value.error, models.ErrorWrapperForRpcTransactionError)
    assert_fits(refused.value.error["data"]["TxExecutionError"], models.TxExecutionError)
