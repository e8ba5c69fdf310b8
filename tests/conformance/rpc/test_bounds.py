"""Answers that come byte by byte, or have no end: their bounds, and that whole ones still come."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import BinaryIO

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from chains_app.adapters import exchange
from chains_app.adapters.exchange import EndlessError, Line
from chains_app.adapters.interface import ChainUnavailableError
from chains_app.adapters.rpc import JsonRpc
from orchestrator.kernel.patience import wait_at_most
from tests.conformance.rpc.servers import DIALECT, SEND, Clock, Node, why

MOST = 100_000  # bytes of an answer, in these tests
PATIENCE = 0.2  # seconds for an answer that has no end: nothing honest is asked meanwhile
DRIP = 0.02  # seconds between two bytes
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = json.dumps({"id": 1, "result": "one"}).encode()


class Wire:
    """A server that answers a request with what `told` gives, as it comes from there.

    `left` counts the connections that ended.
    """

    def __init__(self) -> None:
        self.told: Callable[[], Iterable[bytes]] = list
        self.connections, self.requests = 0, 0
        self.left, self._ended = threading.Semaphore(0), threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def drip(self, *parts: bytes) -> Iterator[bytes]:
        """The first part at once, the others byte by byte."""
        yield parts[0]
        for byte in b"".join(parts[1:]):
            yield bytes([byte])
            self._ended.wait(DRIP)

    def stop(self) -> None:
        self._ended.set()
        self._server.shutdown(socket.SHUT_RDWR)  # or who waits for the next connection waits on
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(taken,), daemon=True).start()

    def _answer(self, taken: socket.socket) -> None:
        with suppress(OSError), taken, taken.makefile("rb") as asked:
            while self._hears(asked):
                for part in self.told():
                    taken.sendall(part)
        self.left.release()

    def _hears(self, asked: BinaryIO) -> bool:
        """A whole request; False when there is none any more."""
        length = 0
        for line in asked:
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            if line == b"\r\n":
                self.requests += 1
                return len(asked.read(length)) == length
        return False


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setattr(exchange, "_MOST_BYTES", MOST)
    server = Wire()
    yield server
    server.stop()


@pytest.fixture
def line(wire: Wire) -> Iterator[Line]:
    made = Line(wire.url)
    yield made
    made.close()


def sized(body: bytes, *more: bytes) -> list[bytes]:
    return [OK, *more, b"Content-Length: %d\r\n\r\n" % len(body), body]


def chunks(bodies: Iterable[bytes]) -> Iterator[bytes]:
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    for body in bodies:
        yield b"%x\r\n%b\r\n" % (len(body), body)
    yield b"0\r\n\r\n"


def singly(content: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in content]


PACKED = b"Content-Encoding: gzip\r\n"
LONGEST = BODY.ljust(MOST)
WHOLE: dict[str, tuple[bytes, Callable[[], Iterable[bytes]]]] = {
    "with a length": (BODY, lambda: sized(BODY)),
    "in chunks": (BODY, lambda: chunks(singly(BODY))),
    "packed": (BODY, lambda: sized(gzip.compress(BODY), PACKED)),
    "as long as can be": (LONGEST, lambda: sized(LONGEST)),
    "as long as can be, in chunks": (LONGEST, lambda: chunks([LONGEST[:9], LONGEST[9:]])),
    "as long as can be, packed": (LONGEST, lambda: sized(gzip.compress(LONGEST), PACKED)),
}


@pytest.mark.parametrize("how", WHOLE)
def test_a_whole_answer_leaves_its_connection_to_the_next(wire: Wire, line: Line, how: str) -> None:
    said, wire.told = WHOLE[how]
    assert [line.post("{}"), line.post("{}")] == [said, said]
    assert (wire.requests, wire.connections) == (2, 1)


def test_an_answer_may_end_with_its_connection(wire: Wire, line: Line) -> None:
    def told() -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\n\r\n" + BODY
        raise ConnectionAbortedError

    wire.told = told
    assert [line.post("{}"), line.post("{}")] == [BODY, BODY]
    assert wire.connections == 2


TOO_LONG: dict[str, Callable[[], Iterable[bytes]]] = {
    "by a byte": lambda: sized(LONGEST + b" "),
    "without an end": lambda: chain([OK + b"\r\n", BODY], repeat(b" " * 999)),
    "by its own account": lambda: chain(
        [OK, b"Content-Length: %d\r\n\r\n" % 10**12], repeat(b" " * 999)
    ),
    "in chunks without an end": lambda: chunks(repeat(b" " * 999)),
    "when it is unpacked": lambda: sized(gzip.compress(bytes(10**7)), PACKED),
}


@pytest.mark.parametrize("how", TOO_LONG)
def test_an_answer_that_is_too_long_is_none(wire: Wire, line: Line, how: str) -> None:
    wire.told = TOO_LONG[how]
    with pytest.raises(EndlessError):
        line.post("{}")
    wire.told = lambda: sized(BODY)
    assert line.post("{}") == BODY  # not what was left of the other


TOO_LATE: dict[str, Callable[[Wire], Iterable[bytes]]] = {
    "its head drips": lambda wire: wire.drip(b"H", OK[1:], b"X: ", b"x" * 10_000),
    "its body drips": lambda wire: wire.drip(OK + b"\r\n", b" " * 10_000),
    "its length drips": lambda wire: wire.drip(next(iter(chunks([]))), b"0" * 10_000),
    "it only says that it goes on": lambda _: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "what follows it has no end": lambda _: chain([*chunks([BODY])][:-1], [b"0\r\n"],
                                                  repeat(b"X: y\r\n")),
    "packed, it is long and nothing": lambda _: chain(
        [OK, PACKED, b"\r\n"], repeat(gzip.compress(b""))
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", TOO_LATE)
def test_an_answer_that_does_not_end_in_time_is_left(
    wire: Wire, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_TIMEOUT", urllib3.Timeout(connect=2, total=PATIENCE))
    line = Line(wire.url)
    wire.told = lambda: TOO_LATE[how](wire)
    with pytest.raises(HTTPError):
        line.post("{}")
    assert wire.left.acquire(timeout=60)
    line.close()


def test_who_may_not_wait_so_long_leaves_before(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web request is one: without its own bound this would take an hour."""
    monkeypatch.setattr(exchange, "_TIMEOUT", urllib3.Timeout(connect=2, total=3600))
    monkeypatch.setattr(exchange, "_SILENCE", 3600)
    line, answered = Line(wire.url), threading.Event()

    def silence() -> Iterator[bytes]:
        answered.wait()
        yield b""

    wire.told = silence
    with wait_at_most(PATIENCE), pytest.raises(HTTPError):
        line.post("{}")
    answered.set()
    assert wire.left.acquire(timeout=60)
    line.close()


