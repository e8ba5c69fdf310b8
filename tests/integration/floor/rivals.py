"""Two connections at once: a rival in a thread, and the instant at which it waits for our lock."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection, connections


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start `work` with a database connection of its own; its result is appended to the list."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def wait_for_a_blocked_statement() -> None:
    """Return as soon as another connection waits for a lock."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            if cursor.fetchone():
                return
