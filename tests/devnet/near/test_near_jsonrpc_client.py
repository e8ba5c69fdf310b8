"""near-jsonrpc-client, as it is published, works against the node."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import near_jsonrpc_models as models
import pytest
from near_jsonrpc_client import NearClientSync
from near_jsonrpc_client.errors import RpcError
from py_near import transactions as tx

from devnet.near.client import NEAR, NearClient, Signer
from devnet.near.status import LEVELS, Level
from tests.devnet.near.conftest import NewAccount
from tests.devnet.near.delegates import delegated
from tests.devnet.near.running import Running

NOTHING = "11111111111111111111111111111111"


@pytest.fixture
def client(node: Running, near: NearClient) -> Iterator[Any]:
    with closing(NearClientSync(rpc_urls=node.url)) as made:
        yield made


def _query(**fields: Any) -> Any:
    return models.RpcQueryRequest.model_validate(fields)


def test_reads_the_chain(client: Any, near: NearClient) -> None:
    status = client.status()
    assert status.chain_id == "devnet"
    request = models.RpcBlockRequest.model_validate({"finality": "final"})
    assert client.block(params=request).header.height == 0
    account = client.query(
        params=_query(request_type="view_account", finality="final", account_id="test.near")
    )
    assert account.root.amount.root == near.view_account("test.near")["amount"]


def test_sends_and_follows(client: Any, near: NearClient, root: Signer) -> None:
    signed = near.sign(root, "test.near", [tx.create_transfer_action(1)])
    request = models.RpcSendTransactionRequest.model_validate(
        {"signed_tx_base64": signed, "wait_until": "FINAL"}
    )
    sent = client.send_tx(params=request).root
    assert sent.final_execution_status.root == "FINAL"
    follow = models.RpcTransactionStatusRequest.model_validate(
        {
            "tx_hash": sent.transaction.hash.root,
            "sender_account_id": "test.near",
            "wait_until": "FINAL",
        }
    )
    followed = client.tx(params=follow).root
    assert followed.transaction_outcome == sent.transaction_outcome


@pytest.mark.parametrize(
    ("method", "request_model", "params"),
    [
        ("block", models.RpcBlockRequest, {"block_id": 0}),
        ("chunk", models.RpcChunkRequest, {"block_id": 0, "shard_id": 0}),
        ("gas_price", models.RpcGasPriceRequest, {"block_id": None}),
        ("validators", models.RpcValidatorRequest, {"latest": ""}),
        ("network_info", models.RpcNetworkInfoRequest, None),
        ("health", models.RpcHealthRequest, None),
        ("genesis_config", models.GenesisConfigRequest, None),
        ("experimental_genesis_config", models.GenesisConfigRequest, None),
        (
            "experimental_protocol_config",
            models.RpcProtocolConfigRequest,
            {"finality": "final"},
        ),
        ("experimental_validators_ordered", models.RpcValidatorsOrderedRequest, {"block_id": 0}),
        (
            "experimental_maintenance_windows",
            models.RpcMaintenanceWindowsRequest,
            {"account_id": "test.near"},
        ),
        (
            "experimental_congestion_level",
            models.RpcCongestionLevelRequest,
            {"block_id": 0, "shard_id": 0},
        ),
        ("experimental_split_storage_info", models.RpcSplitStorageInfoRequest, {}),
        (
            "experimental_view_account",
            models.RpcViewAccountRequest,
            {"account_id": "test.near", "finality": "final"},
        ),
        (
            "experimental_view_access_key_list",
            models.RpcViewAccessKeyListRequest,
            {"account_id": "test.near", "finality": "final"},
        ),
        ("block_effects", models.RpcStateChangesInBlockRequest, {"finality": "final"}),
        (
            "changes",
            models.RpcStateChangesInBlockByTypeRequest,
            {"changes_type": "account_changes", "account_ids": ["test.near"], "finality": "final"},
        ),
    ],
)
def test_reads_every_answer(client: Any, method: str, request_model: Any, params: Any) -> None:
    """The client reads each answer into its own models, or raises."""
    call_it = getattr(client, method)
    if params is None:
        call_it()
    else:
        call_it(params=request_model.model_validate(params))


@pytest.mark.parametrize(
    "level", ["INCLUDED", "EXECUTED_OPTIMISTIC", "INCLUDED_FINAL", "EXECUTED", "FINAL"]
)  # its models can't read what nearcore answers to NONE
def test_waits_for_each_level(client: Any, near: NearClient, root: Signer, level: str) -> None:
    signed = near.sign(root, "test.near", [tx.create_transfer_action(1)])
    request = models.RpcSendTransactionRequest.model_validate(
        {"signed_tx_base64": signed, "wait_until": level}
    )
    sent = client.send_tx(params=request).root
    reached = LEVELS.index(sent.final_execution_status.root)
    assert reached >= LEVELS.index(cast(Level, level))
    by_bytes = models.RpcTransactionStatusRequest.model_validate(
        {"signed_tx_base64": signed, "wait_until": level}
    )
    for follow in (client.tx, client.experimental_tx_status, client.tx_status):
        found = follow(params=by_bytes).root
        assert found.transaction.signer_id.root == "test.near"


def test_relays_a_delegate_action(
    client: Any, near: NearClient, root: Signer, new_account: NewAccount
) -> None:
    alice = new_account("alice")
    action = delegated(near, alice, "test.near", [tx.create_transfer_action(3)])
    request = models.RpcSendTransactionRequest.model_validate(
        {"signed_tx_base64": near.sign(root, alice.account_id, [action]), "wait_until": "FINAL"}
    )
    sent = client.send_tx(params=request).root
    shown = sent.transaction.actions[0].root.Delegate.delegate_action
    assert shown.sender_id.root == alice.account_id
    assert near.balance(alice.account_id) == 10 * NEAR  # the relayer pays the deposit, too


@pytest.mark.parametrize(
    ("method", "request_model", "params", "cause"),
    [
        ("block", models.RpcBlockRequest, {"block_id": 10**9}, "UNKNOWN_BLOCK"),
        ("chunk", models.RpcChunkRequest, {"chunk_id": NOTHING}, "UNKNOWN_CHUNK"),
        ("gas_price", models.RpcGasPriceRequest, {"block_id": 10**9}, "UNKNOWN_BLOCK"),
        ("validators", models.RpcValidatorRequest, {"block_id": 10**9}, "UNKNOWN_EPOCH"),
        (
            "experimental_receipt",
            models.RpcReceiptRequest,
            {"receipt_id": NOTHING},
            "UNKNOWN_RECEIPT",
        ),
        (
            "tx",
            models.RpcTransactionStatusRequest,
            {"tx_hash": NOTHING, "sender_account_id": "test.near", "wait_until": "NONE"},
            "UNKNOWN_TRANSACTION",
        ),
        (
            "experimental_view_code",
            models.RpcViewCodeRequest,
            {"account_id": "test.near", "finality": "final"},
            "NO_CONTRACT_CODE",
        ),
        (
            "experimental_call_function",
            models.RpcCallFunctionRequest,
            {
                "account_id": "test.near",
                "method_name": "get",
                "args_base64": "",
                "finality": "final",
            },
            "CONTRACT_EXECUTION_ERROR",
        ),
    ],
)
def test_reads_every_error(
    client: Any, method: str, request_model: Any, params: Any, cause: str
) -> None:
    with pytest.raises(RpcError) as refused:
        getattr(client, method)(params=request_model.model_validate(params))
    assert refused.value.error.error.root.cause.root.name == cause


def test_reads_errors(client: Any) -> None:
    with pytest.raises(RpcError) as refused:
        client.query(
            params=_query(
                request_type="view_account", finality="final", account_id="nobody.test.near"
            )
        )
    assert refused.value.error.error.root.cause.root.name == "UNKNOWN_ACCOUNT"
