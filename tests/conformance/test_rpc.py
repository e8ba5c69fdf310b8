"""The JSON-RPC client against servers that fail in every way."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chains_app.adapters import rpc as rpc_of_a_chain
from chains_app.adapters.interface import ChainUnavailableError, Refusal, WrongChainError
from chains_app.adapters.node import Node as Client
from chains_app.adapters.node import RpcError
from chains_app.adapters.rpc import COMPARE_SECONDS, Dialect, JsonRpc
from chains_app.adapters.standing import FIRST_PAUSE
from chains_app.locks import Block
from orchestrator.kernel.clock import Seconds

Answer = Callable[[Any], tuple[int, bytes]]
POLL_SECONDS = 0.01  # how fast a server stops
NODE_TEXT = "internal details of 10.0.0.7"
REVERTED = 3  # what any node says of a call that reverts


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


def null(body: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"id": body["id"], "result": None}).encode()


def error(code: int, cause: str | None = None, status: int = 200) -> Answer:
    said = {"code": code, "message": NODE_TEXT, "data": NODE_TEXT, "cause": {"name": cause}}
    return lambda _: (status, json.dumps({"error": said}).encode())


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    started = [Node(), Node()]
    yield started
    for node in started:
        node.stop()


class Clock:
    """Steady seconds that pass when a test says so; heads were just compared."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


