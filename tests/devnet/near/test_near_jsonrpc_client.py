"""near-jsonrpc-client, as it is published, works against the node."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import near_jsonrpc_models as models
import pytest
from near_jsonrpc_client import NearClientSync
from near_jsonrpc_client.errors import RpcError
from py_near import transactions as tx

from devnet.near.client import NearClient, Signer
from tests.devnet.near.running import Running


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


def test_reads_errors(client: Any) -> None:
    with pytest.raises(RpcError) as refused:
        client.query(
            params=_query(
                request_type="view_account", finality="final", account_id="nobody.test.near"
            )
        )
    assert refused.value.error.error.root.cause.root.name == "UNKNOWN_ACCOUNT"
