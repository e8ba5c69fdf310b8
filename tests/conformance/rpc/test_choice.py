"""Which node the JSON-RPC client asks."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chains_app.adapters import rpc as rpc_of_a_chain
from chains_app.adapters.interface import ChainUnavailableError, WrongChainError
from chains_app.adapters.node import Node as Client
from chains_app.adapters.rpc import COMPARE_SECONDS, JsonRpc
from chains_app.adapters.standing import FIRST_PAUSE
from chains_app.locks import Block
from orchestrator.kernel.clock import Seconds
from tests.conformance.rpc.servers import (
    DIALECT,
    NO_ANSWERS,
    SEND,
    Answer,
    Clock,
    Node,
    error,
    null,
    result,
    why,
)


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
