"""Whether a secret stands where it may not, in all that the service wrote, said or holds."""

import json
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import redis
from psycopg import sql

from devnet.network import Devnet
from devnet.search import find_all
from orchestrator.kernel.cipher import Cipher

STORED_SECRETS: Final = """
    SELECT reference::text, id, sealed FROM secrets_app_sealedsecret WHERE sealed IS NOT NULL
"""
PUBLISHED: Final = "chains_app_watch.preimage"  # what a chain has shown, read from it


def read_vault(devnet: Devnet, known: dict[str, bytes]) -> None:
    """Add every session's secret that is stored now, opened with the service's own key.

    Raises psycopg.OperationalError while the database is away.
    """
    with psycopg.connect(devnet.postgres.url) as connection:
        rows = connection.execute(STORED_SECRETS).fetchall()
    keys = json.loads(devnet.environment["VAULT_KEYS"])
    cipher = Cipher({int(name): bytes.fromhex(key) for name, key in keys.items()})
    for session, key, sealed in rows:
        if session not in known:
            known[session] = cipher.open(sealed, key.bytes + UUID(session).bytes)


class RedisMonitor:
    """Every command that any client gave Redis, over as many connections as it takes."""

    def __init__(self, url: str) -> None:
        self.heard = bytearray()
        self._url, self._ended = urlsplit(url), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError):
                self._listen()
            self._ended.wait(0.1)

    def _listen(self) -> None:
        address = str(self._url.hostname), int(self._url.port or 0)
        with socket.create_connection(address) as connection:
            connection.sendall(b"MONITOR\r\n")
            connection.settimeout(0.5)
            while not self._ended.is_set():
                with suppress(TimeoutError):
                    heard = connection.recv(65536)
                    if not heard:
                        return
                    self.heard += heard


def leaks(
    secrets: Sequence[bytes], shown: set[bytes], texts: Iterable[tuple[str, bytes]]
) -> list[str]:
    """Where which form of a secret was found; one that a chain has `shown` may stand in PUBLISHED.

    Never the secret itself.
    """
    return [
        f"{where}: secret {secrets.index(secret)} as {', '.join(sorted(names))}"
        for where, data in texts
        for secret, names in find_all(data, secrets).items()
        if not (where == PUBLISHED and secret in shown)
    ]


def all_texts(devnet: Devnet, folder: Path, heard: bytes, said: str) -> Iterator[tuple[str, bytes]]:
    """All that the service has written down, told Redis, answered, or still holds."""
    yield "an answer", said.encode()
    yield "a command to Redis", heard
    for path in (*folder.rglob("*"), devnet.postgres.child.log):
        if path.is_file():
            yield f"file {path.name}", path.read_bytes()
    yield from _database(devnet.postgres.url)
    yield "Redis", _redis(devnet.redis.url)


def _database(url: str) -> Iterator[tuple[str, bytes]]:
    """Each column of each table as one text."""
    with psycopg.connect(url) as database:
        found = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in found.fetchall():
            query = sql.SQL("SELECT to_jsonb(t) FROM {} t").format(sql.Identifier(table))
            columns: dict[str, list[Any]] = {}
            for (row,) in database.execute(query):
                for column, value in row.items():
                    columns.setdefault(column, []).append(value)
            for column, values in columns.items():
                yield f"{table}.{column}", json.dumps(values).encode()


def _redis(url: str) -> bytes:
    """Every key with its value as Redis itself writes it down."""
    with redis.Redis.from_url(url) as client:
        dumps = [(key, client.dump(key) or b"") for key in client.scan_iter()]
    return b"\n".join(part for pair in dumps for part in pair)
