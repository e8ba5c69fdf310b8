"""How long the service takes to look at every open swap after all its workers were killed."""

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg

from devnet.api import Api
from devnet.network import BlockTimes, Devnet
from devnet.service import Service

SESSIONS: Final = 1_000
ROUTE: Final = "base:ETH->near:NEAR"
CLIENTS: Final = 8  # at a time
SETTINGS: Final = {
    "RESOLVER_PROFIT_BPS": "0",
    "CAPS": json.dumps({"client_sessions": 10_000, "maker_sessions": 10_000,
                        "maker_dollars": 10**9, "client_dollars": 10**9}),
    "CLIENT_REQUESTS_PER_MINUTE": "1000000",
    # the maker's lock is waited for as long as the measurement takes
    "DURATIONS": json.dumps({"time_to_lock": 1_800}),
}  # fmt: skip
LIMIT_SECONDS: Final = 120.0
MAKE_DUE: Final = "UPDATE sessions_app_session SET wake_at = now() WHERE wake_at IS NOT NULL"
STILL_DUE: Final = "SELECT count(*) FROM sessions_app_session WHERE wake_at <= %s"


def recovery_seconds(sessions: int = SESSIONS) -> float:
    """From the restarted worker's first log line until each of so many open sessions, all of them
    due, was claimed and advanced once.
    """
    with Devnet(BlockTimes()) as devnet, tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), devnet.environment | SETTINGS)
        try:
            _open_sessions(devnet, service, sessions)
            return _restart(devnet, service)
        finally:
            service.stop()


def _open_sessions(devnet: Devnet, service: Service, count: int) -> None:
    """Filled, and waiting for their makers' locks."""
    key = service.create_client("bench")
    maker = devnet.environment["MAKER_NEAR_ACCOUNT"]
    with closing(Api(service.url, key)) as api, ThreadPoolExecutor(CLIENTS) as pool:
        accounts = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", maker
        list(pool.map(lambda _: api.execute(ROUTE, 10**16, *accounts), range(count)))


def _restart(devnet: Devnet, service: Service) -> float:
    worker = service.processes["worker"]
    worker.kill()
    said = worker.log.stat().st_size
    with psycopg.connect(devnet.postgres.url, autocommit=True) as database:
        database.execute(MAKE_DUE)
        (killed_at,) = database.execute("SELECT now()").fetchone() or (None,)
        worker.restart()
        worker.wait_until(lambda: worker.log.stat().st_size > said, LIMIT_SECONDS)
        began = time.perf_counter()
        worker.wait_until(
            lambda: database.execute(STILL_DUE, [killed_at]).fetchone() == (0,), LIMIT_SECONDS
        )
        return time.perf_counter() - began
