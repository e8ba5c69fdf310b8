"""The faults that a proxy can inject. Each wraps the way to the node; none of them is random."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Final

from devnet.faults.exchange import Forward, Manner, Reply, Request

Answer = dict[str, Any]
INTERNAL_ERROR: Final = {
    "code": -32603,
    "message": "internal error of the fault proxy",
    "cause": {"name": "INTERNAL_ERROR"},
}


@dataclass(kw_only=True, eq=False)
class Fault(ABC):
    """Meets exchanges that call one of `methods` (None: all, whatever they hold), `count` at most.

    `injected` counts the exchanges that it met. `ended` is set when it was removed, `idle` while it
    holds none.
    """

    methods: frozenset[str] | None = None
    count: int | None = None
    injected: int = field(default=0, init=False)
    meeting: int = field(default=0, init=False)  # exchanges that it holds right now
    idle: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    ended: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        self.idle.set()

    def wants(self, request: Request) -> bool:
        """Whether this exchange is one of its own."""
        if self.count is not None and self.injected >= self.count:
            return False
        return self.methods is None or not self.methods.isdisjoint(request.methods)

    async def meet(self, request: Request, forward: Forward) -> Reply:
        """Count and answer an exchange."""
        self.injected += 1
        self.meeting += 1
        self.idle.clear()
        try:
            return await self.answer(request, forward)
        finally:
            self.meeting -= 1
            if not self.meeting:
                self.idle.set()

    @abstractmethod
    async def answer(self, request: Request, forward: Forward) -> Reply:
        """What the client gets; `forward` asks the node (through the faults beneath)."""


@dataclass(kw_only=True, eq=False)
class Delay(Fault):
    """Each exchange takes `seconds` longer, or until the fault ends."""

    seconds: float

    async def answer(self, request: Request, forward: Forward) -> Reply:
        await self._wait()
        return await forward(request)

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self.ended.wait(), self.seconds)
        except TimeoutError:
            return


@dataclass(kw_only=True, eq=False)
class Hang(Fault):
    """Nothing reaches the node until the fault ends; then all of it does, sends included."""

    async def answer(self, request: Request, forward: Forward) -> Reply:
        await self.ended.wait()
        return await forward(request)


@dataclass(kw_only=True, eq=False)
class Refuse(Fault):
    """A fixed reply; the node hears nothing."""

    reply: Reply

    async def answer(self, request: Request, forward: Forward) -> Reply:
        return self.reply


@dataclass(kw_only=True, eq=False)
class Mangle(Fault):
    """The node does what it was asked; its reply leaves in another manner (RESET: it is lost)."""

    manner: Manner

    async def answer(self, request: Request, forward: Forward) -> Reply:
        return replace(await forward(request), manner=self.manner)


@dataclass(kw_only=True, eq=False)
class Double(Fault):
    """The node gets each request twice; the client gets its second answer."""

    async def answer(self, request: Request, forward: Forward) -> Reply:
        await forward(request)
        return await forward(request)


@dataclass(kw_only=True, eq=False)
class Repeat(Fault):
    """Every other exchange gets the reply of the one before it; the node does what it was asked.

    So it looks to a client when a reply comes twice over a connection that it keeps.
    """

    before: Reply | None = field(default=None, init=False)

    async def answer(self, request: Request, forward: Forward) -> Reply:
        reply = await forward(request)
        if self.before is None:
            self.before = reply
            return reply
        again, self.before = self.before, None
        return again


class CallFault(Fault):
    """Answers single calls; the others of a batch go on to the node."""

    async def answer(self, request: Request, forward: Forward) -> Reply:
        if not request.calls:
            return await forward(request)
        answers = [await self._one(call, Node(request, forward)) for call in request.calls]
        content: Any = answers if request.is_batch else answers[0]
        return Reply(200, json.dumps(content).encode())

    async def _one(self, call: Mapping[str, Any], node: "Node") -> Answer:
        if self.methods is not None and call["method"] not in self.methods:
            return await node.answer(call)
        answer = await self.answer_call(call, node)
        return {**answer, "jsonrpc": "2.0", "id": call.get("id")}

    @abstractmethod
    async def answer_call(self, call: Mapping[str, Any], node: "Node") -> Answer:
        """The answer to one call: a dictionary with `result` or `error`."""


@dataclass(frozen=True)
class Node:
    """Asks the node on behalf of a fault, in the way that `request` came."""

    request: Request
    forward: Forward

    async def answer(self, call: Mapping[str, Any]) -> Answer:
        """The node's answer to a call."""
        reply = await self.forward(self.request.of([call], is_batch=False))
        answer: Answer = json.loads(reply.body)
        return answer

    async def result(self, method: str, params: Any) -> Any:
        """The result of a call of our own; None when the node refused it."""
        call = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
        return (await self.answer(call)).get("result")


@dataclass(kw_only=True, eq=False)
class RefuseCalls(CallFault):
    """A fixed answer to each call, such as an error; the node hears nothing of these calls."""

    said: Mapping[str, Any]

    async def answer_call(self, call: Mapping[str, Any], node: Node) -> Answer:
        return dict(self.said)


@dataclass(kw_only=True, eq=False)
class Lie(CallFault):
    """The node's results, changed by `change`, which gets a copy; None and errors stay."""

    change: Callable[[str, Any], Any]  # (method, result)

    async def answer_call(self, call: Mapping[str, Any], node: Node) -> Answer:
        answer = await node.answer(call)
        if answer.get("result") is None:
            return answer
        return {"result": self.change(call["method"], deepcopy(answer["result"]))}


def layered(faults: Sequence[Fault], node: Forward) -> Forward:
    """The way to the node through all faults, the newest first."""
    forward = node
    for fault in faults:
        forward = _through(fault, forward)
    return forward


def _through(fault: Fault, beneath: Forward) -> Forward:
    async def forward(request: Request) -> Reply:
        if fault.wants(request):
            return await fault.meet(request, beneath)
        return await beneath(request)

    return forward
