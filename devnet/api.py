"""A client of the service's public API, as a frontend would write it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import urllib3
from websockets.sync.client import connect

ENDS = {"completed", "refunded", "cancelled", "failed"}


class ApiError(RuntimeError):
    """The service refused; the message is its problem's, `code` and `status` too."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Api:
    """Calls with an API key; every write carries an Idempotency-Key."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key, self._pool = f"{url}/api/v1", key, urllib3.PoolManager(retries=False)

    def get(self, path: str) -> Any:
        """The answer to a read."""
        return self._call("GET", path, None)

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a write."""
        return self._call("POST", path, body)

    def execute(self, route_id: str, amount: int, *accounts: str) -> dict[str, Any]:
        """A quote, a session and its execution: the session as it is then. `accounts`: of the
        maker, on the source and on the destination.
        """
        quote = self.post("/quote", routeId=route_id, amount=str(amount))
        source, destination = accounts
        session = self.post(
            "/sessions",
            quoteId=quote["quoteId"],
            makerSourceAccount=source,
            makerDestinationAccount=destination,
        )
        executed: dict[str, Any] = self.post(f"/sessions/{session['sessionId']}/execute")
        return executed

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        return self._ask(method, path, body, str(uuid4()))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None, key: str) -> Any:
        """Once; `key` makes a write that is asked for again the same write."""
        headers = {"X-API-Key": self._key, "Idempotency-Key": key}
        answer = self._pool.request(method, self._url + path, json=body, headers=headers)
        if answer.status >= 400:
            said = answer.data.decode()
            code = str(json.loads(said)["code"]) if said.startswith("{") else ""
            raise ApiError(f"{method} {path}: {answer.status} {said}", answer.status, code)
        return answer.json()

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def follow(
        self, session: dict[str, Any], seconds: float = 120, *, after: int = 0
    ) -> Iterator[dict[str, Any]]:
        """A session's updates after the one numbered `after`, until one ends it; TimeoutError if
        none comes.
        """
        return self.follow_all([session], seconds, after=after)

    def follow_all(
        self, sessions: Sequence[dict[str, Any]], seconds: float = 120, *, after: int = 0
    ) -> Iterator[dict[str, Any]]:
        """The same of several at once, until each has ended."""
        running = {session["sessionId"] for session in sessions}
        with connect(sessions[0]["feedUrl"]) as feed:
            feed.send(json.dumps({"type": "auth", "apiKey": self._key}))
            for each in running:
                subscribe = {"channel": "session", "sessionId": each, "after": after}
                feed.send(json.dumps({"type": "subscribe", **subscribe}))
            while running:
                message = json.loads(feed.recv(timeout=seconds))
                if message["type"] == "error":
                    raise ApiError(f"/ws: {message['detail']}")
                if message["type"] == "session_update":
                    yield message
                    if message["status"] in ENDS:
                        running.discard(message["sessionId"])
