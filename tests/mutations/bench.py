"""Where a guard is taken out: copies of the tree, and one PostgreSQL and one Redis for all of them.

To start both for each guard, and to migrate a database, would take longer than most tests.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from devnet.postgres import Postgres, start_postgres
from devnet.redis import start_redis
from tests.mutations.guard import ROOT, Guard
from tests.mutations.runner import OUTPUT, TOO_LONG

TESTS_FAILED: Final = 1  # pytest's exit code: they were collected, run, and some failed
_INHERITED: Final = {"HOME", "LANG", "PATH", "TMPDIR"}
_LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "__pycache__", "target", ".*_cache", ".hypothesis", ".devnet"
)
_OPTIONS: Final = (
    "-q", "-x", "--tb=short", "--reuse-db", "-p", "no:cacheprovider", "-p", "no:schemathesis",
    "-o", "addopts=",  # the plugin that starts servers is left out
    "-o", "faulthandler_timeout=120",  # says where it hangs
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of what the runner has imported
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What pytest said. `failed`: names of the tests; `broken`: of those that could not be run."""

    exit_code: int | None  # None: it had to be stopped
    failed: tuple[str, ...]
    broken: tuple[str, ...]
    output: str

    @property
    def is_killed(self) -> bool:
        """Whether a test noticed, and nothing but tests did."""
        return self.exit_code == TESTS_FAILED and bool(self.failed) and not self.broken

    @property
    def why_not(self) -> str:
        """For who reads that a guard survived."""
        if self.exit_code is None:
            return f"not over after {TOO_LONG} s"
        return "every test passed" if self.exit_code == 0 else f"broken: {', '.join(self.broken)}"


class Copy:
    """A tree of its own, with a database of its own."""

    def __init__(self, folder: Path, number: int, postgres: Postgres, redis_url: str) -> None:
        self.tree, self._report = folder / "tree", folder / "report.xml"
        self._postgres, self._database = postgres, f"copy_{number}"
        server, redis = postgres.url.rpartition("/")[0], redis_url.rpartition("/")[0]
        self.environment = {
            **{name: os.environ[name] for name in _INHERITED & os.environ.keys()},
            "SECRET_KEY": "only-for-tests-" + "x" * 50,
            "VAULT_KEYS": json.dumps({"1": "11" * 32}),
            "POLICY": "devnet",
            "DATABASE_URL": f"{server}/{self._database}",
            "REDIS_URL": f"{redis}/{number}",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "examples"),
        }
        shutil.copytree(ROOT, self.tree, ignore=_LEFT_OUT)
        for name in (".venv", "node_modules"):
            (self.tree / name).symlink_to((ROOT / name).resolve())

    def migrate(self) -> None:
        """Make the database that each run's own is a copy of."""
        self._postgres.execute(f"CREATE DATABASE {self._database}")
        command = [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity", "0"]
        subprocess.run(command, cwd=self.tree, env=self.environment, check=True)

    def start(self) -> None:
        """The process that runs tests."""
        command = [sys.executable, "-m", "tests.mutations.runner"]
        self._runner = subprocess.Popen(
            command, cwd=self.tree, env=self.environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def stop(self) -> None:
        """End it."""
        self._runner.communicate()

    def run_without(self, guard: Guard) -> Outcome:
        """The guard's tests, on code without it; the tree is put back."""
        file = self.tree / guard.file
        source = file.read_text()
        _write(file, guard.mutated(source))
        try:
            return self.run(guard.tests)
        finally:
            _write(file, source)

    def run(self, tests: Iterable[str]) -> Outcome:
        """Up to the first failure."""
        name = f"test_{self._database}"
        self._postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._postgres.execute(f"CREATE DATABASE {name} TEMPLATE {self._database}")
        self._report.unlink(missing_ok=True)
        stdin, stdout = self._runner.stdin, self._runner.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([*_OPTIONS, f"--junitxml={self._report}", *tests]) + "\n")
        exit_code = json.loads(stdout.readline())
        output = (self.tree / OUTPUT).read_text(errors="replace")
        return Outcome(exit_code, self._reported("failure"), self._reported("error"), output)

    def _reported(self, kind: str) -> tuple[str, ...]:
        if not self._report.is_file():
            return ()
        cases = ElementTree.parse(self._report).iter("testcase")  # noqa: S314 - pytest's own
        return tuple(case.get("name", "") for case in cases if case.find(kind) is not None)


@contextmanager
def copies(count: int) -> Iterator[list[Copy]]:
    """That many, ready to run tests."""
    with ExitStack() as stack:
        prefix = "1balancer-mutations-"
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        folder.chmod(0o711)  # PostgreSQL runs under another uid when we are root
        postgres, redis = start_postgres(folder, is_durable=False), start_redis(folder)
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        made = []
        for number in range(count):
            (home := folder / str(number)).mkdir()
            made.append(Copy(home, number, postgres, redis.url))
            made[-1].migrate()
            made[-1].start()
            stack.callback(made[-1].stop)
        yield made


def _write(file: Path, source: str) -> None:
    """Compiled code is told from stale by seconds and size alone: it goes too."""
    file.write_text(source)
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
