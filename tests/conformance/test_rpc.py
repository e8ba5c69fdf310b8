"""The JSON-RPC client against servers that fail in every way."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chains_app.adapters.interface import ChainUnavailableError
from chains_app.adapters.rpc import ATTEMPTS, JsonRpc, RpcError

Answer = Callable[[Any], tuple[int, bytes]]
POLL_SECONDS = 0.01  # how fast a server stops
NODE_TEXT = "internal details of 10.0.0.7"


class Node:
    """A server whose answers are told; counts the requests and their connections."""

    def __init__(self) -> None:
        self.answer: Answer = result
        self.requests: list[Any] = []
        self.connections: set[tuple[str, int]] = set()
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.requests.append(body)
                node.connections.add(self.client_address)
                status, content = node.answer(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-token"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(POLL_SECONDS,))
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def result(body: Any) -> tuple[int, bytes]:
    """The method's name as the result; a batch backwards."""
    if isinstance(body, list):
        answers = [{"id": one["id"], "result": one["method"]} for one in reversed(body)]
        return 200, json.dumps(answers).encode()
    return 200, json.dumps({"id": body["id"], "result": body["method"]}).encode()


def error(code: int, cause: str | None = None, status: int = 200) -> Answer:
    said = {"code": code, "message": NODE_TEXT, "data": NODE_TEXT, "cause": {"name": cause}}
    return lambda _: (status, json.dumps({"error": said}).encode())


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    started = [Node(), Node()]
    yield started
    for node in started:
        node.stop()


@pytest.fixture
def rpc(nodes: list[Node]) -> Iterator[JsonRpc]:
    client = JsonRpc("base", [node.url for node in nodes], lambda *_: True)
    yield client
    client.close()


NO_ANSWERS: dict[str, Answer] = {
    "not JSON": lambda _: (200, b"<html>"),
    "gateway error": lambda _: (502, b"bad gateway"),
    "neither result nor error": lambda _: (200, b"{}"),
    "the answer to another request": lambda _: (200, b'{"id": 99999, "result": 1}'),
    "the error of another request": lambda _: (200, b'{"id": 99999, "error": {"code": 3}}'),
    "a result of no request": lambda _: (200, b'{"id": null, "result": 1}'),
    "a list": lambda _: (200, b"[]"),
    "overloaded": error(-32005),
    "internal error": error(-32000, "INTERNAL_ERROR", status=500),
    "timeout": error(-32000, "TIMEOUT_ERROR", status=408),
}


def test_a_read_is_answered_over_one_kept_connection(nodes: list[Node], rpc: JsonRpc) -> None:
    assert [rpc.read("one", []), rpc.read("two", {"a": 1})] == ["one", "two"]
    assert [request["params"] for request in nodes[0].requests] == [[], {"a": 1}]
    assert len(nodes[0].connections) == 1


def test_a_batch_is_answered_in_the_order_of_its_calls(rpc: JsonRpc) -> None:
    assert rpc.read_all([("one", []), ("two", []), ("three", [])]) == ["one", "two", "three"]


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_a_read_goes_on_to_the_next_node(nodes: list[Node], rpc: JsonRpc, fault: str) -> None:
    nodes[0].answer = NO_ANSWERS[fault]
    assert rpc.read("one", []) == "one"
    assert rpc.read_all([("two", [])]) == ["two"]
    assert (len(nodes[0].requests), len(nodes[1].requests)) == (1, 2)


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_reads_are_bounded(nodes: list[Node], rpc: JsonRpc, fault: str) -> None:
    for node in nodes:
        node.answer = NO_ANSWERS[fault]
    with pytest.raises(ChainUnavailableError, match=r"^base: no node answered one$"):
        rpc.read("one", [])
    assert sum(len(node.requests) for node in nodes) == ATTEMPTS


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_rule_6_a_send_is_tried_once(nodes: list[Node], rpc: JsonRpc, fault: str) -> None:
    nodes[0].answer = NO_ANSWERS[fault]
    with pytest.raises(ChainUnavailableError):
        rpc.send("eth_sendRawTransaction", ["0x"])
    assert [len(node.requests) for node in nodes] == [1, 0]
    assert rpc.send("eth_sendRawTransaction", ["0x"]) == "eth_sendRawTransaction"
    assert [len(node.requests) for node in nodes] == [1, 1]


