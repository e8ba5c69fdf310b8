"""Events that an EVM node leaves out, makes up, or refuses for their number."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chains_app.adapters import evm_contract, evm_logs
from chains_app.adapters.evm import PAGE_BLOCKS
from chains_app.adapters.interface import ChainUnavailableError, FactsPage, TooManyFactsError
from chains_app.locks import Call, LockTerms
from devnet.faults import ChainFaults, Failure
from devnet.faults.exchange import Forward, Manner, Reply, Request
from devnet.faults.kinds import Answer, CallFault, Fault, Lie, Node
from tests.conformance.evm_world import EvmWorld
from tests.conformance.faulty import NO_ANSWER
from tests.conformance.test_evm import call_stranger, emitter_of
from tests.conformance.world import SECRET, facts_since, make, terms

pytestmark = pytest.mark.parametrize("world", ["evm"], indirect=True)
LOGS = frozenset({"eth_getLogs"})
CALLS = 20  # of one batch, that a provider takes


@dataclass
class Withdrawal:
    """A lock that was withdrawn, and the heights from before it on."""

    world: EvmWorld
    bound: LockTerms
    start: int

    def facts(self) -> FactsPage:
        return facts_since(self.world, self.start)

    def secret(self) -> bytes | None:
        head = self.world.adapter.head().height
        return self.world.adapter.shown_secret(self.bound, self.start, head)


@pytest.fixture
def withdrawal(through: EvmWorld) -> Withdrawal:
    bound, start = terms(through), through.adapter.head().height
    make(through, Call.LOCK, bound)
    make(through, Call.WITHDRAW, bound)
    return Withdrawal(through, bound, start)


@contextmanager
def leaving_out(faults: ChainFaults, *places: int) -> Iterator[None]:
    lies = [(place, Lie(methods=LOGS, change=lambda _method, _logs: [])) for place in places]
    for place, lie in lies:
        faults.proxies[place].add(lie)
    yield
    for place, lie in lies:
        faults.proxies[place].remove(lie)


def test_events_that_a_node_leaves_out_are_asked_of_the_other(
    withdrawal: Withdrawal, faults: ChainFaults
) -> None:
    """The blocks' blooms tell that there are some."""
    honest = withdrawal.facts()
    assert [fact.secret for fact in honest.facts] == [None, SECRET.reveal()]
    for liar in (0, 1):
        with leaving_out(faults, liar):
            assert withdrawal.facts() == honest


def test_what_both_leave_out_is_missing_and_found_when_one_tells(
    withdrawal: Withdrawal, faults: ChainFaults
) -> None:
    with leaving_out(faults, 0, 1):
        assert withdrawal.facts().facts == ()
        assert withdrawal.secret() is None
    for liar in (0, 1):
        with leaving_out(faults, liar):
            assert withdrawal.secret() == SECRET.reveal()


def test_a_block_whose_bloom_has_nothing_of_ours_is_asked_for_once(
    through: EvmWorld, faults: ChainFaults
) -> None:
    start = through.adapter.head().height
    through.mine(3)
    before = [proxy.asked["eth_getLogs"] for proxy in faults.proxies]
    assert facts_since(through, start).facts == ()
    after = [proxy.asked["eth_getLogs"] for proxy in faults.proxies]
    assert after == [before[0] + 3, before[1]]


def another_secret(_method: str, logs: Any) -> Any:
    return [{**log, "data": "0x" + "11" * 32 + log["data"][66:]} for log in logs]


def test_a_secret_that_does_not_open_the_lock_is_none(
    withdrawal: Withdrawal, faults: ChainFaults
) -> None:
    lie = Lie(methods=LOGS, change=another_secret)
    with faults.proxies[0].injecting(lie):
        assert withdrawal.secret() == SECRET.reveal()
        with faults.proxies[1].injecting(lie):
            assert withdrawal.secret() is None


def test_a_secret_is_sought_window_by_window(
    withdrawal: Withdrawal, faults: ChainFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evm_logs, "WINDOW_BLOCKS", 1)
    withdrawal.world.mine(3)
    before = faults.proxies[0].asked["eth_getLogs"]
    assert withdrawal.secret() == SECRET.reveal()
    assert faults.proxies[0].asked["eth_getLogs"] == before + 4
    head = withdrawal.world.adapter.head().height
    lone = withdrawal.world.adapter.shown_secret(withdrawal.bound, head - 2, head)
    assert lone is None


class Spam(CallFault):
    """Refuses logs that are not asked for by address, in the words of several nodes."""

    said = "query returned more than 10000 results"
    code = -32005

    async def answer_call(self, call: Mapping[str, Any], node: Node) -> Answer:
        if "address" in call["params"][0]:
            return await node.answer(call)
        return {"error": {"code": self.code, "message": self.said}}


class ShortBatches(Fault):
    """Refuses longer batches, as providers do."""

    async def answer(self, request: Request, forward: Forward) -> Reply:
        if len(request.calls) <= CALLS:
            return await forward(request)
        return Reply(200, b'{"error": {"code": -32600, "message": "batch of too many calls"}}')


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-32005, "query returned more than 10000 results"),
        (-32602, "Log response size exceeded. You can make eth_getLogs requests with ..."),
        (-32000, "too many logs"),
    ],
)
def test_events_too_many_to_ask_for_are_asked_for_by_our_addresses(
    withdrawal: Withdrawal,
    faults: ChainFaults,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, adapter, honest = withdrawal.world, withdrawal.world.adapter, withdrawal.facts()
    call_stranger(world, emitter_of([evm_contract.WITHDRAWN]))
    world.mine(CALLS)
    head, ours = adapter.head().height, adapter.lock_id(withdrawal.bound)
    monkeypatch.setattr(evm_logs, "ADDRESSES", 2)
    others = ["0x" + f"{number:040x}" for number in range(1, 4)]
    spam = Spam(methods=LOGS)
    spam.code, spam.said = code, said
    with ExitStack() as stack:
        for proxy in faults.proxies:
            stack.enter_context(proxy.injecting(spam))
            stack.enter_context(proxy.injecting(ShortBatches()))
        with pytest.raises(TooManyFactsError):
            adapter.facts(withdrawal.start + 1, head)
        page = adapter.facts(withdrawal.start + 1, head, [*others, ours])
    assert page.facts == honest.facts
    assert len(page.blocks) == PAGE_BLOCKS


class LongLogs(Fault):
    """Comes to no end, unless addresses are named."""

    async def answer(self, request: Request, forward: Forward) -> Reply:
        reply = await forward(request)
        is_named = all("address" in call["params"][0] for call in request.calls)
        return replace(reply, manner=Manner.WHOLE if is_named else Manner.ENDLESS)


def test_events_that_come_to_no_end_are_asked_for_by_our_addresses(
    withdrawal: Withdrawal, faults: ChainFaults
) -> None:
    adapter, honest = withdrawal.world.adapter, withdrawal.facts()
    heights, ours = (withdrawal.start + 1, honest.last.height), adapter.lock_id(withdrawal.bound)
    with (
        faults.failing(Failure.HTTP_502, methods=LOGS, at=0),
        faults.proxies[1].injecting(LongLogs(methods=LOGS)),
    ):
        with pytest.raises(TooManyFactsError):
            adapter.facts(*heights)
        assert adapter.facts(*heights, [ours]) == honest
    with (
        faults.never_ending(methods=LOGS),
        pytest.raises(ChainUnavailableError, match=NO_ANSWER),
    ):
        adapter.facts(*heights, [ours])
