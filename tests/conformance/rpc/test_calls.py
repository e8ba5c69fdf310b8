"""How a call of the JSON-RPC client is answered, by servers that fail in every way."""

import importlib
import json
import os
import sys
from dataclasses import replace
from typing import Any

import pytest

from chains_app.adapters.evm_accounts import Account
from chains_app.adapters.interface import ChainUnavailableError, Refusal
from chains_app.adapters.node import Node as Client
from chains_app.adapters.node import RpcError
from chains_app.adapters.rpc import JsonRpc
from tests.conformance.rpc.servers import (
    DIALECT,
    KNOWN,
    NO_ANSWERS,
    NODE_TEXT,
    REVERTED,
    SEND,
    Answer,
    Node,
    error,
    null,
    result,
    why,
)


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


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_a_batch_that_nobody_answers_is_none(nodes: list[Node], rpc: JsonRpc, fault: str) -> None:
    for node in nodes:
        node.answer = NO_ANSWERS[fault]
    with pytest.raises(ChainUnavailableError, match=r"^base: no node answered one$"):
        rpc.read_all([("one", [])])
    assert [len(node.requests) for node in nodes] == [2, 2]


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


def test_an_error_of_no_text_is_a_refusal(nodes: list[Node], rpc: JsonRpc) -> None:
    deep = b"[" * 300 + b"]" * 300
    said = b'{"error": {"code": [], "message": %b, "data": %b, "cause": {"name": %b}}}'
    for node in nodes:
        node.answer = lambda _: (200, said % (deep, deep, deep))
    with pytest.raises(RpcError, match=r"^base: a node refused one with code 0$") as refused:
        rpc.read("one", [])
    assert (refused.value.said, refused.value.cause) == ("", "")


def test_what_parses_json_gives_up_before_its_stack_ends() -> None:
    """Another limit, as py_ecc sets it, lets a node's deep answer end the process."""
    importlib.import_module("chains_app.adapters.evm_accounts")
    assert sys.getrecursionlimit() == 1_000
    assert "py_ecc" not in sys.modules


def test_there_are_no_key_files() -> None:
    with pytest.raises(RuntimeError, match="no key files: keys come from the environment"):
        Account.encrypt(b"\x01" * 32, "password")


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
