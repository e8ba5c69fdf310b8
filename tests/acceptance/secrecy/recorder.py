"""Writes down all that a running service holds and says, and how far the chains were by then."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from devnet.jsonrpc import JsonRpc
from devnet.network import Devnet
from devnet.service import Service

Heights = tuple[int, int]  # of the chains' heads: BASE, NEAR


class Recorder:
    """Takes everything again and again in a thread, and what it is given in between.

    `records`: (where, data) to the heads' heights right after it was first taken.
    """

    def __init__(self, devnet: Devnet) -> None:
        self._devnet, self.records = devnet, dict[tuple[str, bytes], Heights]()
        self._lock = threading.Lock()
        self._base, self._near = JsonRpc(devnet.anvil.url), JsonRpc(devnet.near.url)
        self._ended = threading.Event()
        self._errors: list[Exception] = []
        self._threads: list[threading.Thread] = []
        self._redis = redis.Redis.from_url(devnet.redis.url)

    def watch(self, service: Service) -> None:
        """Take database, Redis and processes from now on."""
        self._begin(self._watch_database)
        self._begin(lambda: self._watch(service))

    def add(self, where: str, data: str | bytes) -> None:
        """Something that was said."""
        self._add([(where, data if isinstance(data, bytes) else data.encode())])

    def stop(self) -> None:
        """End the threads, and raise what went wrong in them."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def close(self) -> None:
        """Close all connections."""
        for connection in (self._redis, self._base, self._near):
            connection.close()

    def _begin(self, work: Any) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:
                self._errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self._threads.append(thread)

    def _add(self, taken: Iterable[tuple[str, bytes]]) -> None:
        with self._lock:
            new = [one for one in taken if one not in self.records]
            if new:
                self.records |= dict.fromkeys(new, self._heights())

    def _heights(self) -> Heights:
        status = self._near.call("status")
        base = int(self._base.call("eth_blockNumber"), 16)
        return base, int(status["sync_info"]["latest_block_height"])

    def _watch_database(self) -> None:
        """Whenever a transaction that writes has begun or ended since it was last taken."""
        with closing(psycopg.connect(self._devnet.postgres.url, autocommit=True)) as database:
            taken = None
            while not self._ended.wait(0.05):
                (seen,) = database.execute("SELECT pg_current_snapshot()::text").fetchall()
                if seen != taken:
                    self._take_database(database)
                    taken = seen

    def _watch(self, service: Service) -> None:
        while not self._ended.wait(0.5):
            self._take_redis()
            self._take_processes(service)

    def _take_database(self, database: psycopg.Connection[Any]) -> None:
        self._add([
            (f"database {table}.{column}", value)
            for table in tables(database)
            for column, value in columns(database, table)
        ])  # fmt: skip

    def _take_redis(self) -> None:
        for key in self._redis.scan_iter():
            with suppress(redis.ResponseError):  # it ended, and another kind of value took its name
                self.add("Redis", key + repr(self._value(key)).encode())

    def _value(self, key: bytes) -> Any:
        match self._redis.type(key):
            case b"string":
                return self._redis.get(key)
            case b"list":
                return self._redis.lrange(key, 0, -1)
            case b"hash":
                return self._redis.hgetall(key)
            case b"set":
                return self._redis.smembers(key)
            case b"zset":
                return self._redis.zrange(key, 0, -1, withscores=True)
            case b"none":
                return None
            case kind:
                raise AssertionError(f"Redis holds a {kind!r}, which is not read here")

    def _take_processes(self, service: Service) -> None:
        for process in processes_of(service):
            for name in ("cmdline", "environ"):
                with suppress(OSError):  # it has ended
                    self.add(f"process {name}", (process / name).read_bytes())


def tables(database: psycopg.Connection[Any]) -> list[str]:
    rows = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [name for (name,) in rows]


def columns(database: psycopg.Connection[Any], table: str) -> Iterator[tuple[str, bytes]]:
    """Each value of each row, bytes as hex."""
    query = sql.SQL("SELECT to_jsonb(t) FROM {} t").format(sql.Identifier(table))
    for (row,) in database.execute(query):
        for column, value in row.items():
            yield column, json.dumps(value).encode()


def processes_of(service: Service) -> list[Path]:
    """/proc of all processes of the service, by their sessions' leaders."""
    leaders = {child.process.pid for child in service.processes.values()}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            group = int((process / "stat").read_text().rpartition(")")[2].split()[2])
            found += [process] if group in leaders else []
    return found


def files_of(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield f"file {path.name}", path.read_bytes()
