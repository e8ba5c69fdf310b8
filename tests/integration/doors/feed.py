"""The ws process as the Procfile starts it, on the test's database, and a client of it."""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

from django.db import connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from devnet.processes import Child, accepts_connections, free_port, start
from devnet.service import processes
from tests.unit.chains.environment import ENVIRONMENT as SILENT_CHAINS

SECONDS = 15  # until a test gives up waiting for a message
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def running_feed(folder: Path) -> Iterator[tuple[str, Child]]:
    """Its URL and the process."""
    port = free_port()
    environment = {**_environment(), "WS_PORT": str(port)}
    command = shlex.split(Template(processes()["ws"]).substitute(environment))
    child = start("ws", command, folder, env=environment, working_folder=ROOT)
    try:
        child.wait_until(lambda: accepts_connections(port), 60)
        yield f"ws://127.0.0.1:{port}/ws", child
    finally:
        child.stop()


def _environment() -> dict[str, str]:
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    url = f"{server}/{connection.settings_dict['NAME']}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, **SILENT_CHAINS, "DATABASE_URL": url, "PATH": path}


class Client:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def hear(self) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(self.socket.recv(SECONDS))
        return message

    def ask(self, **message: Any) -> dict[str, Any]:
        """The answer to a message."""
        self.say(**message)
        return self.hear()

    def authenticate(self, key: str) -> None:
        answer = self.ask(type="auth", apiKey=key)
        assert answer == {"type": "authenticated"}, answer

    def follow(self, session_id: str, **after: int) -> dict[str, Any]:
        return self.ask(type="subscribe", channel="session", sessionId=session_id, **after)

    def hear_all(self, until: str) -> list[dict[str, Any]]:
        """Every update up to the one with that status."""
        updates = [self.hear()]
        while updates[-1]["status"] != until:
            updates.append(self.hear())
        return updates

    def wait_for_close(self) -> int | None:
        """The code that the server closes with, once all that it sent is heard."""
        try:
            while True:
                self.socket.recv(SECONDS)
        except ConnectionClosed:
            return self.socket.close_code


@contextmanager
def client_of(url: str) -> Iterator[Client]:
    """A connection that has said nothing yet."""
    with connect(url) as socket:
        yield Client(socket)
