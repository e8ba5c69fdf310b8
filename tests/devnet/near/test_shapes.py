"""Every answer and error has the shape of nearcore's own schema, and no field more."""

from collections.abc import Sequence
from typing import Any

import near_jsonrpc_models as models
import pytest
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, Key, NearClient, Outcome, Signer, call
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import KEEPER
from tests.devnet.near.oracle import assert_error_fits, assert_fits

_NOTHING = "11111111111111111111111111111111"


def test_the_oracle_refuses_a_field_too_many_or_too_few(near: NearClient) -> None:
    status = near.rpc.call("status")
    sync_info = {**status["sync_info"], "more": 1}
    for wrong in ({**status, "more": 1}, {**status, "sync_info": sync_info}):
        with pytest.raises(AssertionError):
            assert_fits(wrong, models.RpcStatusResponse)
    del status["chain_id"]
    with pytest.raises(ValueError, match="chain_id"):
        assert_fits(status, models.RpcStatusResponse)


@pytest.mark.parametrize(
    ("method", "params", "model"),
    [
        ("status", [], models.RpcStatusResponse),
        ("health", [], type(None)),
        ("block", {"finality": "final"}, models.RpcBlockResponse),
        ("block", [0], models.RpcBlockResponse),
        ("chunk", {"block_id": 0, "shard_id": 0}, models.RpcChunkResponse),
        ("gas_price", [None], models.RpcGasPriceResponse),
        ("validators", [None], models.RpcValidatorResponse),
        ("network_info", [], models.RpcNetworkInfoResponse),
    ],
)
def test_node_and_chain(near: NearClient, method: str, params: Any, model: Any) -> None:
    assert_fits(_call(near, method, params), model)


def test_queries(near: NearClient, new_account: NewAccount) -> None:
    keeper = new_account("keeper", wasm=KEEPER)
    limited = tx.create_function_call_access_key_action(
        Key.generate().public_bytes, NEAR, keeper.account_id, ["set"]
    )
    near.send(keeper, keeper.account_id, [call("set", b"1"), limited])
    name = keeper.account_id
    for query, model in (
        (near.view_account(name), models.RpcViewAccountResponse),
        (near.query("view_code", name), models.RpcViewCodeResponse),
        (near.query("view_state", name, prefix_base64=""), models.RpcViewStateResponse),
        (near.query("view_access_key_list", name), models.RpcViewAccessKeyListResponse),
        (
            near.query("view_access_key", name, public_key=keeper.key.public_key),
            models.RpcViewAccessKeyResponse,
        ),
        (
            near.query("call_function", name, method_name="get", args_base64=""),
            models.RpcCallFunctionResponse,
        ),
    ):
        assert_fits(query, model)
        assert_fits(query, models.RpcQueryResponse)


@pytest.mark.parametrize(
    "actions",
    [
        [call("set", b"1", deposit=1)],
        [call("set_and_panic", b"1", deposit=1)],
        [call("unreachable")],
        [call("missing")],
        [tx.create_delete_access_key_action(Key.generate().public_bytes)],
        [tx.create_deploy_contract_action(b"no wasm")],
        [tx.create_deploy_contract_action(KEEPER), call("set")],
        [tx.create_staking_action(NEAR, Key.generate().public_bytes)],
        [tx.create_full_access_key_action(Key.generate().public_bytes)],
        [
            tx.create_function_call_access_key_action(
                Key.generate().public_bytes, NEAR, "test.near", ["set"]
            )
        ],
        [tx.create_create_account_action()],
        [tx.create_transfer_action(1)],
    ],
)
def test_transactions(near: NearClient, new_account: NewAccount, actions: Sequence[Any]) -> None:
    keeper = new_account("keeper", wasm=KEEPER)
    outcome = near.send(keeper, keeper.account_id, actions, "FINAL")
    assert_fits(outcome.raw, models.RpcTransactionResponseFinalExecutionOutcomeView)
    status = near.rpc.call("EXPERIMENTAL_tx_status", outcome.hash, keeper.account_id)
    assert_fits(status, models.RpcTransactionResponseFinalExecutionOutcomeWithReceiptView)
    for block_hash in _blocks(outcome):
        assert_fits(near.rpc.call("block", block_hash), models.RpcBlockResponse)
        chunk = near.rpc.call("chunk", block_id=block_hash, shard_id=0)
        assert_fits(chunk, models.RpcChunkResponse)
        _check_changes(near, block_hash, keeper.account_id)
        touched = near.rpc.call("EXPERIMENTAL_changes_in_block", block_id=block_hash)
        assert_fits(touched, models.RpcStateChangesInBlockByTypeResponse)


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
        ("tx", [_NOTHING, "test.near"], models.ErrorWrapperForRpcTransactionError),
        ("tx", ["?", "test.near"], models.ErrorWrapperForRpcTransactionError),
        ("send_tx", ["AA=="], models.ErrorWrapperForRpcTransactionError),
        ("broadcast_tx_commit", [], models.ErrorWrapperForRpcTransactionError),
    ],
)
def test_errors_of_methods(near: NearClient, method: str, params: Any, model: Any) -> None:
    assert_error_fits(_error(near, method, params), model)


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
    error = _error(near, "query", {"finality": "final", **query})
    assert_error_fits(error, models.ErrorWrapperForRpcQueryError)


def test_refused_transaction(near: NearClient, root: Signer) -> None:
    with pytest.raises(JsonRpcError) as refused:
        near.send(root, "test.near", [tx.create_transfer_action(10**34)])
    assert_error_fits(refused.value.error, models.ErrorWrapperForRpcTransactionError)
    assert_fits(refused.value.error["data"]["TxExecutionError"], models.TxExecutionError)


def _check_changes(near: NearClient, block_hash: str, account_id: str) -> None:
    for kind in (
        "account_changes", "all_access_key_changes", "contract_code_changes", "data_changes",
    ):  # fmt: skip
        changes = near.rpc.call(
            "EXPERIMENTAL_changes",
            changes_type=kind,
            account_ids=[account_id],
            key_prefix_base64="",
            block_id=block_hash,
        )
        assert_fits(changes, models.RpcStateChangesInBlockResponse)


def _call(near: NearClient, method: str, params: Any) -> Any:
    if isinstance(params, dict):
        return near.rpc.call(method, **params)
    return near.rpc.call(method, *params)


def _error(near: NearClient, method: str, params: Any) -> dict[str, Any]:
    with pytest.raises(JsonRpcError) as refused:
        _call(near, method, params)
    return refused.value.error


def _blocks(outcome: Outcome) -> set[str]:
    return {receipt["block_hash"] for receipt in outcome.raw["receipts_outcome"]}
