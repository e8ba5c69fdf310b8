"""What passes through a fault proxy: a request, read as JSON-RPC where it is one, and its reply."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, Self

JSON: Final = {"Content-Type": "application/json"}


class Manner(Enum):
    """How a reply leaves. CUT: half of its body, then the end. RESET: a TCP reset instead of it.

    DRIP: its body byte by byte. ENDLESS: spaces behind its body, as long as the client takes them.
    """

    WHOLE = "whole"
    CUT = "cut"
    RESET = "reset"
    DRIP = "drip"
    ENDLESS = "endless"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; the headers are those of the node that matter to a client."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    manner: Manner = Manner.WHOLE


@dataclass(frozen=True)
class Request:
    """An HTTP request; `calls` are its JSON-RPC calls, none when it holds anything else."""

    verb: str
    path: str
    body: bytes
    calls: tuple[dict[str, Any], ...] = ()
    is_batch: bool = False

    @classmethod
    def read(cls, verb: str, path: str, body: bytes) -> Self:
        """What a client sent."""
        try:
            content = json.loads(body)
        except ValueError:
            return cls(verb, path, body)
        calls = content if isinstance(content, list) else [content]
        if not all(isinstance(call, dict) and "method" in call for call in calls):
            return cls(verb, path, body)
        return cls(verb, path, body, tuple(calls), isinstance(content, list))

    @property
    def methods(self) -> frozenset[str]:
        """The methods that are called."""
        return frozenset(call["method"] for call in self.calls)

    def of(self, calls: Sequence[Mapping[str, Any]], *, is_batch: bool) -> Self:
        """The same request with other calls."""
        content: Any = list(calls) if is_batch else calls[0]
        changed = tuple(dict(call) for call in calls)
        return replace(self, body=json.dumps(content).encode(), calls=changed, is_batch=is_batch)


Forward = Callable[[Request], Awaitable[Reply]]
