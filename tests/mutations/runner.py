"""Runs tests in forks of a process that has what others wrote imported: half of a short run's time.

It knows nothing of the service's own modules: each fork imports them as they stand by then. Reads a
JSON list of pytest's arguments from each line of its input, and answers with pytest's exit code, or
with null when that takes longer than `TOO_LONG`.
"""

import json
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

OUTPUT: Final = "output.txt"  # of the last run, in the working folder
TOO_LONG: Final = 300  # seconds; code without its guard may wait for ever
_IMPORTED: Final = (
    "celery.app", "celery.result", "cryptography.hazmat.primitives.ciphers.aead",
    "django.contrib.postgres", "django.db.backends.postgresql.base", "django.db.models",
    "django.forms", "django.http", "django.template", "django.test", "django.urls", "eth_abi.abi",
    "eth_utils", "hypothesis.strategies", "kombu.entity", "psycopg", "pydantic",
    "pydantic_settings", "pytest_asyncio.plugin", "pytest_django.plugin", "redis.asyncio",
    "structlog", "tenacity", "urllib3",
)  # fmt: skip


def run(arguments: list[str]) -> int | None:
    """By a fork, its output in a file."""
    if (child := os.fork()) == 0:
        os.setsid()
        written = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(written, 1)
        os.dup2(written, 2)
        code = int(pytest.main(arguments))
        sys.stdout.flush()
        os._exit(code)
    return _exit_code(child)


def _exit_code(child: int) -> int | None:
    """A process cannot wait for its child and a clock at once without a thread, or asking again."""
    until = time.monotonic() + TOO_LONG
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    """Until its input ends."""
    for name in _IMPORTED:
        import_module(name)
    sys.path.insert(0, str(Path.cwd()))
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
