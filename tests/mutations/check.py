"""Takes each guard out of a copy of the code, and requires that its tests fail.

    python -m tests.mutations.check [NAME or number of a rule ...]

The tree itself is never touched. All named tests pass first, on the code as it is. A guard is
killed when at least one of its tests fails, and none breaks before it runs. The last line is one
JSON object; the exit code is 0 only if every guard was killed.
"""

import json
import queue
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.mutations.bench import Copy, Outcome, copies
from tests.mutations.guard import Guard
from tests.mutations.guards import GUARDS

AT_ONCE: Final = 2
SHOWN: Final = 3000  # characters of what pytest said of a guard that survived


def chosen(names: Sequence[str]) -> list[Guard]:
    """The rows that these names or rules' numbers mean, all without any; raises SystemExit."""
    known = {guard.name for guard in GUARDS} | {str(guard.rule) for guard in GUARDS}
    if unknown := set(names) - known:
        raise SystemExit(f"no such guard or rule: {', '.join(sorted(unknown))}")
    return [g for g in GUARDS if not names or {g.name, str(g.rule)} & set(names)]


def check(guards: Sequence[Guard]) -> dict[str, Outcome]:
    """Each guard's outcome, in the order of the table, two at a time."""
    with copies(AT_ONCE) as made, ThreadPoolExecutor(AT_ONCE) as pool:
        _require_green(made, guards, pool)
        free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for copy in made:
            free.put(copy)

        def take_out(guard: Guard) -> Outcome:
            copy = free.get()
            try:
                outcome = copy.run_without(guard)
            finally:
                free.put(copy)
            _say(guard, outcome)
            return outcome

        outcomes = list(pool.map(take_out, guards))
    return {guard.name: outcome for guard, outcome in zip(guards, outcomes, strict=True)}


def _require_green(made: Sequence[Copy], guards: Sequence[Guard], pool: ThreadPoolExecutor) -> None:
    """Raises SystemExit: a test that fails with the guard in its place says nothing without it."""
    tests = sorted({test for guard in guards for test in guard.tests})
    print(f"{len(tests)} tests on the code as it is", flush=True)  # noqa: T201
    share = -(-len(tests) // len(made))
    shares = [tests[at : at + share] for at in range(0, len(tests), share)]
    for outcome in pool.map(Copy.run, made, shares):
        if outcome.exit_code != 0:
            raise SystemExit(f"{outcome.output}\nthey have to pass before a guard is taken out")


def _say(guard: Guard, outcome: Outcome) -> None:
    said = f"killed by {outcome.failed[0]}" if outcome.is_killed else f"SURVIVED: {outcome.why_not}"
    shown = "" if outcome.is_killed else f"\n{outcome.output[-SHOWN:]}"
    print(f"rule {guard.rule}, {guard.name}: {said}{shown}", flush=True)  # noqa: T201


def main(names: Sequence[str]) -> int:
    """The exit code."""
    began, outcomes = time.monotonic(), check(chosen(names))
    survived = [name for name, outcome in outcomes.items() if not outcome.is_killed]
    killed, seconds = len(outcomes) - len(survived), round(time.monotonic() - began)
    summary = {"guards": len(outcomes), "killed": killed, "survived": survived, "seconds": seconds}
    print(json.dumps(summary))  # noqa: T201
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
