from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Lock, Semaphore
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from pytest_django import Settings

from auctions_app.models import Quote
from chains_app.adapters.memory import MemoryAdapter, memory_spec
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.locks import Block
from chains_app.registry import use_adapters
from devnet.processes import free_port
from orchestrator import health
from orchestrator.clients.models import ApiClient
from orchestrator.health import Prober
from orchestrator.kernel.clock import wall_clock
from sessions_app.domain.states import Status
from sessions_app.models import Session

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Node(MemoryAdapter):
    """Counts what it is asked, and hangs while `answers` is not set."""

    def __init__(self, chain: MemoryChain) -> None:
        super().__init__(chain)
        self.asked, self.answers = 0, Event()
        self.answers.set()

    def head(self) -> Block:
        self.asked += 1
        self.answers.wait()
        return super().head()


@pytest.fixture
def base() -> MemoryChain:
    return MemoryChain("base", start=wall_clock())


@pytest.fixture
def node(base: MemoryChain, monkeypatch: pytest.MonkeyPatch) -> Generator[Node]:
    """BASE and NEAR in memory, stale after a minute, and a prober that knows nothing yet."""
    near = MemoryChain("near", start=wall_clock())
    node = Node(base)
    specs = {chain.name: replace(memory_spec(chain), stale_after=60) for chain in (base, near)}
    monkeypatch.setattr(health, "_prober", Prober())
    monkeypatch.setattr(health, "PROBE_SECONDS", 10)
    with ExitStack() as stack:
        stack.enter_context(use_adapters({"base": node, "near": MemoryAdapter(near)}, specs, {}))
        stack.callback(node.answers.set)
        yield node


def ask() -> tuple[int, dict[str, Any]]:
    response = Client().get("/health")
    return response.status_code, response.json()


def ask_anew(monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(health, "KEPT_SECONDS", -1)
    return ask()


def add_session(client: ApiClient, status: Status, number: int) -> None:
    quote = Quote.objects.create(
        client_id=client.pk,
        route_id="r",
        source_amount=1,
        fair_amount=1,
        gas_fee=0,
        start_amount=1,
        end_amount=1,
        curve_json={},
        policy_json={},
        expires_at=NOW,
    )
    Session.objects.create(
        client=client,
        quote=quote,
        status=status.value,
        hashlock=bytes([number]) * 32,
        policy={},
        created_at=NOW,
        expires_at=NOW,
    )


@pytest.fixture
def _sessions(node: Node) -> None:
    """One of every status."""
    client = ApiClient.objects.create(name="c", scopes=[])
    for number, status in enumerate(Status, 1):
        add_session(client, status, number)


def test_all_is_well(node: Node) -> None:
    code, found = ask()
    assert found.pop("metrics").keys() == {"activeSwaps", "uptime"}
    assert (code, found) == (
        200,
        {
            "status": "healthy",
            "connections": {"base": True, "near": True, "redis": True, "database": True},
        },
    )


@pytest.mark.usefixtures("_sessions")
def test_active_swaps_are_those_that_have_not_ended() -> None:
    assert ask()[1]["metrics"]["activeSwaps"] == len(Status) - 3


def test_a_chain_that_does_not_answer_is_down_and_the_rest_goes_on(
    node: Node, base: MemoryChain
) -> None:
    base.is_unreachable = True
    code, found = ask()
    assert (code, found["status"]) == (200, "degraded")
    assert found["connections"] == {"base": False, "near": True, "redis": True, "database": True}


def test_rule_11_a_chain_whose_head_is_stale_is_down(
    node: Node, base: MemoryChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "wall_clock", lambda: base.head.time + 61)
    assert ask()[1]["connections"]["base"] is False
    monkeypatch.setattr(health, "wall_clock", lambda: base.head.time + 60)
    assert ask_anew(monkeypatch)[1]["connections"]["base"] is True


def test_a_chain_that_hangs_is_down_without_holding_the_answer(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.2)
    node.answers.clear()
    assert ask()[1]["connections"]["base"] is False
    assert ask_anew(monkeypatch)[1]["connections"]["base"] is False
    assert node.asked == 1  # the hanging probe was not doubled
    node.answers.set()
    monkeypatch.setattr(health, "PROBE_SECONDS", 10)
    assert ask_anew(monkeypatch)[1]["connections"]["base"] is True


def test_redis_down_is_degraded(node: Node, settings: Settings) -> None:
    default = {**settings.CACHES["default"], "LOCATION": f"redis://127.0.0.1:{free_port()}/0"}
    settings.CACHES = {**settings.CACHES, "default": default}
    code, found = ask()
    assert (code, found["status"], found["connections"]["redis"]) == (200, "degraded", False)


def test_the_database_down_is_unhealthy(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "PORT", str(free_port()))
    code, found = ask()
    assert (code, found["status"]) == (503, "unhealthy")
    assert found["connections"] == {"base": True, "near": True, "redis": True, "database": False}
    assert found["metrics"]["activeSwaps"] is None


def test_many_questions_within_a_second_are_one_probe(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 3600)
    assert [ask()[0] for _ in range(5)] == [200] * 5
    assert node.asked == 1


class Door:
    """A lock that tells of those who came to it."""

    def __init__(self) -> None:
        self.came, self._lock = Semaphore(0), Lock()

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_all_who_ask_while_a_chain_hangs_share_one_probe(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door()
    monkeypatch.setattr(health, "KEPT_SECONDS", 0)
    monkeypatch.setattr(health._prober, "_lock", door)
    node.answers.clear()
    with ThreadPoolExecutor(3) as threads:
        asking = [threads.submit(health._prober.findings) for _ in range(3)]
        assert all(door.came.acquire(timeout=60) for _ in asking)
        node.answers.set()
        found = [each.result() for each in asking]
    assert [each.status for each in found] == ["healthy"] * 3
    assert node.asked == 1
    assert ask()[0] == 200
    assert node.asked == 2  # who came when it had ended


def test_only_reading_is_allowed() -> None:
    assert Client().post("/health").status_code == 405
    assert Client().post("/metrics").status_code == 405
