"""A pytest plugin: PostgreSQL and Redis of this run, up before Django reads its settings."""

import json
import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devnet.postgres import start_postgres
from devnet.redis import start_redis

_servers = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Start both, and say where they are in the environment that the settings come from."""
    folder = Path(_servers.enter_context(tempfile.TemporaryDirectory(prefix="1balancer-tests-")))
    folder.chmod(0o711)  # PostgreSQL runs under another uid when we are root
    postgres = start_postgres(folder, is_durable=False)
    _servers.callback(postgres.stop)
    redis = start_redis(folder)
    _servers.callback(redis.stop)
    os.environ.update(
        SECRET_KEY="only-for-tests-" + "x" * 50,
        VAULT_KEYS=json.dumps({"1": "11" * 32}),
        POLICY="devnet",
        DATABASE_URL=postgres.url,
        REDIS_URL=redis.url,
    )
    yield


def pytest_unconfigure() -> None:
    """End both."""
    _servers.close()
