"""A small JSON-RPC client over one kept-alive connection, for the devnet's tools and tests."""

import http.client
import json
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
        self.url, self._path = url, parts.path or "/"
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=timeout
        )
        self._id = 0

    def call(self, method: str, *params: Any, **named: Any) -> Any:
        """The `result` of one call, with positional or named parameters; raises JsonRpcError."""
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": named or params}
        answer = self._post(json.dumps(request))
        if "error" in answer:
            raise JsonRpcError(method, answer["error"])
        return answer["result"]

    def _post(self, body: str) -> dict[str, Any]:
        self._connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return answer

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._connection.close()