def test_who_may_wait_no_more_asks_no_node_and_sets_none_aside(nodes: list[Node]) -> None:
    client = JsonRpc("base", [node.url for node in nodes], DIALECT)
    with wait_at_most(0), pytest.raises(ChainUnavailableError, match="no time is left"):
        client.read("one", [])
    assert [node.requests for node in nodes] == [[], []]
    assert client.read("two", []) == "two"
    assert [len(node.requests) for node in nodes] == [1, 0]
    client.close()


@pytest.fixture
def rpc(wire: Wire, nodes: list[Node], clock: Clock) -> Iterator[JsonRpc]:
    """The first of its nodes never ends."""
    wire.told = TOO_LONG["without an end"]
    client = JsonRpc("base", [wire.url, nodes[0].url], DIALECT, clock)
    yield client
    client.close()


def test_who_never_ends_is_set_aside_and_the_next_node_is_asked(
    wire: Wire, nodes: list[Node], rpc: JsonRpc
) -> None:
    assert [rpc.read("one", []), rpc.read_all([("two", [])])] == ["one", ["two"]]
    assert (wire.requests, len(nodes[0].requests)) == (1, 2)


def test_rule_6_a_send_whose_answer_never_ends_is_sent_once(
    wire: Wire, nodes: list[Node], rpc: JsonRpc
) -> None:
    nodes[0].answer = lambda _: (502, b"")
    with pytest.raises(ChainUnavailableError, match=f"^base: no node answered {SEND}$"):
        rpc.send(SEND, ["0x"], why)
    assert (wire.requests, len(nodes[0].requests)) == (1, 1)


@pytest.mark.parametrize(("patience", "asked"), [(PATIENCE, 2), (3600, 1)])
def test_who_could_not_wait_for_long_sets_no_node_aside(
    wire: Wire, rpc: JsonRpc, patience: float, asked: int
) -> None:
    with wait_at_most(patience):
        rpc.read("one", [])
    rpc.read("two", [])
    assert wire.requests == asked
