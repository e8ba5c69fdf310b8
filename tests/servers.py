"""A pytest plugin: PostgreSQL and Redis of this run, up before Django reads its settings."""

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from devnet.folders import new_folder
from devnet.postgres import start_postgres
from devnet.redis import start_redis

NOWHERE: Final = {
    "DATABASE_URL": "postgresql://127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1",
}

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - names below it are made by tempfile
ROOM: Final = 4 * 2**30  # bytes; a run takes a third of it

_servers = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start both, and say where they are in the environment that the settings come from.

    Who only hands the tests out to processes needs the settings, and no servers.
    """
    processes = getattr(early_config.known_args_namespace, "numprocesses", None)  # of pytest-xdist
    hands_out = processes and "PYTEST_XDIST_WORKER" not in os.environ
    _stay_on_one_core()
    _work_in_memory()
    os.environ.update(
        SECRET_KEY="only-for-tests-" + "x" * 50,
        VAULT_KEYS=json.dumps({"1": "11" * 32}),
        POLICY="devnet",
        **(NOWHERE if hands_out else _start()),
    )
    yield


def _stay_on_one_core() -> None:
    """Where there are more of us than cores, one of us with its servers to each, the others where
    there is room: we and they wait by turns, and waking another core takes as long as a query.
    """
    cores = sorted(os.sched_getaffinity(0))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    if number < len(cores) < int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        os.sched_setaffinity(0, {cores[number]})


def _work_in_memory() -> None:
    """Temporary files in memory, where nobody named another place and there is room: a run makes
    some twenty PostgreSQL clusters of a thousand files each.
    """
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # to be looked up anew


def _has_room() -> bool:
    if not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return False
    lines = Path("/proc/meminfo").read_text().splitlines()
    (available,) = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return min(shutil.disk_usage(MEMORY).free, available * 1024) >= ROOM


def _start() -> dict[str, str]:
    folder = new_folder(_servers)
    postgres = start_postgres(folder, is_durable=False)
    _servers.callback(postgres.stop)
    redis = start_redis(folder)
    _servers.callback(redis.stop)
    return {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}


def pytest_unconfigure() -> None:
    """End both."""
    _servers.close()