def test_a_result_of_another_shape_is_no_answer(nodes: list[Node]) -> None:
    asked: list[Any] = []

    def fits(method: str, params: Any, result: Any) -> bool:
        asked.append((method, params, result))
        return len(asked) > 1

    rpc = JsonRpc("base", [node.url for node in nodes], fits)
    assert rpc.read("one", [1]) == "one"
    rpc.close()
    assert asked == [("one", [1], "one")] * 2
    assert [len(node.requests) for node in nodes] == [1, 1]


def test_all_nodes_are_asked_for_what_the_first_does_not_know(
    nodes: list[Node], rpc: JsonRpc
) -> None:
    def known(node: JsonRpc) -> str | None:
        said = node.read("one", [])
        return None if said == "nothing" else str(said)

    def nothing(body: Any) -> tuple[int, bytes]:
        return 200, json.dumps({"id": body["id"], "result": "nothing"}).encode()

    nodes[0].answer = nothing
    assert rpc.first_known(known) == "one"
    nodes[1].answer = nothing
    assert rpc.first_known(known) is None
    nodes[1].answer = NO_ANSWERS["gateway error"]
    assert rpc.first_known(known) is None
    nodes[0].answer = NO_ANSWERS["gateway error"]
    with pytest.raises(ChainUnavailableError):
        rpc.first_known(known)


def test_a_refusal_is_told_at_once_without_the_nodes_text(nodes: list[Node], rpc: JsonRpc) -> None:
    nodes[0].answer = error(-32000, "UNKNOWN_BLOCK")
    with pytest.raises(RpcError) as refused:
        rpc.read("block", {})
    assert (refused.value.number, refused.value.cause) == (-32000, "UNKNOWN_BLOCK")
    assert str(refused.value) == "base: a node refused block with code -32000"
    assert NODE_TEXT not in repr(refused.value)
    assert len(nodes[0].requests) == 1


def test_one_refusal_in_a_batch_refuses_it(nodes: list[Node], rpc: JsonRpc) -> None:
    def half(body: Any) -> tuple[int, bytes]:
        refused = {"id": body[1]["id"], "error": {"code": 3, "message": NODE_TEXT}}
        return 200, json.dumps([{"id": body[0]["id"], "result": 1}, refused]).encode()

    nodes[0].answer = half
    with pytest.raises(RpcError, match=r"^base: a node refused two with code 3$"):
        rpc.read_all([("one", []), ("two", [])])


def test_a_batch_without_one_of_its_answers_is_no_answer(nodes: list[Node], rpc: JsonRpc) -> None:
    for node in nodes:
        node.answer = lambda body: (200, json.dumps([{"id": body[0]["id"], "result": 1}]).encode())
    with pytest.raises(ChainUnavailableError, match="no node answered two"):
        rpc.read_all([("one", []), ("two", [])])


def test_no_address_is_shown(nodes: list[Node], rpc: JsonRpc) -> None:
    assert repr(rpc) == "JsonRpc('base', 2 nodes)"
    for node in nodes:
        node.answer = lambda _: (500, b"")
    with pytest.raises(ChainUnavailableError) as raised:
        rpc.read("one", [])
    assert raised.value.__suppress_context__
    assert "secret-token" not in f"{raised.value!r}"


def test_a_forked_process_shares_no_connection(nodes: list[Node], rpc: JsonRpc) -> None:
    rpc.read("parent", [])
    child = os.fork()
    if child == 0:
        try:
            rpc.read("child", [])
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    rpc.read("parent", [])
    methods = [request["method"] for request in nodes[0].requests]
    assert methods == ["parent", "child", "parent"]
    assert len(nodes[0].connections) == 2
