"""Whatever comes in on the port: a JSON-RPC error, and the node goes on, its state unchanged."""

import http.client
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from py_near import transactions as tx

from devnet.jsonrpc import JsonRpcError
from devnet.near.client import NearClient, Signer
from tests.devnet.near.running import Running


@pytest.fixture
def unmoved(near: NearClient) -> Iterator[None]:
    """Check that a test left the chain where it was."""
    before = near.rpc.call("block", finality="optimistic")
    yield
    assert near.rpc.call("block", finality="optimistic") == before


def _post(node: Running, body: bytes, method: str = "POST") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(node.url.removeprefix("http://"), timeout=10)
    connection.request(method, "/", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if text.startswith(b"{") else text


def _request(method: Any, params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"jsonrpc": "2.0"',
        b"\xff\xfe\x00",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"status","params":[]}]',
        b"null",
        b'"status"',
        b"17",
        b'{"id":1,"method":"status","params":[]}',
        b'{"jsonrpc":"2.0","id":1,"params":[]}',
        b'{"jsonrpc":"2.0","id":1,"method":5,"params":[]}',
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":1,"method":"query","params":"' + b"x" * 1_000_000 + b'"}',
    ],
)
def test_what_is_no_request(node: Running, unmoved: None, body: bytes) -> None:
    status, answer = _post(node, body)
    assert (status, answer["error"]["cause"]["name"]) == (400, "PARSE_ERROR")
    assert (answer["error"]["code"], answer["jsonrpc"]) == (-32700, "2.0")


def test_an_unknown_method(node: Running, unmoved: None) -> None:
    status, answer = _post(node, _request("no_such_method", []))
    assert (status, answer["id"]) == (400, 7)
    assert answer["error"]["cause"] == {
        "name": "METHOD_NOT_FOUND",
        "info": {"method_name": "no_such_method"},
    }
    assert answer["error"]["code"] == -32601


def test_a_huge_body(node: Running, unmoved: None) -> None:
    status, answer = _post(node, b" " * (11 * 1024 * 1024))
    assert (status, answer["error"]["cause"]["name"]) == (413, "PARSE_ERROR")


