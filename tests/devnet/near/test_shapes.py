"""Every answer has the shape of nearcore's own schema, and no field more."""

from collections.abc import Sequence
from typing import Any

import near_jsonrpc_models as models
import pytest
from near_jsonrpc_client import NearClientSync
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NEAR, Key, NearClient, Outcome, Signer, call
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.contracts import KEEPER, contract
from tests.devnet.near.delegates import delegated
from tests.devnet.near.oracle import assert_error_fits, assert_fits, call_of, error_of

_NOTHING = "11111111111111111111111111111111"
_VIEW_CODE = {"request_type": "view_code", "finality": "optimistic"}

# Calls keeper.test.near, which returns null, and is called back.
CALLBACK = contract(
    {
        "run": """(drop (call $promise_then
            (call $promise_create (i64.const 16) (i64.const 1024) (i64.const 3) (i64.const 1040)
                (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 10000000000000))
            (i64.const 16) (i64.const 1043) (i64.const 4) (i64.const 1059)
            (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 10000000000000)))""",
        "done": "",
    },
    text="keeper.test.neargetcaller.test.neardone",
)


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
        ("block", {"sync_checkpoint": "genesis"}, models.RpcBlockResponse),
        ("block", {"sync_checkpoint": "earliest_available"}, models.RpcBlockResponse),
        ("gas_price", [0], models.RpcGasPriceResponse),
        ("validators", [None], models.RpcValidatorResponse),
        ("validators", ["latest"], models.RpcValidatorResponse),
        ("validators", {"epoch_id": _NOTHING}, models.RpcValidatorResponse),
        ("EXPERIMENTAL_validators_ordered", [None], list[models.ValidatorStakeView]),
        ("network_info", [], models.RpcNetworkInfoResponse),
        ("EXPERIMENTAL_protocol_config", {"finality": "final"}, models.RpcProtocolConfigResponse),
        ("maintenance_windows", ["test.near"], list[models.RangeOfUint64]),
        ("EXPERIMENTAL_maintenance_windows", ["test.near"], list[models.RangeOfUint64]),
        (
            "EXPERIMENTAL_congestion_level",
            {"block_id": 0, "shard_id": 0},
            models.RpcCongestionLevelResponse,
        ),
        ("EXPERIMENTAL_split_storage_info", [], models.RpcSplitStorageInfoResponse),
        (
            "EXPERIMENTAL_view_account",
            {"account_id": "test.near", "finality": "final"},
            models.RpcViewAccountResponse,
        ),
        (
            "EXPERIMENTAL_view_access_key_list",
            {"account_id": "test.near", "finality": "final"},
            models.RpcViewAccessKeyListResponse,
        ),
        (
            "EXPERIMENTAL_view_state",
            {"account_id": "test.near", "prefix_base64": "", "finality": "final"},
            models.RpcViewStateResponse,
        ),
    ],
)
def test_node_and_chain(near: NearClient, method: str, params: Any, model: Any) -> None:
    answer = call_of(near, method, params)
    if (
        answer is not None and "genesis_time" in answer
    ):  # a model reads the time in microseconds only
        answer["genesis_time"] = answer["genesis_time"][:-4] + "Z"
    assert_fits(answer, model)


@pytest.mark.parametrize("method", ["genesis_config", "EXPERIMENTAL_genesis_config"])
def test_genesis(near: NearClient, method: str) -> None:
    answer = near.rpc.call(method)
    answer["genesis_time"] = answer["genesis_time"][:-4] + "Z"
    assert_fits(answer, models.GenesisConfig)
    genesis = near.rpc.call("block", sync_checkpoint="genesis")["header"]
    assert answer["genesis_height"] == genesis["height"]
    assert answer["total_supply"] == genesis["total_supply"]


def test_every_method_of_the_schema_is_there_but_for_those_named(near: NearClient) -> None:
    """The client's methods are those of nearcore's schema; the page says which are missing."""
    missing = set()
    for name in dir(NearClientSync):
        if not name.startswith("_") and name != "close":
            method = name.replace("experimental_", "EXPERIMENTAL_")
            error = _answer(near, method).get("error", {})
            if error.get("cause", {}).get("name") == "METHOD_NOT_FOUND":
                missing.add(method)
    assert missing == {
        "EXPERIMENTAL_indexer_block",
        "EXPERIMENTAL_light_client_block_proof",
        "EXPERIMENTAL_light_client_proof",
        "EXPERIMENTAL_receipt_to_tx",
        "client_config",
        "light_client_proof",
        "next_light_client_block",
    }


def _answer(near: NearClient, method: str) -> dict[str, Any]:
    try:
        return {"result": near.rpc.call(method)}
    except JsonRpcError as error:
        return {"error": error.error}


def test_views_as_methods_of_their_own(near: NearClient, new_account: NewAccount) -> None:
    keeper = new_account("keeper", wasm=KEEPER)
    at = {"account_id": keeper.account_id, "finality": "optimistic"}
    for method, params, model in (
        ("view_code", {}, models.RpcViewCodeResponse),
        ("view_access_key", {"public_key": keeper.key.public_key}, models.RpcViewAccessKeyResponse),
        (
            "call_function",
            {"method_name": "get", "args_base64": ""},
            models.RpcCallFunctionResponse,
        ),
    ):
        answer = near.rpc.call(f"EXPERIMENTAL_{method}", **at, **params)
        assert_fits(answer, model)
        assert answer == near.query(method, keeper.account_id, **params)


