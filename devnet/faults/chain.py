"""What can go wrong with one chain: the same methods for each, most of them context managers."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from enum import Enum
from functools import partial
from typing import Any, ClassVar, Final, TypedDict, Unpack

from devnet.faults import kinds
from devnet.faults.exchange import Manner, Reply
from devnet.faults.kinds import Fault
from devnet.faults.proxy import FaultProxy, Proxies


class Scope(TypedDict, total=False):
    """Which exchanges a fault meets: those that call one of `methods`, at most `count` of them,
    through the proxy number `at`. Left out: all."""

    methods: Collection[str]
    count: int
    at: int


class Failure(Enum):
    """Ways to give no answer. The node hears nothing, except of CUT and LOST, after it did all."""

    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_429 = "http_429"
    INTERNAL_ERROR = "internal_error"  # JSON-RPC's, with HTTP status 200
    GARBAGE = "garbage"  # no JSON
    MALFORMED = "malformed"  # a result of another shape than the method has
    CUT = "cut"
    LOST = "lost"


class Lie(Enum):
    """What a node answers falsely about: a block's hash, a transaction's end, a lock's state."""

    BLOCK = "block"
    RECEIPT = "receipt"
    STATE = "state"


Change = Callable[[str, Any], Any]  # of a method and its result
Lies = Mapping[Lie, tuple[Collection[str], Change]]

SAID: Final = "text of the fault proxy that nobody may see"
_PAGES: Final = {Failure.HTTP_500: 500, Failure.HTTP_502: 502, Failure.HTTP_429: 429}
_CALLS: Final[dict[Failure, dict[str, Any]]] = {
    Failure.INTERNAL_ERROR: {"error": {**kinds.INTERNAL_ERROR, "data": SAID}},
    Failure.MALFORMED: {"result": SAID},
}


class ChainFaults(ABC):
    """One chain. `urls` lead to its node through the proxies; `injected` counts by fault.

    `past`: the fault that lets its node lag; `lies`: which methods tell what, and how
    it is changed.
    """

    past: ClassVar[Callable[..., Fault]]
    lies: ClassVar[Lies]

    def __init__(self, node_url: str, proxies: Proxies, urls: int) -> None:
        self.proxies: tuple[FaultProxy, ...] = tuple(proxies.start(node_url) for _ in range(urls))
        self.injected = Counter[str]()

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs of the proxies."""
        return tuple(proxy.url for proxy in self.proxies)

    # the way to the node

    def delaying(self, seconds: float, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """Each exchange takes so much longer."""
        return self._during("delay", scope, partial(kinds.Delay, seconds=seconds))

    def hanging(self, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """Nothing is answered; at the end all of it reaches the node, sends included."""
        return self._during("hang", scope, kinds.Hang)

    def failing(self, how: Failure, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """No answer, in one of many ways."""
        return self._during(how.value, scope, partial(_failure, how))

    def dripping(self, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """The node does what it is asked; its answers come byte by byte, also after the end."""
        return self._during("drip", scope, partial(kinds.Mangle, manner=Manner.DRIP))

    def never_ending(self, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """The node does what it is asked; its answers go on in spaces while they are read."""
        return self._during("endless", scope, partial(kinds.Mangle, manner=Manner.ENDLESS))

    def refusing_connections(self, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """A TCP reset for an answer; the node hears nothing."""
        reset = Reply(200, b"", manner=Manner.RESET)
        return self._during("reset", scope, partial(kinds.Refuse, reply=reset))

    def doubling(self, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """The node gets each request twice."""
        return self._during("double", scope, kinds.Double)

    def answering_twice(self, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """Each answer comes twice: every other exchange gets the one that was there before it."""
        return self._during("twice", scope, kinds.Repeat)

    def stale(self, blocks: int, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """The node seems to lag by `blocks`: it knows nothing newer, but takes what is sent."""
        return self._during("stale", scope, partial(self.past, blocks=blocks))

    def lying(self, about: Lie, **scope: Unpack[Scope]) -> AbstractContextManager[Fault]:
        """Answers that are false in one respect; with `at`, two URLs disagree."""
        methods, change = self.lies[about]
        scope.setdefault("methods", methods)
        return self._during(f"lie_{about.value}", scope, partial(kinds.Lie, change=change))

    # the chain itself

    @contextmanager
    def stalling(self) -> Iterator[None]:
        """No new blocks, except those that a test makes by `mine`."""
        self.injected["stall"] += 1
        self._stall()
        try:
            yield
        finally:
            self._resume()

    @contextmanager
    def fee_spike(self, price: int) -> Iterator[None]:
        """Each block made meanwhile has this price of gas, in base units per gas."""
        self.injected["fee_spike"] += 1
        before = self._hold_price(price)
        try:
            yield
        finally:
            self._release_price(before)

    def reorganise(self, depth: int = 1, *, keep_transactions: bool = True) -> None:
        """Other blocks instead of the newest `depth`; they hold the same transactions, or none."""
        self.injected["reorganise"] += 1
        self._reorganise(depth, keep_transactions=keep_transactions)

    @abstractmethod
    def jump(self, seconds: int) -> None:
        """This chain's clock alone on by `seconds`, for ever, with a block."""

    @abstractmethod
    def _stall(self) -> None: ...

    @abstractmethod
    def _resume(self) -> None: ...

    @abstractmethod
    def _hold_price(self, price: int) -> int: ...

    @abstractmethod
    def _release_price(self, before: int) -> None: ...

    @abstractmethod
    def _reorganise(self, depth: int, *, keep_transactions: bool) -> None: ...

    # in common

    @contextmanager
    def _during(self, name: str, scope: Scope, make: Callable[..., Fault]) -> Iterator[Fault]:
        methods = frozenset(scope["methods"]) if "methods" in scope else None
        fault = make(methods=methods, count=scope.get("count"))
        with ExitStack() as stack:
            for proxy in self._chosen(scope):
                stack.enter_context(proxy.injecting(fault))
            try:
                yield fault
            finally:
                stack.close()
                self.injected[name] += fault.injected

    def _chosen(self, scope: Scope) -> tuple[FaultProxy, ...]:
        if not self.proxies:
            raise ValueError(
                "no proxy leads to this node: start Devnet with proxied_urls=1 or more"
            )
        return (self.proxies[scope["at"]],) if "at" in scope else self.proxies


def _failure(how: Failure, **of: Any) -> Fault:
    said = _CALLS.get(how)
    if said is not None:
        return kinds.RefuseCalls(said=said, **of)
    if how in (Failure.CUT, Failure.LOST):
        return kinds.Mangle(manner=Manner.CUT if how is Failure.CUT else Manner.RESET, **of)
    reply = Reply(_PAGES.get(how, 200), f"<html>{SAID}".encode(), {"Content-Type": "text/html"})
    return kinds.Refuse(reply=reply, **of)
