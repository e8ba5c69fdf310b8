"""near-api-js, as it is published, works against the node: all that py-near does, and more.

One run of `near_api_js.mjs` does it all and prints what it saw; the tests say what that must be.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devnet.near.client import NEAR
from tests.devnet.near.contracts import KEEPER
from tests.devnet.near.running import Running, running_node

SCRIPT = Path(__file__).with_name("near_api_js.mjs")
SECONDS = 120
UNKNOWN = "4reLvkAWfqk5fsqio1KLudk46cqRz9erQdaHkWZKMJDZ"


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    with running_node() as running:
        yield running


@pytest.fixture(scope="module")
def seen(node: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    wasm = tmp_path_factory.mktemp("wasm") / "keeper.wasm"
    wasm.write_bytes(KEEPER)
    arguments = [node.url, node.root.account_id, node.root.key.secret_key, str(wasm)]
    done = subprocess.run(
        ["node", SCRIPT, *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    assert [part for part in answer.values() if "failed" in part] == []
    return answer


def test_accounts(seen: dict[str, Any]) -> None:
    state = seen["accounts"]["state"]
    assert (state["storageUsage"], state["codeHash"]) == (182, "1" * 32)
    assert state["balance"]["total"] == str(20 * NEAR)
    assert state["balance"]["usedOnStorage"] == str(182 * 10**19)
    assert seen["accounts"]["gained"] == str(NEAR)


def test_contracts(seen: dict[str, Any]) -> None:
    assert seen["contracts"] == {
        "returned": None,
        "viewed": {"a": 2},
        "codeBytes": len(KEEPER),
        "logs": ["set"],
        "values": [{"key": "a2V5", "value": "eyJhIjoyfQ=="}],
    }


def test_keys(seen: dict[str, Any]) -> None:
    keys = seen["keys"]
    assert keys["listed"] == 4  # two ed25519 keys of full access, one of calls, one secp256k1
    allowance = int(keys["permission"]["FunctionCall"].pop("allowance"))
    assert 0 < NEAR - allowance < NEAR // 100
    assert keys["permission"] == {
        "FunctionCall": {"receiver_id": "keeper.test.near", "method_names": ["set"]}
    }
    assert keys["refused"]["name"] == "AccessKeyMethodNameMismatchActionError"
    assert keys["refused"]["methodName"] == "remove"
    assert keys["gone"]["name"] == "AccessKeyDoesNotExistError"
    assert keys["dead"]["name"] == "AccessKeyNotFoundActionError"
    assert keys["gone"]["publicKey"] == keys["dead"]["publicKey"] == keys["deleted"]


def test_deletion(seen: dict[str, Any]) -> None:
    deletion = seen["deletion"]
    assert deletion["missing"]["name"] == "AccountDoesNotExistError"
    assert deletion["missing"]["accountId"] == "leaver.test.near"
    assert 0 < 20 * NEAR - int(deletion["gained"]) < NEAR // 100  # but for the fee of deleting


def test_meta_transactions(seen: dict[str, Any]) -> None:
    meta = seen["metaTransactions"]
    assert (meta["viewed"], meta["spent"]) == ({"meta": 1}, "0")
    assert meta["again"]["name"] == "DelegateActionInvalidNonceActionError"
    assert meta["again"]["akNonce"] == meta["again"]["delegateNonce"]
    assert meta["expired"]["name"] == "DelegateActionExpiredActionError"


def test_waiting_levels(seen: dict[str, Any]) -> None:
    reached = seen["levels"]
    enough = {
        "INCLUDED": ("EXECUTED_OPTIMISTIC",),  # on demand, a transaction is executed at once
        "EXECUTED_OPTIMISTIC": ("EXECUTED_OPTIMISTIC",),
        "INCLUDED_FINAL": ("FINAL",),
        "EXECUTED": ("FINAL",),
        "FINAL": ("FINAL",),
    }
    assert reached.pop("NONE") == "NONE"
    for level, levels in enough.items():
        assert reached[level] in levels
        assert reached[f"{level} followed"] in levels
        assert reached[f"{level} receipts"] == 1


def test_the_chain(seen: dict[str, Any]) -> None:
    assert seen["chain"] == {
        "chainId": "devnet",
        "chunkHeight": 0,
        "validators": ["test.near"],
        "gasPrice": "100000000",
        "bytePrice": str(10**19),
        "changed": [["account_touched", "alice.test.near"]],
        "accountChanges": ["account_update"],
        "receipt": [{"Transfer": {"deposit": "5"}}],
    }


@pytest.mark.parametrize(
    ("attempt", "name", "fields"),
    [
        ("unknownAccount", "AccountDoesNotExistError", {"accountId": "nobody.test.near"}),
        ("unknownBlock", "UnknownBlockError", {}),
        ("unknownChunk", "UnknownChunkError", {"chunkHash": UNKNOWN}),
        ("unknownReceipt", "UnknownReceiptError", {"receiptId": UNKNOWN}),
        ("unknownTransaction", "UnknownTransactionError", {"txHash": UNKNOWN}),
        ("noCode", "ContractCodeDoesNotExistError", {}),
        ("noMethod", "ContractMethodNotFoundError", {}),
        ("viewPanic", "RpcError", {}),  # it has no name for a view's panic or trap
        ("viewTrap", "RpcError", {}),
        ("callPanic", "ContractExecutionError", {}),
        ("tooPoor", "NotEnoughBalanceError", {"signerId": "poor.test.near", "balance": str(NEAR)}),
        ("noReceiver", "AccountDoesNotExistActionError", {"accountId": "nobody.test.near"}),
        ("accountExists", "AccountAlreadyExistsActionError", {"accountId": "poor.test.near"}),
        ("unknownKey", "AccessKeyDoesNotExistError", {}),
        ("staleNonce", "InvalidNonceError", {"transactionNonce": 1}),
    ],
)
def test_errors(seen: dict[str, Any], attempt: str, name: str, fields: dict[str, Any]) -> None:
    error = seen["errors"][attempt]
    assert error["name"] == name
    assert {key: error[key] for key in fields} == fields