@pytest.mark.parametrize(
    ("method", "params", "cause", "model"),
    [
        (
            "view_access_key",
            {"public_key": "ed25519:" + _NOTHING},
            "UNKNOWN_ACCESS_KEY",
            models.ErrorWrapperForRpcViewAccessKeyError,
        ),
        (
            "call_function",
            {"method_name": "set_and_panic", "args_base64": ""},
            "CONTRACT_EXECUTION_ERROR",
            models.ErrorWrapperForRpcCallFunctionError,
        ),
        (
            "call_function",
            {"method_name": "unreachable", "args_base64": ""},
            "CONTRACT_EXECUTION_ERROR",
            models.ErrorWrapperForRpcCallFunctionError,
        ),
        (
            "call_function",
            {"method_name": "missing", "args_base64": ""},
            "CONTRACT_EXECUTION_ERROR",
            models.ErrorWrapperForRpcCallFunctionError,
        ),
    ],
)
def test_what_query_answers_as_a_result_is_an_error_of_the_method(
    near: NearClient, new_account: NewAccount, method: str, params: Any, cause: str, model: Any
) -> None:
    keeper = new_account("keeper", wasm=KEEPER)
    at = {"account_id": keeper.account_id, "finality": "optimistic"}
    error = error_of(near, f"EXPERIMENTAL_{method}", {**at, **params})
    assert error["cause"]["name"] == cause
    assert_error_fits(error, model)
    head = near.rpc.call("block", finality="optimistic")["header"]
    assert near.query(method, keeper.account_id, **params) == {
        "error": error["data"],
        "logs": [],
        "block_height": head["height"],
        "block_hash": head["hash"],
    }


def test_a_receipt_of_actions_and_one_of_data(near: NearClient, new_account: NewAccount) -> None:
    new_account("keeper", wasm=KEEPER)
    caller = new_account("caller", wasm=CALLBACK)
    sent = near.send(caller, caller.account_id, [call("run", b"")], "FINAL")
    assert sent.failures == []
    status = near.rpc.call("EXPERIMENTAL_tx_status", sent.hash, caller.account_id)
    assert_fits(status, models.RpcTransactionResponseFinalExecutionOutcomeWithReceiptView)
    sent_receipts = []
    for block_hash in sorted(_blocks(sent)):
        chunk = near.rpc.call("chunk", block_id=block_hash, shard_id=0)
        assert_fits(chunk, models.RpcChunkResponse)
        sent_receipts += chunk["receipts"]
    kinds = set()
    for receipt in sent_receipts:
        answer = near.rpc.call("EXPERIMENTAL_receipt", receipt["receipt_id"])
        assert_fits(answer, models.RpcReceiptResponse)
        assert answer == receipt
        kinds |= set(answer["receipt"])
    assert kinds == {"Action", "Data"}
    data = next(each["receipt"]["Data"] for each in sent_receipts if "Data" in each["receipt"])
    waiting = next(
        each for each in status["receipts"] if each["receipt"]["Action"]["input_data_ids"]
    )
    assert waiting["receipt"]["Action"]["input_data_ids"] == [data["data_id"]]


def test_a_delegate_action(near: NearClient, new_account: NewAccount) -> None:
    keeper, relayer = new_account("keeper", wasm=KEEPER), new_account("relayer")
    full, limited = Key.generate().public_bytes, Key.generate().public_bytes
    sent = near.send(
        relayer,
        keeper.account_id,
        [
            delegated(
                near,
                keeper,
                keeper.account_id,
                [
                    tx.create_transfer_action(1),
                    call("set", b"1"),
                    tx.create_full_access_key_action(full),
                    tx.create_function_call_access_key_action(limited, NEAR, "test.near", ["set"]),
                    tx.create_delete_access_key_action(full),
                    tx.create_deploy_contract_action(KEEPER),
                ],
            )
        ],
        "FINAL",
    )
    assert sent.failures == []
    assert_fits(sent.raw, models.RpcTransactionResponseFinalExecutionOutcomeView)
    status = near.rpc.call("EXPERIMENTAL_tx_status", sent.hash, relayer.account_id)
    assert_fits(status, models.RpcTransactionResponseFinalExecutionOutcomeWithReceiptView)
    failed = near.send(
        relayer, "test.near", [delegated(near, keeper, "test.near", [call("set")])], "FINAL"
    )
    assert_fits(failed.raw, models.RpcTransactionResponseFinalExecutionOutcomeView)


def test_an_eth_implicit_account(near: NearClient, root: Signer) -> None:
    name = "0x" + "12" * 20
    made = near.send(root, name, [tx.create_transfer_action(NEAR)], "FINAL")
    assert_fits(near.view_account(name), models.RpcViewAccountResponse)
    _check_changes(near, made.raw["receipts_outcome"][0]["block_hash"], name)
    called = near.send(root, name, [call("rlp_execute")], "FINAL")
    assert_fits(called.raw, models.RpcTransactionResponseFinalExecutionOutcomeView)
    error = error_of(near, "query", {**_VIEW_CODE, "account_id": name})
    assert error["cause"]["name"] == "NO_GLOBAL_CONTRACT_CODE"
    assert_error_fits(error, models.ErrorWrapperForRpcQueryError)


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


def _blocks(outcome: Outcome) -> set[str]:
    return {receipt["block_hash"] for receipt in outcome.raw["receipts_outcome"]}
