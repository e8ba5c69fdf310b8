"""Nodes that answer as they are told, in every wrong way, too."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chains_app.adapters.interface import Refusal
from chains_app.adapters.node import RpcError
from chains_app.adapters.rpc import Dialect
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


NO_ANSWERS: dict[str, Answer] = {
    "not JSON": lambda _: (200, b"<html>"),
    "gateway error": lambda _: (502, b"bad gateway"),
    "neither result nor error": lambda _: (200, b"{}"),
    "the answer to another request": lambda _: (200, b'{"id": 99999, "result": 1}'),
    "the error of another request": lambda _: (200, b'{"id": 99999, "error": {"code": 3}}'),
    "a result of no request": lambda _: (200, b'{"id": null, "result": 1}'),
    "a list": lambda _: (200, b"[]"),
    "a list too deep": lambda _: (200, b"[" * 20_000 + b"]" * 20_000),
    "ids that are none": lambda _: (200, b'[{"id": [], "result": 1}]'),
    "overloaded": error(-32005),
    "internal error": error(-32000, "INTERNAL_ERROR", status=500),
    "timeout": error(-32000, "TIMEOUT_ERROR", status=408),
}


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


SEND = "eth_sendRawTransaction"
KNOWN = 4  # the code of a node that has it already


def why(refused: RpcError) -> Refusal | None:
    """By their codes."""
    reasons = {KNOWN: None, REVERTED: Refusal.INVALID, 5: Refusal.UNDERPRICED, 6: Refusal.EXPIRED}
    return reasons[refused.number]
