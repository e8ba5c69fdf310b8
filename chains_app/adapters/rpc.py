"""The nodes of one chain: which of them is asked, and what counts as the chain's answer.

Reads are asked of one node after the other until one has an answer; what a node lacks or does not
serve, another may have. Sends are given to every node, once each: one that takes them and forwards
nothing keeps them from nobody. Whoever sends looks up by hash (rule 6).
A node that is not on our chain is never asked for anything else; one that gave no answer is set
aside for a growing time; one whose head lags, or is invented, is asked last.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from chains_app.adapters.interface import (
    ChainError,
    ChainUnavailableError,
    Refusal,
    WrongChainError,
)
from chains_app.adapters.node import Call, EndlessAnswerError, Fits, Node, RpcError
from chains_app.adapters.standing import best_head
from chains_app.locks import Block
from orchestrator.kernel import patience
from orchestrator.kernel.clock import wall_clock

ATTEMPTS: Final = 3  # at least, of a read that gets no answer
COMPARE_SECONDS: Final = 5.0  # between two comparisons of heads

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Dialect:
    """What is particular to a chain. `is_the_chains`: whether any node would refuse the same.

    `foreign`: why a node is not on our chain, in words that follow its name, or None; both asking
    functions raise RpcError and ChainUnavailableError. `stale_after` as in ChainSpec.
    """

    fits: Fits
    is_the_chains: Callable[[RpcError], bool]
    foreign: Callable[[Node], str | None]
    head: Callable[[Node], Block]
    stale_after: int | None


class JsonRpc:
    """May be used by several threads."""

    def __init__(
        self,
        chain: str,
        urls: Sequence[str],
        dialect: Dialect,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        count = len(urls)
        self._chain, self._dialect, self._clock = chain, dialect, clock
        self._nodes = tuple(
            Node(chain, url, f"node {number} of {count}", dialect.fits)
            for number, url in enumerate(urls, 1)
        )
        self._comparing, self._compare_at = threading.Lock(), 0.0
        self._retrying = self._rounds(-(-ATTEMPTS // count))

    def __repr__(self) -> str:
        return f"JsonRpc({self._chain!r}, {len(self._nodes)} nodes)"

    def read(self, method: str, params: Any) -> Any:
        """The result of a call that changes nothing; None only when all that answer say null.

        Raises RpcError, ChainUnavailableError, WrongChainError.
        """
        return self._ask(lambda node: node.read(method, params), _is_none)

    def read_all(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several such calls of one node, in their order (EVM nodes only)."""
        return self._ask(lambda node: node.read_all(calls), _is_empty)

    def send(
        self, method: str, params: Any, refusal: Callable[[RpcError], Refusal | None]
    ) -> Refusal | None:
        """Have every node take a call that may change something, each asked once; why none did.

        Who is set aside is asked only while nobody has answered. `refusal` tells what an error
        means; None where the node has it already. Raises ChainUnavailableError, WrongChainError.
        """
        heard: list[Refusal | ChainError | None] = []
        for node in sorted(self._in_order(), key=self._distrust):
            if any(map(_is_an_answer, heard)) and node.standing.is_aside(self._clock()):
                continue
            heard.append(self._sent_to(node, method, params, refusal))
        if None in heard:
            return None
        refusals = [answer for answer in heard if isinstance(answer, Refusal)]
        return min(refusals, key=list(Refusal).index) if refusals else self._said_by_all(heard)

    def _distrust(self, node: Node) -> tuple[bool, int]:
        """One that gave no answer is not the next to be sent anything, whatever it reads."""
        return node.standing.is_aside(self._clock()), node.standing.unheard

    def _sent_to(
        self, node: Node, method: str, params: Any, refusal: Callable[[RpcError], Refusal | None]
    ) -> Refusal | ChainError | None:
        """None when it takes the call."""
        node.standing.unheard += 1
        try:
            self._of(node, lambda asked: asked.read(method, params))
        except RpcError as error:
            if not self._dialect.is_the_chains(error):
                return node.unavailable(method)
            node.standing.unheard = 0
            return refusal(error)
        except (ChainUnavailableError, WrongChainError) as error:
            return error
        node.standing.unheard = 0
        return None

    def first_known(self, ask: Callable[[Node], T | None]) -> T | None:
        """What a node knows; None only when none that answers knows it, whatever one refuses.

        Raises what `ask` does of all nodes together, ChainUnavailableError when none answers.
        """
        found: T | None = self._ask(ask, _is_none, is_the_chains=lambda _: False)
        return found

    def alone(self) -> "list[JsonRpc]":
        """A client of each node that is not set aside, one at least, in the order in which they are
        asked; a read is tried once.
        """
        nodes, now = self._in_order(), self._clock()
        awake = [node for node in nodes if not node.standing.is_aside(now)]
        return [self._of_one(node) for node in awake or nodes[:1]]

    def problems(self) -> list[str]:
        """The nodes that are not on our chain, each asked anew. Silence is no problem of theirs."""
        for node in self._nodes:
            node.standing.is_proved, node.standing.foreign = False, None
            with suppress(ChainError):
                self._prove(node)
        return [self._said(node) for node in self._nodes if node.standing.foreign]

    def close(self) -> None:
        """Close all connections."""
        for node in self._nodes:
            node.close()

    def _of_one(self, node: Node) -> "JsonRpc":
        client = copy(self)
        client._nodes, client._retrying = (node,), self._rounds(1)
        return client

    @staticmethod
    def _rounds(most: int) -> Retrying:
        return Retrying(
            stop=stop_after_attempt(most),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            retry=retry_if_exception_type(ChainUnavailableError),
            reraise=True,
        )

    def _ask(
        self,
        ask: Callable[[Node], T],
        lacks: Callable[[T], bool],
        is_the_chains: Callable[[RpcError], bool] | None = None,
    ) -> T:
        if len(self._nodes) > 1:
            self._compare_heads()
        final = is_the_chains or self._dialect.is_the_chains
        answer: T = self._retrying(self._round, ask, lacks, final)
        return answer

    def _round(
        self,
        ask: Callable[[Node], T],
        lacks: Callable[[T], bool],
        final: Callable[[RpcError], bool],
    ) -> T:
        """Each node once, until one has it; who is set aside only while nobody has answered."""
        heard: list[T | ChainError] = []
        for node in self._in_order():
            if any(map(_is_an_answer, heard)) and node.standing.is_aside(self._clock()):
                continue
            answer = self._heard(node, ask, final)
            if not isinstance(answer, ChainError) and not lacks(answer):
                return answer
            heard.append(answer)
        return self._said_by_all(heard)

    def _heard(
        self, node: Node, ask: Callable[[Node], T], final: Callable[[RpcError], bool]
    ) -> T | ChainError:
        """The answer, or the error that another node may not give."""
        try:
            return self._of(node, ask)
        except RpcError as error:
            if final(error):
                raise
            return error
        except (ChainUnavailableError, WrongChainError) as error:
            return error

    def _said_by_all(self, heard: Sequence[T | ChainError]) -> T:
        """That it is lacking; else why it was refused; else that no answer ended, or came."""
        for answer in heard:
            if not isinstance(answer, ChainError):
                return answer
        for kind in (RpcError, EndlessAnswerError, ChainUnavailableError):
            for answer in heard:
                if isinstance(answer, kind):
                    raise answer
        raise self._wrong_chain()

    def _of(self, node: Node, ask: Callable[[Node], T]) -> T:
        """What a node answers, once it is proved that it is one of ours. Who may not wait any more
        asks none, and who may not wait long blames none for it.
        """
        if patience.is_over():
            raise ChainUnavailableError(f"{self._chain}: no time is left to ask a node")
        is_fair = patience.is_fair()
        try:
            self._prove(node)
            answer = ask(node)
        except ChainUnavailableError:
            if is_fair:
                node.standing.fail(self._clock())
            raise
        except RpcError:
            node.standing.answer()
            raise
        node.standing.answer()
        return answer

    def _prove(self, node: Node) -> None:
        """Raises WrongChainError for a node of another chain, which is set aside like any other."""
        node.renew()
        standing, now = node.standing, self._clock()
        if standing.is_proved:
            return
        if standing.foreign is None or not standing.is_aside(now):
            try:
                standing.foreign = self._dialect.foreign(node)
            except RpcError as error:
                raise node.unavailable(error.method) from None
            if standing.foreign is not None:
                standing.fail(now)
                self._report(node)
        if standing.foreign is not None:
            raise WrongChainError(self._said(node))
        standing.is_proved = True

    def _report(self, node: Node) -> None:
        """Where none serves, the error tells; a process that ends for it says one line."""
        if any(other.standing.is_proved for other in self._nodes):
            log.error("node_on_another_chain", chain=self._chain, node=node.place)

    def _said(self, node: Node) -> str:
        return f"{self._chain}: {node.place} {node.standing.foreign}: correct its URL"

    def _wrong_chain(self) -> WrongChainError:
        return WrongChainError("; ".join(self._said(node) for node in self._nodes))

    def _in_order(self) -> list[Node]:
        """Those set aside last, before them those whose heads stray; else as configured."""
        now, bound = self._clock(), self._dialect.stale_after
        heads = [node.standing.head for node in self._nodes if node.standing.head is not None]
        best = best_head(heads, bound, wall_clock())
        return sorted(
            self._nodes,
            key=lambda node: (node.standing.is_aside(now), node.standing.strays(best, bound)),
        )

    def _compare_heads(self) -> None:
        """Ask for all heads now and then; whoever finds another thread at it goes on."""
        if self._clock() < self._compare_at or not self._comparing.acquire(blocking=False):
            return
        try:
            for node in self._nodes:
                if not node.standing.is_aside(self._clock()):
                    self._note_head(node)
        finally:
            self._compare_at = self._clock() + COMPARE_SECONDS
            self._comparing.release()

    def _note_head(self, node: Node) -> None:
        with suppress(ChainError):  # what gives no answer was set aside for it
            node.standing.head = self._of(node, self._dialect.head)


def _is_an_answer(heard: Any) -> bool:
    return not isinstance(heard, ChainUnavailableError | WrongChainError)


def _is_none(answer: Any) -> bool:
    return answer is None


def _is_empty(answers: list[Any]) -> bool:
    return all(answer is None for answer in answers)