HEAD = Block(1, "", "", Seconds(1))
DIALECT = Dialect(
    fits=lambda *_: True,
    is_the_chains=lambda error: error.number == REVERTED,
    foreign=lambda _: None,
    head=lambda _: HEAD,
    stale_after=None,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rpc(nodes: list[Node], clock: Clock) -> Iterator[JsonRpc]:
    client = JsonRpc("base", [node.url for node in nodes], DIALECT, clock)
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
    assert [len(node.requests) for node in nodes] == [2, 2]


SEND = "eth_sendRawTransaction"
KNOWN = 4  # the code of a node that has it already


def why(refused: RpcError) -> Refusal | None:
    """By their codes."""
    reasons = {KNOWN: None, REVERTED: Refusal.INVALID, 5: Refusal.UNDERPRICED, 6: Refusal.EXPIRED}
    return reasons[refused.number]


@pytest.fixture
def sending(nodes: list[Node], clock: Clock) -> Iterator[JsonRpc]:
    """Any node may judge what it is sent."""
    dialect = replace(DIALECT, is_the_chains=lambda error: error.number > 0)
    client = JsonRpc("base", [node.url for node in nodes], dialect, clock)
    yield client
    client.close()


def test_each_node_gets_a_send_once(nodes: list[Node], sending: JsonRpc) -> None:
    """Who takes it and forwards nothing keeps it from nobody."""
    assert sending.send(SEND, ["0x01"], why) is None
    assert [[request["params"] for request in node.requests] for node in nodes] == [[["0x01"]]] * 2


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_rule_6_a_send_is_tried_once_at_each_node(
    nodes: list[Node], sending: JsonRpc, fault: str
) -> None:
    for node in nodes:
        node.answer = NO_ANSWERS[fault]
    with pytest.raises(ChainUnavailableError):
        sending.send(SEND, ["0x"], why)
    assert [len(node.requests) for node in nodes] == [1, 1]


@pytest.mark.parametrize("fault", [*NO_ANSWERS, "refused", "not served"])
@pytest.mark.parametrize("taker", [0, 1])
@pytest.mark.parametrize("taken", [result, error(KNOWN)])
def test_it_is_enough_that_one_node_takes_a_send(
    nodes: list[Node], sending: JsonRpc, fault: str, taker: int, taken: Answer
) -> None:
    more = {"refused": error(REVERTED), "not served": error(-32601)}
    nodes[taker].answer, nodes[1 - taker].answer = taken, (NO_ANSWERS | more)[fault]
    assert sending.send(SEND, ["0x"], why) is None
    assert [len(node.requests) for node in nodes] == [1, 1]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("other", [NO_ANSWERS["timeout"], error(-32601), error(REVERTED), error(5)])
def test_of_what_refuses_a_send_the_most_telling_is_told(
    nodes: list[Node], sending: JsonRpc, place: int, other: Answer
) -> None:
    """The state of the chain, before what may be a rule of one node, before silence."""
    nodes[place].answer, nodes[1 - place].answer = error(6), other
    assert sending.send(SEND, ["0x"], why) is Refusal.EXPIRED


def test_who_is_set_aside_is_sent_something_only_while_nobody_answers(
    nodes: list[Node], sending: JsonRpc, clock: Clock
) -> None:
    nodes[0].answer = NO_ANSWERS["gateway error"]
    for _ in range(2):
        assert sending.send(SEND, ["0x"], why) is None
    assert [len(node.requests) for node in nodes] == [1, 2]
    nodes[1].answer = NO_ANSWERS["gateway error"]
    with pytest.raises(ChainUnavailableError):
        sending.send(SEND, ["0x"], why)
    assert [len(node.requests) for node in nodes] == [2, 3]


def test_a_result_of_another_shape_is_no_answer(nodes: list[Node]) -> None:
    asked: list[Any] = []

    def fits(method: str, params: Any, result: Any) -> bool:
        asked.append((method, params, result))
        return len(asked) > 1

    rpc = JsonRpc("base", [node.url for node in nodes], replace(DIALECT, fits=fits))
    assert rpc.read("one", [1]) == "one"
    rpc.close()
    assert asked == [("one", [1], "one")] * 2
    assert [len(node.requests) for node in nodes] == [1, 1]


def test_all_nodes_are_asked_for_what_the_first_does_not_know(
    nodes: list[Node], rpc: JsonRpc
) -> None:
    def known(node: Client) -> str | None:
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


def test_what_one_node_refuses_another_may_know(nodes: list[Node], rpc: JsonRpc) -> None:
    nodes[0].answer = error(-32000, "UNKNOWN_BLOCK")
    assert rpc.read("block", {}) == "block"
    assert rpc.read_all([("block", {})]) == ["block"]
    assert rpc.first_known(lambda node: str(node.read("block", {}))) == "block"
    nodes[0].answer = null
    assert rpc.read("block", {}) == "block"
    assert [len(node.requests) for node in nodes] == [4, 4]


def test_what_all_lack_is_lacking(nodes: list[Node], rpc: JsonRpc) -> None:
    nodes[0].answer = nodes[1].answer = null
    assert rpc.read("block", {}) is None
    nodes[1].answer = error(-32601)
    assert rpc.read("block", {}) is None
    nodes[1].answer = NO_ANSWERS["gateway error"]
    assert rpc.read("block", {}) is None
    assert rpc.first_known(lambda node: node.read("block", {})) is None


def test_a_refusal_of_all_is_told_without_their_text(nodes: list[Node], rpc: JsonRpc) -> None:
    nodes[0].answer = nodes[1].answer = error(-32000, "UNKNOWN_BLOCK")
    with pytest.raises(RpcError) as refused:
        rpc.read("block", {})
    assert (refused.value.number, refused.value.cause) == (-32000, "UNKNOWN_BLOCK")
    assert str(refused.value) == "base: a node refused block with code -32000"
    assert NODE_TEXT not in repr(refused.value)
    assert [len(node.requests) for node in nodes] == [1, 1]


def test_what_the_chain_itself_refuses_no_other_node_is_asked(
    nodes: list[Node], rpc: JsonRpc
) -> None:
    nodes[0].answer = error(REVERTED)
    with pytest.raises(RpcError):
        rpc.read("eth_call", {})
    assert [len(node.requests) for node in nodes] == [1, 0]


def test_rule_6_a_node_that_takes_no_sends_is_not_the_next_to_get_one(
    nodes: list[Node], sending: JsonRpc, clock: Clock
) -> None:
    """However well it reads meanwhile."""
    order: list[int] = []

    def noting(place: int, answer: Answer) -> Answer:
        def note(body: Any) -> tuple[int, bytes]:
            order.append(place)
            return answer(body)

        return note

    nodes[0].answer = noting(0, error(-32601))
    nodes[1].answer = noting(1, result)
    assert sending.send(SEND, ["0x"], why) is None
    nodes[0].answer = noting(0, result)
    clock.now += 2 * FIRST_PAUSE
    assert sending.read("one", []) == "one"
    assert sending.send(SEND, ["0x"], why) is None
    assert order == [0, 1, 0, 1, 0]


def test_who_was_set_aside_is_asked_again_when_its_time_is_over(
    nodes: list[Node], rpc: JsonRpc, clock: Clock
) -> None:
    nodes[0].answer = NO_ANSWERS["gateway error"]
    assert rpc.read("one", []) == "one"
    assert rpc.read("one", []) == "one"
    assert [len(node.requests) for node in nodes] == [1, 2]
    clock.now += FIRST_PAUSE
    assert rpc.read("one", []) == "one"
    assert [len(node.requests) for node in nodes] == [2, 3]
    clock.now += FIRST_PAUSE  # the second pause is longer
    assert rpc.read("one", []) == "one"
    clock.now += FIRST_PAUSE
    nodes[0].answer = result
    assert [rpc.read("one", []), rpc.read("one", [])] == ["one", "one"]
    assert [len(node.requests) for node in nodes] == [4, 4]


def test_who_is_set_aside_is_not_waited_for_where_another_lacks_it(
    nodes: list[Node], rpc: JsonRpc
) -> None:
    """As each height that NEAR skipped is lacking."""
    nodes[0].answer = NO_ANSWERS["gateway error"]
    nodes[1].answer = null
    assert [rpc.read("block", {}), rpc.read("block", {})] == [None, None]
    assert [len(node.requests) for node in nodes] == [1, 2]


def chain_of(node: Client) -> str | None:
    """By what it answers to `identity`."""
    said = node.read("identity", [])
    return None if said == "identity" else f"is on chain {said}, not base"


def telling(name: str) -> Answer:
    """A node that answers so, whatever it is asked."""

    def answer(body: Any) -> tuple[int, bytes]:
        return 200, json.dumps({"id": body["id"], "result": name}).encode()

    return answer


def asked(node: Node) -> list[str]:
    return [request["method"] for request in node.requests]


@pytest.fixture
def proved(nodes: list[Node], clock: Clock) -> Iterator[JsonRpc]:
    """Nodes that have to tell who they are."""
    dialect = replace(DIALECT, foreign=chain_of)
    client = JsonRpc("base", [node.url for node in nodes], dialect, clock)
    yield client
    client.close()


def test_a_node_of_another_chain_is_asked_nothing_else(
    nodes: list[Node], proved: JsonRpc, clock: Clock
) -> None:
    nodes[0].answer = telling("other")
    assert [proved.read("one", []), proved.read("two", [])] == ["one", "two"]
    assert proved.send("three", [], why) is None
    assert asked(nodes[0]) == ["identity"]
    assert asked(nodes[1]) == ["identity", "one", "two", "three"]
    assert proved.problems() == ["base: node 1 of 2 is on chain other, not base: correct its URL"]
    clock.now += 2 * FIRST_PAUSE
    nodes[0].answer = result  # its operator has mended it
    assert proved.read("four", []) == "four"
    assert asked(nodes[0]) == ["identity", "identity", "identity", "four"]
    assert proved.problems() == []


def test_who_failed_has_to_tell_again_who_it_is(
    nodes: list[Node], proved: JsonRpc, clock: Clock
) -> None:
    assert proved.read("one", []) == "one"
    nodes[0].answer = NO_ANSWERS["gateway error"]
    assert proved.read("two", []) == "two"
    nodes[0].answer = telling("other")
    clock.now += FIRST_PAUSE
    assert proved.read("three", []) == "three"
    assert asked(nodes[0]) == ["identity", "one", "two", "identity"]


def test_a_chain_whose_nodes_are_all_wrong_says_so(nodes: list[Node], proved: JsonRpc) -> None:
    for node in nodes:
        node.answer = telling("other")
    said = "base: node 1 of 2 is on chain other, not base: correct its URL; base: node 2 of 2 is"
    with pytest.raises(WrongChainError, match=said):
        proved.read("one", [])
    with pytest.raises(WrongChainError, match=said):
        proved.send("one", [], why)
    with pytest.raises(WrongChainError):
        proved.first_known(lambda node: str(node.read("one", [])))
    assert [asked(node) for node in nodes] == [["identity"], ["identity"]]


def test_a_wrong_node_beside_a_silent_one_is_no_proof_of_a_wrong_chain(
    nodes: list[Node], proved: JsonRpc
) -> None:
    nodes[0].answer, nodes[1].answer = telling("other"), NO_ANSWERS["gateway error"]
    with pytest.raises(ChainUnavailableError):
        proved.read("one", [])
    assert len(proved.problems()) == 1


WALL, STALE = 1_000_000, 30


def head_at(time: int) -> Answer:
    """A node whose head has that time, and a height that is as high."""

    def answer(body: Any) -> tuple[int, bytes]:
        said = time if body["method"] == "head" else body["method"]
        return 200, json.dumps({"id": body["id"], "result": said}).encode()

    return answer


@pytest.fixture
def compared(nodes: list[Node], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonRpc]:
    """Nodes whose heads can be stale."""

    def head(node: Client) -> Block:
        time = int(node.read("head", []))
        return Block(time, "", "", Seconds(time))

    monkeypatch.setattr(rpc_of_a_chain, "wall_clock", lambda: Seconds(WALL))
    dialect = replace(DIALECT, head=head, stale_after=STALE)
    client = JsonRpc("base", [node.url for node in nodes], dialect, clock)
    yield client
    client.close()


def test_a_node_whose_head_lags_is_asked_last(
    nodes: list[Node], compared: JsonRpc, clock: Clock
) -> None:
    nodes[0].answer, nodes[1].answer = head_at(WALL - STALE), head_at(WALL)
    assert compared.read("one", []) == "one"
    assert asked(nodes[0])[-1] == "one"
    nodes[0].answer = head_at(WALL - STALE - 1)
    assert compared.read("two", []) == "two"
    assert asked(nodes[0])[-1] == "two"  # heads are compared now and then
    clock.now += COMPARE_SECONDS
    assert compared.read("three", []) == "three"
    assert [asked(node)[-1] for node in nodes] == ["head", "three"]
    nodes[1].answer = null
    assert compared.read("four", []) == "four"  # last, but asked


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("ahead", [STALE + 1, 3_600])
def test_a_node_that_invents_a_head_in_the_future_is_asked_last(
    nodes: list[Node], compared: JsonRpc, liar: int, ahead: int
) -> None:
    nodes[liar].answer, nodes[1 - liar].answer = head_at(WALL + ahead), head_at(WALL - STALE)
    assert compared.read("one", []) == "one"
    assert (asked(nodes[liar]), asked(nodes[1 - liar])) == (["head"], ["head", "one"])


def test_one_refusal_in_a_batch_refuses_it(nodes: list[Node], rpc: JsonRpc) -> None:
    def half(body: Any) -> tuple[int, bytes]:
        refused = {"id": body[1]["id"], "error": {"code": 3, "message": NODE_TEXT}}
        return 200, json.dumps([{"id": body[0]["id"], "result": 1}, refused]).encode()

    nodes[0].answer = nodes[1].answer = half
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
