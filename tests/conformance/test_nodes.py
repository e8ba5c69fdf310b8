"""Several nodes of a chain, of which one lags, serves less, or is not of this chain."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from chains_app.adapters import rpc, standing
from chains_app.adapters.interface import ChainUnavailableError, WrongChainError
from chains_app.locks import Call, LockState
from devnet.faults import ChainFaults, Failure
from devnet.faults.kinds import Lie, RefuseCalls
from tests.conformance.evm_world import EvmWorld
from tests.conformance.faulty import ASKED
from tests.conformance.near_world import NearWorld
from tests.conformance.world import World, make, signed, terms

pytestmark = pytest.mark.parametrize("world", ["evm", "near"], indirect=True)
LAG = 20


def test_a_block_that_one_node_lacks_is_asked_of_the_other(
    through: World, faults: ChainFaults
) -> None:
    world, adapter, bound = through, through.adapter, terms(through)
    make(world, Call.LOCK, bound)
    head = adapter.head()
    with faults.stale(LAG, at=0) as lag:
        assert adapter.block(head.hash) == adapter.block(head.height) == head
        assert adapter.read_lock(bound, head).state is LockState.OPEN
        page = adapter.facts(head.height, head.height)
        assert page.last == head
    assert lag.injected > 0


def test_a_method_that_one_node_does_not_serve_is_asked_of_the_other(
    through: World, faults: ChainFaults
) -> None:
    world, adapter, bound = through, through.adapter, terms(through)
    make(world, Call.LOCK, bound)
    head = adapter.head()
    with not_serving(faults):
        assert adapter.head() == head
        assert adapter.read_lock(bound, head).state is LockState.OPEN
        assert adapter.payout_problem(bound, bound.beneficiary) is None
        assert adapter.balance(bound.beneficiary, None) > 0


@contextmanager
def not_serving(faults: ChainFaults) -> Iterator[None]:
    """The first URL has none of the methods, as a provider's smallest plan."""
    said = {"code": -32601, "message": "no such method", "cause": {"name": "METHOD_NOT_FOUND"}}
    refusal = RefuseCalls(said={"error": said}, methods=frozenset(ASKED))
    with faults.proxies[0].injecting(refusal):
        yield


def test_the_head_is_that_of_the_node_that_does_not_lag(
    through: EvmWorld | NearWorld, faults: ChainFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "COMPARE_SECONDS", 0)
    through.spec = replace(through.spec, stale_after=30)
    through.connect(faults.urls)
    through.mine(LAG, seconds=60)
    now = through.adapter.head().time  # the chain's, which tests move
    monkeypatch.setattr(rpc, "wall_clock", lambda: now)
    with faults.stale(LAG, at=0) as lag:
        head = through.adapter.head()
        assert through.adapter.head() == head
    assert through.adapter.head() == head
    assert lag.injected > 0


def test_a_node_that_lags_serves_when_no_other_does(through: World, faults: ChainFaults) -> None:
    through.mine(LAG)
    fresh = through.adapter.head()
    with faults.stale(LAG, at=0), faults.failing(Failure.HTTP_502, at=1):
        assert through.adapter.head().height == fresh.height - LAG


@pytest.mark.parametrize("how", [ChainFaults.dripping, ChainFaults.never_ending])
def test_a_node_that_comes_to_no_end_is_set_aside(
    through: World, faults: ChainFaults, monkeypatch: pytest.MonkeyPatch, how: Callable[..., Any]
) -> None:
    head = through.adapter.head()
    monkeypatch.setattr(standing, "FIRST_PAUSE", 60)
    with how(faults, at=0) as fault:
        assert [through.adapter.head() for _ in range(2)] == [head] * 2
    assert fault.injected == 1


def other_chain(method: str, result: Any) -> Any:
    return "0x1" if method == "eth_chainId" else {**result, "chain_id": "other"}


@contextmanager
def on_another_chain(faults: ChainFaults, *places: int) -> Iterator[list[Lie]]:
    lies = [Lie(methods=frozenset({"eth_chainId", "status"}), change=other_chain) for _ in places]
    for place, lie in zip(places, lies, strict=True):
        faults.proxies[place].add(lie)
    try:
        yield lies
    finally:
        for place, lie in zip(places, lies, strict=True):
            faults.proxies[place].remove(lie)


def test_a_node_of_another_chain_is_not_used_and_is_told_of(
    through: World, faults: ChainFaults, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = through.adapter
    with on_another_chain(faults, 1):
        [problem] = adapter.problems()
        faults.proxies[1].asked.clear()
        with faults.failing(Failure.HTTP_502, at=0):
            for ask in (adapter.head, lambda: adapter.balance(through.maker.account, None)):
                with pytest.raises(ChainUnavailableError):
                    ask()
        assert set(faults.proxies[1].asked) <= {"eth_chainId", "status"}
    told = {
        "base": "node 2 of 2 is on chain 1, not 31337",
        "near": "node 2 of 2 is on chain 'other', not 'devnet'",
    }
    assert problem == f"{adapter.name}: {told[adapter.name]}: correct its URL"
    logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    told_of = {(each["event"], each["chain"], each["node"]) for each in logged}
    assert told_of == {("node_on_another_chain", adapter.name, "node 2 of 2")}
    assert faults.urls[1] not in caplog.text


def test_a_chain_without_a_node_of_its_own_says_so(through: World, faults: ChainFaults) -> None:
    sent = signed(through, Call.LOCK, terms(through), through.lock)
    adapter = through.adapter
    with on_another_chain(faults, 0, 1):
        assert len(adapter.problems()) == 2
        for ask in (adapter.head, lambda: adapter.broadcast(sent.raw)):
            with pytest.raises(WrongChainError, match=r"node 1 of 2 .*node 2 of 2 "):
                ask()
