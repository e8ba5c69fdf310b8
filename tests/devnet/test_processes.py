"""Servers of the devnet that are killed and started again, by whichever thread."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from devnet.postgres import Postgres, start_postgres
from devnet.processes import Child, start
from devnet.redis import Redis, start_redis
from tests.devnet.waiting import until


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A shell that has started another process, and tells both ids."""
    running = start("sleeper", ["bash", "-c", "sleep 600 & echo $$ $!; wait"], tmp_path)
    try:
        yield running
    finally:
        running.kill()


def told(child: Child) -> list[tuple[int, int]]:
    lines = [line.split() for line in child.log.read_text().splitlines()]
    return [(int(shell), int(sleeper)) for shell, sleeper in lines]


def is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_kill_takes_all_that_a_process_started(child: Child) -> None:
    until(lambda: told(child))
    ((shell, sleeper),) = told(child)
    assert is_alive(shell)
    assert is_alive(sleeper)
    child.kill()
    assert child.has_ended
    until(lambda: not is_alive(sleeper))


def test_what_a_thread_started_again_outlives_the_thread(child: Child) -> None:
    """The kernel's death signal comes when the thread ends that made the child."""
    until(lambda: told(child))
    child.kill()
    thread = threading.Thread(target=child.restart)
    thread.start()
    thread.join()
    until(lambda: len(told(child)) == 2)
    assert not child.has_ended
    assert is_alive(told(child)[1][0])


@pytest.fixture
def postgres(reachable_folder: Path) -> Iterator[Postgres]:
    server = start_postgres(reachable_folder)
    try:
        yield server
    finally:
        server.stop()


def test_postgres_keeps_what_was_committed_before_its_crash(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as before:
        before.execute("CREATE TABLE kept AS SELECT 7 AS number")
        postgres.restart()
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")
    with psycopg.connect(postgres.url) as after:
        assert after.execute("SELECT number FROM kept").fetchone() == (7,)


def test_an_installations_next_clusters_are_copies_of_its_first(
    reachable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    for name in ("first", "second", "third"):
        folder = reachable_folder / name
        folder.mkdir(mode=0o711)
        server = start_postgres(folder)
        try:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("CREATE TABLE mine AS SELECT 1")  # none has another's
        finally:
            server.stop()
        (kept,) = tmp_path.iterdir()  # nothing is left of making it
        assert {each.name for each in kept.iterdir()} == {"cluster", "password"}
        assert (kept / "password").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Redis]:
    server = start_redis(tmp_path)
    try:
        yield server
    finally:
        server.stop()


def test_redis_comes_back_empty_at_the_same_place(broker: Redis) -> None:
    with redis.Redis.from_url(broker.url) as client:
        client.set("hint", 1)
        broker.stop()
        broker.restart()
        assert client.dbsize() == 0
