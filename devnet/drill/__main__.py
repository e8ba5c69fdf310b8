"""`make drill N=20 SEED=7`: swaps under a storm of faults, then calm, then what became of them.

The last line is one JSON object; the exit code is 0 only if nothing is stuck, lost, unexplained or
leaked, a halt beyond the insured one cost exactly what it had to, and there was a storm at all.
"""

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from devnet.demo import say
from devnet.drill.rehearsal import Rehearsal
from devnet.drill.schedule import DURATIONS, LANES, Schedule, draw
from devnet.drill.verdict import ENDED
from devnet.network import BlockTimes, Devnet
from devnet.processes import StartError
from devnet.service import Service

URLS: Final = 2  # nodes of each chain, which have to agree
ENOUGH: Final = 8  # makers, of whom some are honest
SETTINGS: Final = {
    "DURATIONS": json.dumps(DURATIONS),
    # every stake waits until anvil calls it final, so that two blocks can be taken back
    "FINALITY_BOUNDS": json.dumps({"base": {"head+1": 0}}),
    "RESOLVER_PROFIT_BPS": "0",
    "CAPS": json.dumps({"client_sessions": 10_000, "client_abandoned": 10_000}),
    "CLIENT_REQUESTS_PER_MINUTE": "1000000",
}


def main() -> int:
    """Run it; the exit code."""
    asked = argparse.ArgumentParser(description="Swaps under faults.")
    asked.add_argument("--swaps", type=int, default=100)
    asked.add_argument("--seed", type=int, default=None, help="none: one is drawn, and printed")
    asked.add_argument("--show", action="store_true", help="print the schedule, and do nothing")
    asked.add_argument("--logs", type=Path, default=None, help="keep the processes' logs there")
    wanted = asked.parse_args()
    seed = secrets.randbelow(10**6) if wanted.seed is None else wanted.seed
    schedule = draw(seed, wanted.swaps)
    if wanted.show:
        say(json.dumps(schedule.to_json(), default=lambda each: each.value, indent=1))
        return 0
    say(f"seed {seed}: {wanted.swaps} swaps, {schedule.storm_seconds:.0f} s of faults")
    began = time.monotonic()
    try:
        result = run(schedule, wanted.logs)
    except StartError as error:
        print(f"the drill did not start: {error}", file=sys.stderr)  # noqa: T201
        return 1
    result["seconds"] = round(time.monotonic() - began)
    problems = [*shortcomings(result)]
    for problem in problems:
        say(problem)
    say(json.dumps(result))
    return 1 if problems else 0


def run(schedule: Schedule, logs: Path | None) -> dict[str, Any]:
    """The service in its own processes, on a devnet of its own."""
    with (
        Devnet(BlockTimes(), proxied_urls=URLS) as devnet,
        tempfile.TemporaryDirectory() as folder,
    ):
        service = Service(Path(folder), devnet.environment | SETTINGS)
        try:
            return Rehearsal(devnet, service, schedule, say).run()
        finally:
            service.stop()
            if logs is not None:
                shutil.copytree(folder, logs, dirs_exist_ok=True)


def shortcomings(result: Mapping[str, Any]) -> Iterator[str]:
    """Why it is not clean: somebody lost something, but for what the last scene has to cost; or it
    was no drill, where a lane's faults met nothing, or nobody was paid although enough tried.
    """
    for name in ("stuck", "atomicity_violations", "balance_errors", "secrets_leaked"):
        if result[name]:
            yield f"{name}: {result[name]}"
    if not result["beyond_the_halt"]["are_the_predicted"]:
        yield "the halt beyond the insured one cost other swaps than predicted"
    if sum(result[status] for status in ENDED) != result["swaps"]:
        yield f"of {result['swaps']} swaps not all have ended"
    if not result["completed"] and result["swaps"] >= ENOUGH:
        yield f"none of {result['swaps']} swaps was paid"
    for lane in sorted(lanes_unmet(result["faults"])):
        yield f"no fault of the lane {lane} met anything"


def lanes_unmet(faults: Mapping[str, int]) -> set[str]:
    """The lanes of which no fault met anything; those of the ways to nodes are counted by what the
    proxies did, under other names.
    """
    met = {kind for kind, times in faults.items() if times}
    ours = {lane: met & LANES[lane].keys() for lane in ("chains", "machines")}
    ours["ways"] = met - LANES["chains"].keys() - LANES["machines"].keys()
    return {lane for lane, kinds in ours.items() if not kinds}


if __name__ == "__main__":
    sys.exit(main())
