"""One node of a chain: JSON-RPC, each call one bounded exchange.

A result must answer our request, in its shape. What a node says, and where it is, stays in here:
texts of errors are for classification only.
"""

import itertools
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from urllib3.exceptions import HTTPError

from chains_app.adapters.exchange import EndlessError, Line
from chains_app.adapters.interface import ChainError, ChainUnavailableError
from chains_app.adapters.standing import Standing

_NO_ANSWER_CODES: Final = frozenset({-32005, -32603})  # limit exceeded, internal error
_NO_ANSWER_CAUSES: Final = frozenset(  # nearcore's names
    {"TIMEOUT_ERROR", "NO_SYNCED_BLOCKS", "NOT_SYNCED_YET", "INTERNAL_ERROR", "UNAVAILABLE_SHARD"}
)

# What geth, reth, erigon and the providers say of too many logs.
_TOO_MUCH: Final = ("more than", "response size", "too many", "too large", "max results", "exceeds")

Call = tuple[str, Any]  # a method and its parameters
Fits = Callable[[str, Any, Any], bool]  # of a method, its parameters, and the result


class RpcError(ChainError):
    """A node answered with an error. `said` is its text, `cause` NEAR's name of it: never shown."""

    def __init__(self, chain: str, method: str, error: dict[str, Any]) -> None:
        code = error.get("code")
        self.method, self.number = method, code if isinstance(code, int) else 0
        super().__init__(f"{chain}: a node refused {method} with code {self.number}")
        cause = error.get("cause")
        self.cause = _texts(cause.get("name")) if isinstance(cause, dict) else ""
        self.data = error.get("data")
        self.said = _texts(error.get("message"), self.data).lower()

    @property
    def is_too_much(self) -> bool:
        """Whether it refuses logs for their number: the same question would never be answered."""
        return self.method == "eth_getLogs" and any(text in self.said for text in _TOO_MUCH)

    @property
    def is_no_answer(self) -> bool:
        """Whether it says nothing about what was asked: overload, or a node that lags."""
        named = self.number in _NO_ANSWER_CODES or self.cause in _NO_ANSWER_CAUSES
        return not self.is_too_much and (named or "rate limit" in self.said)


class EndlessAnswerError(ChainUnavailableError):
    """No answer, but one began that was too long, or too slow: too much may have been asked for."""


class Node:
    """Asks one URL. `place` tells it from the chain's others: "node 2 of 3"."""

    def __init__(self, chain: str, url: str, place: str, fits: Fits) -> None:
        self.place, self.standing = place, Standing()
        self._chain, self._url, self._fits = chain, url, fits
        self._process, self._line = os.getpid(), Line(self._url)
        self._ids = itertools.count(1)

    def __repr__(self) -> str:
        return f"Node({self._chain!r}, {self.place!r})"

    def read(self, method: str, params: Any) -> Any:
        """The result of a call; raises RpcError, ChainUnavailableError."""
        request = self._request(method, params)
        return self._result(request, self._post(method, request))

    def read_all(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several calls in one exchange, in their order (EVM nodes only)."""
        requests = [self._request(method, params) for method, params in calls]
        answers = self._post(calls[0][0], requests)
        if not isinstance(answers, list):
            self._result(requests[0], answers)
            raise self.unavailable(calls[0][0])
        by_id = {
            answer["id"]: answer
            for answer in answers
            if isinstance(answer, dict) and isinstance(answer.get("id"), int)
        }
        return [self._result(request, by_id.get(request["id"])) for request in requests]

    def renew(self) -> None:
        """A forked worker shares no connection with its parent, nor what was proved over one."""
        if self._process != os.getpid():
            self._process, self._line = os.getpid(), Line(self._url)
            self.standing.is_proved = False

    def close(self) -> None:
        """Close the connections."""
        self._line.close()

    def unavailable(self, method: str) -> ChainUnavailableError:
        """What to raise when it gives no answer."""
        return ChainUnavailableError(self._no_answer(method))

    def _no_answer(self, method: str) -> str:
        return f"{self._chain}: no node answered {method}"

    def _request(self, method: str, params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}

    def _post(self, method: str, body: Any) -> Any:
        try:  # an error's status may be 4xx or 5xx: its body counts
            return json.loads(self._line.post(json.dumps(body)))
        except EndlessError:
            raise EndlessAnswerError(self._no_answer(method)) from None
        except (HTTPError, ValueError, RecursionError):
            raise self.unavailable(method) from None

    def _result(self, request: dict[str, Any], answer: Any) -> Any:
        method, number = request["method"], request["id"]
        if not isinstance(answer, dict) or answer.get("id") not in (number, None):
            raise self.unavailable(method)
        error = answer.get("error")
        if isinstance(error, dict):
            refused = RpcError(self._chain, method, error)
            if refused.is_no_answer:
                raise self.unavailable(method)
            raise refused
        is_ours = "result" in answer and answer.get("id") == number
        if not is_ours or not self._fits(method, request["params"], answer["result"]):
            raise self.unavailable(method)
        return answer["result"]


def _texts(*parts: Any) -> str:
    """Those of them that are text: anything else is nested as deeply as a node likes."""
    return " ".join(part for part in parts if isinstance(part, str))
