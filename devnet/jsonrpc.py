"""A small JSON-RPC client over one kept-alive connection, for the devnet's tools and tests."""

import json
import socket
from collections.abc import Sequence
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit


class JsonRpcError(RuntimeError):
    """The node answered with an error: `error` holds its `code`, `message`, `data`, `cause`..."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error.get('message')} {error.get('data') or ''}".rstrip())
        self.method, self.error = method, error


class JsonRpc:
    """Calls one node; not for use by several threads at once."""

    def __init__(self, url: str, timeout: float = 30) -> None:
        parts = urlsplit(url)
        self.url, self._timeout = url, timeout
        self._address = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        self._socket: socket.socket | None = None
        self._id = 0

    def call(self, method: str, *params: Any, **named: Any) -> Any:
        """The `result` of one call, with positional or named parameters; raises JsonRpcError."""
        return _result(method, self._post(self._request(method, named or params)))

    def call_all(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of several calls with positional parameters, in one exchange; for reading
        only, since the node may take them in any order. Raises JsonRpcError of the first that has
        one.
        """
        requests = [self._request(method, params) for method, params in calls]
        answers = {answer["id"]: answer for answer in self._post(requests)} if requests else {}
        pairs = zip(calls, requests, strict=True)
        return [_result(method, answers[request["id"]]) for (method, _), request in pairs]

    def _request(self, method: str, params: object) -> dict[str, Any]:
        self._id += 1
        return {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}

    def _post(self, request: object) -> Any:
        body = json.dumps(request).encode()
        try:
            return json.loads(self._exchange(f"{self._head}{len(body)}\r\n\r\n".encode() + body))
        except BaseException:  # whatever is still to come on it belongs to no later call
            self.close()
            raise

    def _exchange(self, sent: bytes) -> bytes:
        """In one piece, so that the node wakes up once: `http.client` sends head and body apart."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(sent)
        with HTTPResponse(self._socket, method="POST") as response:
            response.begin()
            received = response.read()
        if response.will_close:
            self.close()
        return received

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _result(method: str, answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise JsonRpcError(method, answer["error"])
    return answer["result"]