def test_another_http_method(node: Running, unmoved: None) -> None:
    assert _post(node, b"", "PUT")[0] == 405


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("query", None),
        ("query", []),
        ("query", ["account/test.near"]),
        ("query", ["nothing/test.near", ""]),
        ("query", ["call/test.near/get", "0OIl"]),
        ("query", {"request_type": 5}),
        ("query", {"request_type": "view_account"}),
        ("query", {"request_type": "view_account", "account_id": 5}),
        ("query", {"request_type": "view_account", "account_id": "TEST.near"}),
        ("query", {"request_type": "view_account", "account_id": "a" * 65}),
        ("query", {"request_type": "view_account", "account_id": "test.near", "block_id": -1}),
        ("query", {"request_type": "view_account", "account_id": "test.near", "block_id": 1.5}),
        ("query", {"request_type": "view_account", "account_id": "test.near", "block_id": "x"}),
        ("query", {"request_type": "view_account", "account_id": "test.near", "block_id": True}),
        ("query", {"request_type": "view_account", "account_id": "test.near", "finality": 5}),
        (
            "query",
            {
                "request_type": "view_access_key",
                "account_id": "test.near",
                "public_key": "ed25519:",
            },
        ),
        (
            "query",
            {"request_type": "view_access_key", "account_id": "test.near", "public_key": "rsa:1"},
        ),
        (
            "query",
            {
                "request_type": "call_function",
                "account_id": "test.near",
                "method_name": "m",
                "args_base64": "***",
            },
        ),
        ("query", {"request_type": "view_account", "account_id": "test.near", "finality": ""}),
        ("query", {"request_type": "view_account", "account_id": "test.near", "finality": []}),
        (
            "query",
            {
                "request_type": "view_account",
                "account_id": "test.near",
                "sync_checkpoint": "latest",
            },
        ),
        ("block", [[]]),
        ("block", [1, 2]),
        ("block", "1"),
        ("chunk", ["x"]),
        ("chunk", [0, "0"]),
        ("tx", ["1" * 32]),
        ("tx", ["1" * 32, "NOBODY"]),
        ("tx", {"tx_hash": "1" * 32, "sender_account_id": "test.near", "wait_until": "SOON"}),
        ("EXPERIMENTAL_changes", {"changes_type": "all", "block_id": 0}),
        ("EXPERIMENTAL_changes", {"changes_type": "data_changes", "block_id": 0}),
        (
            "EXPERIMENTAL_changes",
            {"changes_type": "single_access_key_changes", "keys": [5], "block_id": 0},
        ),
        ("broadcast_tx_commit", []),
        ("broadcast_tx_commit", [5]),
        ("broadcast_tx_commit", ["no base64!"]),
        ("broadcast_tx_async", [b64encode(b"no borsh").decode()]),
        ("send_tx", {"signed_tx_base64": "", "wait_until": "FINAL"}),
        ("devnet_mine", {"blocks": -1}),
        ("devnet_mine", {"blocks": 10**12}),
        ("devnet_mine", {"blocks": 0, "seconds": 10**18}),
        ("devnet_mine", {"blocks": True}),
        ("devnet_revert", {"id": 5}),
        ("devnet_set_next_block_time", {"nanoseconds": "soon"}),
        ("devnet_set_next_block_time", {"nanoseconds": str(2**64)}),
        ("devnet_set_block_ms", {"ms": "fast"}),
        ("devnet_set_block_ms", {"ms": 0}),
    ],
)
def test_parameters_that_do_not_fit(node: Running, unmoved: None, method: str, params: Any) -> None:
    status, answer = _post(node, _request(method, params))
    assert (status, answer["error"]["cause"]["name"]) == (400, "PARSE_ERROR")
    assert answer["error"]["data"] == answer["error"]["cause"]["info"]["error_message"]


def test_borsh_with_a_byte_changed_or_missing(near: NearClient, root: Signer) -> None:
    """Every prefix of a transaction, and every single byte changed, is refused."""
    head = near.rpc.call("block", finality="optimistic")
    signed = b64decode(near.sign(root, "test.near", [tx.create_transfer_action(1)]))
    broken = [signed[:length] for length in range(len(signed))]
    broken += [
        signed[:place] + bytes([byte ^ 0xFF]) + signed[place + 1 :]
        for place, byte in enumerate(signed)
    ]
    for data in (*broken, signed + b"\0"):
        with pytest.raises(JsonRpcError) as refused:
            near.rpc.call("broadcast_tx_commit", b64encode(data).decode())
        cause = refused.value.error["cause"]["name"]
        assert cause in {"PARSE_ERROR", "INVALID_TRANSACTION"}
    assert near.rpc.call("block", finality="optimistic") == head


_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=8),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(("request_type", "account_id", "block_id", "finality", "tx_hash")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
_METHODS = ("query", "block", "chunk", "tx", "send_tx", "EXPERIMENTAL_changes", "gas_price")


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(method=some.sampled_from(_METHODS), params=_JSON)
def test_any_parameters_get_an_answer(node: Running, method: str, params: Any) -> None:
    status, answer = _post(node, _request(method, params))
    assert status in {200, 400}
    assert answer["id"] == 7
    if status == 400:
        assert answer["error"]["cause"]["name"] == "PARSE_ERROR"


def test_pages_of_any_origin_may_call(node: Running) -> None:
    connection = http.client.HTTPConnection(node.url.removeprefix("http://"), timeout=10)
    for method, body in (("OPTIONS", None), ("POST", _request("status", []))):
        connection.request(method, "/", body)
        response = connection.getresponse()
        response.read()
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, "*")
    for path in ("/status", "/health"):
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, bool(json.loads(response.read()))) == (200, path == "/status")
    connection.close()
