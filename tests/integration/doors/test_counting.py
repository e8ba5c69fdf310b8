"""What metrics count: swaps begun and ended, their time, open connections; in real processes."""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import transaction
from prometheus_client import REGISTRY

from devnet.processes import start
from devnet.service import processes
from orchestrator.hints import send_hint
from orchestrator.kernel.clock import instant
from sessions_app.domain.plan import Step
from sessions_app.domain.states import Status
from sessions_app.lifecycle import Commit, lock_sessions
from sessions_app.models import Session
from sessions_app.sweeps import ADVANCE_TASK
from tests.integration.doors.feed import ROOT, client_of, running_feed
from tests.integration.floor.conftest import process_environment
from tests.integration.floor.test_metrics import scrape
from tests.integration.sessions.world import START, THERE, WHOLE_LIFE, World, path, status
from tests.unit.chains.environment import ENVIRONMENT

pytestmark = pytest.mark.django_db(transaction=True)

SWAP_METRICS = [
    ("swaps_initiated_total", {}),
    ("swaps_completed_total", {}),
    ("swap_duration_seconds_count", {}),
    *(("swaps_failed_total", {"status": each}) for each in ("cancelled", "refunded", "failed")),
]

Counted = Callable[[], dict[str, float]]


@pytest.fixture
def counted(world: World) -> Counted:
    """What was counted of the route since the test began, by metric or end; no zeros."""
    before = values()

    def since() -> dict[str, float]:
        grown = {name: value - before[name] for name, value in values().items()}
        return {name: value for name, value in grown.items() if value}

    return since


def values() -> dict[str, float]:
    found = {}
    for name, labels in SWAP_METRICS:
        value = REGISTRY.get_sample_value(name, {"route": THERE, **labels})
        found[labels.get("status", name)] = value or 0.0
    return found


def swap(world: World) -> Session:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    assert status(session) is Status.COMPLETED
    return session


def move(session: Session, *moves: tuple[Status, bool]) -> None:
    """Moves of its own, each in a commit; True: by a reorganisation."""
    for to, by_reorganisation in moves:
        with transaction.atomic():
            commit, (row,) = Commit(instant(START)), lock_sessions([session.pk])
            commit.move(row, Step(to, "a test", by_reorganisation), {})
            commit.write([row])


def test_a_swap_is_counted_at_its_begin_and_at_its_end(world: World, counted: Counted) -> None:
    session = world.create()
    assert counted() == {"swaps_initiated_total": 1}
    seconds = REGISTRY.get_sample_value("swap_duration_seconds_sum", {"route": THERE}) or 0.0
    world.execute(session)
    world.lock_source(session)
    world.live(14)
    assert counted() == {
        "swaps_initiated_total": 1,
        "swaps_completed_total": 1,
        "swap_duration_seconds_count": 1,
    }
    moves = {each.after: each.at for each in session.transitions.all()}
    took = (moves["completed"] - moves["source_locking"]).total_seconds()
    assert took > 0
    total = REGISTRY.get_sample_value("swap_duration_seconds_sum", {"route": THERE})
    assert total == seconds + took


def test_an_end_without_the_swap_is_counted_by_its_status(world: World, counted: Counted) -> None:
    world.cancel(world.create())
    session = world.start()
    world.lock_source(session)
    world.chains["near"].refusing.add("maker")
    world.live(WHOLE_LIFE, step=5)
    assert path(session)[-1] == "refunded"
    assert counted() == {"swaps_initiated_total": 2, "cancelled": 1, "refunded": 1}


def test_a_way_through_failed_is_no_end(world: World, counted: Counted) -> None:
    session = world.start()
    move(session, (Status.FAILED, False), (Status.REFUNDING, False))
    assert counted() == {"swaps_initiated_total": 1}
    move(session, (Status.REFUNDED, False))
    assert counted() == {"swaps_initiated_total": 1, "refunded": 1}


def test_a_lost_race_is_counted_even_after_a_way_through_failed(
    world: World, counted: Counted
) -> None:
    session = world.start()
    move(session, (Status.FAILED, False), (Status.REVEALING_SECRET, False))
    move(session, (Status.FAILED, False))
    assert counted() == {"swaps_initiated_total": 1, "failed": 1}


def test_what_a_reorganisation_opens_and_ends_again_is_one_swap(
    world: World, counted: Counted
) -> None:
    session = swap(world)
    once = counted()
    move(session, (Status.REVEALING_SECRET, True), (Status.COMPLETED, False))
    assert path(session)[-3:] == ["completed", "revealing_secret", "completed"]
    assert counted() == once


def test_nothing_is_counted_of_what_is_undone(world: World, counted: Counted) -> None:
    with transaction.atomic():
        session = world.create()
        world.cancel(session)
        assert counted() == {}
        transaction.set_rollback(True)
    assert counted() == {}
    assert not Session.objects.exists()


def test_what_a_workers_child_counts_the_web_processes_scrape_has(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    Session.objects.update(expires_at="2026-01-01T00:00Z", wake_at="2026-01-01T00:00Z")
    folder = tmp_path / "metrics"
    folder.mkdir()
    program = str(Path(sys.executable).parent / "celery")
    command = [program, *shlex.split(processes()["worker"])[1:]]
    environment = process_environment(PROMETHEUS_MULTIPROC_DIR=str(folder), **ENVIRONMENT)
    worker = start("worker", command, tmp_path, env=environment, working_folder=ROOT)
    try:
        send_hint(ADVANCE_TASK)
        worker.wait_until(lambda: Session.objects.get().state is Status.CANCELLED, 60)
        worker.wait_until(lambda: any(folder.glob("counter_*.db")), 10)
    finally:
        worker.stop()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    assert scrape()["swaps_failed_total"] == {(THERE, "cancelled"): 1}


def test_open_connections_are_counted_and_a_killed_process_holds_none(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))

    with running_feed(tmp_path) as (url, feed), ExitStack() as clients:
        first, second = (clients.enter_context(client_of(url)) for _ in range(2))
        for each in (first, second):
            assert each.ask(type="ping") == {"type": "pong"}
        assert connected() == 2
        first.socket.close()
        feed.wait_until(lambda: connected() == 1)  # the server hears of it a moment later
        os.killpg(feed.process.pid, signal.SIGKILL)
        feed.process.wait()
        second.wait_for_close()
        until = time.monotonic() + 10  # its worker is init's child now, and dies on its own
        while connected() and time.monotonic() < until:
            time.sleep(0.05)
        assert connected() == 0


def connected() -> float:
    return scrape().get("connected_clients", {}).get((), 0.0)
