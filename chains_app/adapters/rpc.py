"""JSON-RPC over HTTP, for every chain: kept-alive connections, short timeouts, several nodes.

Reads are tried again, at the next node. Sends never are: whoever sends looks up by hash (rule 6),
and what is sent next goes to the next node. A result must answer our request, in its shape.
What a node says, and where it is, stays in here: texts of errors are for classification only.
"""

import itertools
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import urllib3
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from urllib3.exceptions import HTTPError

from chains_app.adapters.interface import ChainError, ChainUnavailableError

ATTEMPTS: Final = 3
_TIMEOUT: Final = urllib3.Timeout(connect=2, read=5)
_HEADERS: Final = {"Content-Type": "application/json"}
_NO_ANSWER_CODES: Final = frozenset({-32005, -32603})  # limit exceeded, internal error
_NO_ANSWER_CAUSES: Final = frozenset(  # nearcore's names
    {"TIMEOUT_ERROR", "NO_SYNCED_BLOCKS", "NOT_SYNCED_YET", "INTERNAL_ERROR", "UNAVAILABLE_SHARD"}
)

T = TypeVar("T")
Call = tuple[str, Any]  # a method and its parameters
Fits = Callable[[str, Any, Any], bool]  # of a method, its parameters, and the result


class RpcError(ChainError):
    """A node answered with an error. `said` is its text, `cause` NEAR's name of it: never shown."""

    def __init__(self, chain: str, method: str, error: dict[str, Any]) -> None:
        code = error.get("code")
        self.number = code if isinstance(code, int) else 0
        super().__init__(f"{chain}: a node refused {method} with code {self.number}")
        cause = error.get("cause")
        self.cause = str(cause.get("name", "")) if isinstance(cause, dict) else ""
        self.data = error.get("data")
        self.said = f"{error.get('message', '')} {self.data or ''}".lower()

    @property
    def is_no_answer(self) -> bool:
        """Whether it says nothing about what was asked: overload, or a node that lags."""
        named = self.number in _NO_ANSWER_CODES or self.cause in _NO_ANSWER_CAUSES
        return named or "rate limit" in self.said


class JsonRpc:
    """The nodes of one chain. May be used by several threads."""

    def __init__(
        self, chain: str, urls: Sequence[str], fits: Fits, attempts: int = ATTEMPTS
    ) -> None:
        self._chain, self._urls, self._preferred, self._fits = chain, tuple(urls), 0, fits
        alone = [JsonRpc(chain, [url], fits, attempts=1) for url in urls] if len(urls) > 1 else []
        self._each = tuple(alone)
        self._process, self._pool = os.getpid(), _new_pool()
        self._ids = itertools.count(1)
        self._retrying = Retrying(
            stop=stop_after_attempt(attempts),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry=retry_if_exception_type(ChainUnavailableError),
            reraise=True,
        )

    def __repr__(self) -> str:
        return f"JsonRpc({self._chain!r}, {len(self._urls)} nodes)"

    def read(self, method: str, params: Any) -> Any:
        """The result of a call that changes nothing; raises RpcError, ChainUnavailableError."""
        return self._retrying(self._elsewhere, lambda: self._one(method, params))

    def read_all(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several such calls in one exchange, in their order (EVM nodes only)."""
        return self._retrying(self._elsewhere, lambda: self._batch(calls))

    def send(self, method: str, params: Any) -> Any:
        """The result of a call that may change something: tried once, at one node."""
        return self._elsewhere(lambda: self._one(method, params))

    def first_known(self, ask: Callable[["JsonRpc"], T | None]) -> T | None:
        """What a node knows; None only when none that answers knows it.

        Raises what `ask` does of all nodes together, ChainUnavailableError when none answers.
        """
        found = ask(self)
        for node in self._each:
            if found is not None:
                break
            with suppress(ChainUnavailableError):
                found = ask(node)
        return found

    def close(self) -> None:
        """Close all connections."""
        for client in (self, *self._each):
            client._pool.clear()

    def _elsewhere(self, ask: Callable[[], T]) -> T:
        """Ask; a node that gave no answer is not asked first the next time."""
        asked = self._preferred
        try:
            return ask()
        except ChainUnavailableError:
            self._preferred = (asked + 1) % len(self._urls)
            raise

    def _one(self, method: str, params: Any) -> Any:
        request = self._request(method, params)
        return self._result(request, self._post(method, request))

    def _batch(self, calls: Sequence[Call]) -> list[Any]:
        requests = [self._request(method, params) for method, params in calls]
        answers = self._post(calls[0][0], requests)
        if not isinstance(answers, list):
            self._result(requests[0], answers)
            raise self._unavailable(calls[0][0])
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [self._result(request, by_id.get(request["id"])) for request in requests]

    def _request(self, method: str, params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}

    def _post(self, method: str, body: Any) -> Any:
        url = self._urls[self._preferred]
        if self._process != os.getpid():  # a forked worker shares no connection with its parent
            self._process, self._pool = os.getpid(), _new_pool()
        try:
            response = self._pool.request("POST", url, body=json.dumps(body), headers=_HEADERS)
            return json.loads(response.data)  # an error's status may be 4xx or 5xx: its body counts
        except (HTTPError, ValueError):
            raise self._unavailable(method) from None

    def _result(self, request: dict[str, Any], answer: Any) -> Any:
        method, number = request["method"], request["id"]
        if not isinstance(answer, dict) or answer.get("id") not in (number, None):
            raise self._unavailable(method)
        error = answer.get("error")
        if isinstance(error, dict):
            refused = RpcError(self._chain, method, error)
            if refused.is_no_answer:
                raise self._unavailable(method)
            raise refused
        is_ours = "result" in answer and answer.get("id") == number
        if not is_ours or not self._fits(method, request["params"], answer["result"]):
            raise self._unavailable(method)
        return answer["result"]

    def _unavailable(self, method: str) -> ChainUnavailableError:
        return ChainUnavailableError(f"{self._chain}: no node answered {method}")


def _new_pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=16, retries=False, timeout=_TIMEOUT)
