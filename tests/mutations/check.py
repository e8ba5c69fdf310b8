"""Takes each guard out of a copy of the code, and requires that its tests fail.

    python -m tests.mutations.check [NAME or rule's number ...]

The tree itself is never touched. All named tests pass first, on the code as it is. A guard is killed
when at least one of its tests fails, and none breaks before it runs. The last line is one JSON
object; the exit code is 0 only if every guard was killed.
"""

import importlib.util
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.mutations.guard import ROOT, Guard
from tests.mutations.guards import GUARDS

AT_ONCE: Final = 2
TOO_LONG: Final = 300  # seconds; code without its guard may wait for ever
TESTS_FAILED: Final = 1  # pytest's exit code: they were collected, run, and some failed
_LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "__pycache__", "target", ".*_cache", ".hypothesis", ".devnet"
)


@dataclass(frozen=True)
class Outcome:
    """What pytest said. `failed`: names of the tests; `broken`: what failed outside of a test."""

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


def copy_tree(folder: Path) -> Path:
    """The code as it stands, beside the same packages."""
    copy = folder / "tree"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
    for name in (".venv", "node_modules"):
        (copy / name).symlink_to((ROOT / name).resolve())
    return copy


def run_tests(copy: Path, tests: Iterable[str], *options: str) -> Outcome:
    """By pytest in a process of its own."""
    report = copy.parent / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    command += [f"--junitxml={report}", "--tb=short", *tests]
    environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(copy.parent / "examples")}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False,
            timeout=TOO_LONG,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(None, (), (), "")
    cases = list(ElementTree.parse(report).iter("testcase")) if report.is_file() else []  # noqa: S314 - pytest's own
    return Outcome(
        done.returncode,
        tuple(case.get("name", "") for case in cases if case.find("failure") is not None),
        tuple(case.get("name", "") for case in cases if case.find("error") is not None),
        done.stdout + done.stderr,
    )


def run_without(copy: Path, guard: Guard) -> Outcome:
    """Its tests, on code without the guard; the copy is put back."""
    file = copy / guard.file
    source = file.read_text()
    _write(file, guard.mutated(source))
    try:
        return run_tests(copy, guard.tests, "-x")
    finally:
        _write(file, source)


def _write(file: Path, source: str) -> None:
    """Compiled code is told from stale by seconds and size alone: it goes too."""
    file.write_text(source)
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def chosen(names: Sequence[str]) -> list[Guard]:
    """The rows that these names or rules' numbers mean, all without any; raises SystemExit."""
    unknown = set(names) - {guard.name for guard in GUARDS} - {str(g.rule) for g in GUARDS}
    if unknown:
        raise SystemExit(f"no such guard or rule: {', '.join(sorted(unknown))}")
    return [g for g in GUARDS if not names or g.name in names or str(g.rule) in names]


def check(guards: Sequence[Guard]) -> dict[str, Outcome]:
    """Each guard's outcome, in the order of the table, two at a time."""
    copies: queue.Queue[Path] = queue.Queue()

    def run(guard: Guard) -> Outcome:
        copy = copies.get()
        try:
            outcome = run_without(copy, guard)
        finally:
            copies.put(copy)
        _say(guard, outcome)
        return outcome

    with tempfile.TemporaryDirectory(prefix="1balancer-mutations-") as folder:
        for number in range(AT_ONCE):
            (home := Path(folder, str(number))).mkdir()
            copies.put(copy_tree(home))
        _require_green(copies.queue[0], guards)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(run, guards))
    return {guard.name: outcome for guard, outcome in zip(guards, outcomes, strict=True)}


def _require_green(copy: Path, guards: Sequence[Guard]) -> None:
    """Raises SystemExit: a test that fails with the guard in its place says nothing without it."""
    tests = dict.fromkeys(test for guard in guards for test in guard.tests)
    print(f"{len(tests)} tests on the code as it is", flush=True)  # noqa: T201
    outcome = run_tests(copy, tests, "-n", str(AT_ONCE), "--dist", "loadfile")
    if outcome.exit_code != 0:
        raise SystemExit(f"{outcome.output}\nthey have to pass before a guard is taken out")


def _say(guard: Guard, outcome: Outcome) -> None:
    said = f"killed by {outcome.failed[0]}" if outcome.is_killed else f"SURVIVED: {outcome.why_not}"
    print(f"rule {guard.rule}, {guard.name}: {said}", flush=True)  # noqa: T201
    if not outcome.is_killed:
        print(outcome.output[-2000:], flush=True)  # noqa: T201


def main(names: Sequence[str]) -> int:
    """The exit code."""
    began, outcomes = time.monotonic(), check(chosen(names))
    survived = [name for name, outcome in outcomes.items() if not outcome.is_killed]
    summary = {"guards": len(outcomes), "killed": len(outcomes) - len(survived)}
    seconds = round(time.monotonic() - began)
    print(json.dumps({**summary, "survived": survived, "seconds": seconds}))  # noqa: T201
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
