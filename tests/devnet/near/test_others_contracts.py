"""Contracts that others wrote and built run unmodified; their wasm comes with npm packages.

- near-workspaces: `testnet-linkdrop`, Rust: creates accounts by promises, with callbacks;
- near-hello: AssemblyScript: storage, logs, promises with callbacks, joined promises;
- near-sdk-simulator: AssemblyScript: `sentences` calls `words` and is called back;
  `avlTreeContract` keeps a tree in its storage and calls the host before any method runs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from py_near import transactions as tx

from devnet.near.client import NEAR, TGAS, Key, NearClient, Outcome, Signer, call
from tests.devnet.near.running import Running, running_node

MODULES = Path(__file__).resolve().parents[3] / "node_modules"
SIMULATOR = "near-sdk-simulator/build/release"
WORDS = "words.examples"  # `sentences` knows it by this name


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    with running_node("--account", WORDS) as running:
        yield running


@pytest.fixture
def near(node: Running) -> NearClient:
    return node.near


def _deploy(node: Running, name: str, wasm: str) -> Signer:
    """A new account with the contract."""
    signer = Signer(f"{name}.test.near", Key.generate())
    actions = [
        tx.create_create_account_action(),
        tx.create_transfer_action(20 * NEAR),
        tx.create_full_access_key_action(signer.key.public_bytes),
        tx.create_deploy_contract_action((MODULES / wasm).read_bytes()),
    ]
    assert node.near.send(node.root, signer.account_id, actions, "FINAL").failures == []
    return signer


def _call(node: Running, contract: Signer, method: str, args: Any = None, **more: Any) -> Outcome:
    return node.near.send(node.root, contract.account_id, [call(method, args, **more)], "FINAL")


@pytest.fixture(scope="module")
def linkdrop(node: Running) -> Signer:
    return _deploy(node, "linkdrop", "near-workspaces/core_contracts/testnet-linkdrop.wasm")


@pytest.fixture(scope="module")
def hello(node: Running) -> Signer:
    return _deploy(node, "hello", "near-hello/dist/main.wasm")


@pytest.fixture(scope="module")
def tree(node: Running) -> Signer:
    return _deploy(node, "tree", f"{SIMULATOR}/avlTreeContract.wasm")


@pytest.fixture(scope="module")
def sentences(node: Running) -> Signer:
    code = tx.create_deploy_contract_action((MODULES / SIMULATOR / "words.wasm").read_bytes())
    assert node.near.send(Signer(WORDS, node.root.key), WORDS, [code], "FINAL").failures == []
    return _deploy(node, "sentences", f"{SIMULATOR}/sentences.wasm")


# linkdrop


def _create(node: Running, linkdrop: Signer, name: str, key: Key) -> Outcome:
    args = {"new_account_id": f"{name}.{linkdrop.account_id}", "new_public_key": key.public_key}
    return _call(node, linkdrop, "create_account", args, deposit=3 * NEAR)


def test_linkdrop_creates_an_account_and_learns_of_it(
    node: Running, near: NearClient, linkdrop: Signer
) -> None:
    key = Key.generate()
    created = _create(node, linkdrop, "new", key)
    assert (created.json, created.failures) == (True, [])
    owner = Signer(f"new.{linkdrop.account_id}", key)
    assert near.balance(owner.account_id) == 3 * NEAR
    sent = near.send(owner, "test.near", [tx.create_transfer_action(1)], "FINAL")
    assert sent.failures == []


def test_linkdrop_gives_the_money_back_for_a_name_that_is_taken(
    node: Running, near: NearClient, linkdrop: Signer
) -> None:
    assert _create(node, linkdrop, "taken", Key.generate()).json is True
    before, contract = near.balance("test.near"), near.balance(linkdrop.account_id)
    again = _create(node, linkdrop, "taken", Key.generate())
    assert again.json is False
    taken = {"account_id": f"taken.{linkdrop.account_id}"}
    kinds = [failure["ActionError"]["kind"] for failure in again.failures]
    assert kinds == [{"AccountAlreadyExists": taken}]
    assert near.balance("test.near") == before - again.tokens_burnt
    assert contract <= near.balance(linkdrop.account_id) < contract + again.tokens_burnt


def test_linkdrop_gives_to_who_has_the_key(
    node: Running, near: NearClient, linkdrop: Signer
) -> None:
    key, name = Key.generate(), "claimed.test.near"
    bare = key.public_key.removeprefix("ed25519:")
    sent = _call(node, linkdrop, "send", {"public_key": bare}, deposit=5 * NEAR)
    assert sent.failures == []
    held = near.view(linkdrop.account_id, "get_key_balance", {"key": bare})
    claimer = Signer(linkdrop.account_id, key)  # the contract has added it as a key of its own
    make = [tx.create_create_account_action(), tx.create_transfer_action(NEAR)]
    near.send(node.root, name, make, "FINAL")
    claimed = near.send(
        claimer, linkdrop.account_id, [call("claim", {"account_id": name}, gas=50 * TGAS)], "FINAL"
    )
    assert claimed.failures == []
    assert near.balance(name) == NEAR + int(held)
    keys = near.query("view_access_key_list", linkdrop.account_id)["keys"]
    assert key.public_key not in [each["public_key"] for each in keys]


# near-hello


def test_hello_greets_stores_and_logs(node: Running, near: NearClient, hello: Signer) -> None:
    assert _call(node, hello, "hello", {"name": "you"}).json == "hello you"
    assert near.view(hello.account_id, "hello", {"name": "me"}) == "hello me"
    assert _call(node, hello, "generateLogs").logs == ["log1", "log2"]
    _call(node, hello, "setKeyValue", {"key": "k", "value": "v"})
    assert near.view(hello.account_id, "getValueByKey", {"key": "k"}) == "v"


def test_hello_panics_with_its_words(node: Running, hello: Signer) -> None:
    failed = _call(node, hello, "triggerAssert")
    kind = failed.failure["ActionError"]["kind"]
    assert kind == {
        "FunctionCallError": {
            "ExecutionError": "Smart contract panicked: expected to fail, "
            'filename: "assembly/index.ts" line: 77 col: 2'
        }
    }


def _promise(method: str, receiver: str, args: Any, callback: str | None = None) -> dict[str, Any]:
    """The arguments by which near-hello makes a promise."""
    return {
        "receiver": receiver,
        "methodName": method,
        "args": args,
        "gas": str(60 * TGAS),
        "balance": "0",
        "callback": callback,
        "callbackArgs": _NOTHING if callback else None,
        "callbackBalance": "0",
        "callbackGas": str(20 * TGAS),
    }


_NOTHING = {
    "receiver": "nobody", "methodName": "none", "gas": "1", "balance": "0",
    "callbackBalance": "0", "callbackGas": "0",
}  # fmt: skip


@pytest.mark.parametrize(("method", "is_ok"), [("callbackWithName", True), ("missing", False)])
def test_hello_is_called_back_with_the_result(
    node: Running, hello: Signer, method: str, is_ok: bool
) -> None:
    promise = _promise(method, hello.account_id, _NOTHING, "callbackWithName")
    sent = _call(node, hello, "callPromise", {"args": promise}, gas=200 * TGAS)
    result = sent.json
    assert result["n"] == hello.account_id
    assert [each["ok"] for each in result["rs"]] == [is_ok]
    assert len(sent.failures) == (0 if is_ok else 1)
    assert _call(node, hello, "getLastResult").json == result


# sentences and words


@pytest.mark.parametrize("method", ["reverseWordOne", "contractPromiseBatch"])
def test_sentences_calls_words(node: Running, sentences: Signer, method: str) -> None:
    sent = _call(node, sentences, method)
    assert sent.failures == []
    assert sent.logs == [f"[{WORDS}] invoked function reverse(sample)"]
    returned = {"reverseWordOne": {"text": "elpmas"}, "contractPromiseBatch": None}
    assert sent.json == returned[method]


@pytest.mark.parametrize("method", ["reverseWordTwo", "reverseWordThree"])
def test_sentences_is_called_back_by_words(node: Running, sentences: Signer, method: str) -> None:
    sent = _call(node, sentences, method)
    assert (sent.json, sent.failures) == (True, [])
    assert sent.logs[-1] == json.dumps({"text": "elpmas"}, separators=(",", ":"))
    executors = {receipt["executor_id"] for receipt in sent.receipts}
    assert {WORDS, sentences.account_id} <= executors


def test_a_deposit_that_sentences_does_not_take_comes_back(
    node: Running, near: NearClient, sentences: Signer
) -> None:
    before = near.balance("test.near")
    refused = _call(node, sentences, "nonPayableFunction", deposit=7)
    kind = refused.failure["ActionError"]["kind"]["FunctionCallError"]
    assert "Method doesn't accept deposit" in kind["ExecutionError"]
    assert near.balance("test.near") == before - refused.tokens_burnt
    assert _call(node, sentences, "payableFunction", deposit=7).failures == []


# the tree


def test_the_tree_keeps_its_order(node: Running, near: NearClient, tree: Signer) -> None:
    """Its storage is opened by the module's start function, which calls the host."""
    name = tree.account_id
    for key in (5, 3, 8, 1):
        assert _call(node, tree, "insert", {"key": key, "value": key * 10}).failures == []
    assert near.view(name, "keys") == [1, 3, 5, 8]
    assert near.view(name, "values") == [10, 30, 50, 80]
    assert (near.view(name, "height"), near.view(name, "isBalanced")) == (3, True)
    before = near.view_account(name)["storage_usage"]
    assert _call(node, tree, "remove", {"key": 3}).failures == []
    assert near.view(name, "keys") == [1, 5, 8]
    assert near.view_account(name)["storage_usage"] < before
