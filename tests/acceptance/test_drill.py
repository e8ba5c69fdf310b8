"""A short drill: the service in real processes under a storm of faults (docs/drill.md)."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

import pytest

from devnet.drill.schedule import LANES
from devnet.service import ROOT

SWAPS: Final = 8
SEED: Final = 1


@pytest.fixture(scope="module")
def result() -> Mapping[str, Any]:
    """Of `make drill`; its own exit code has been looked at."""
    command = [sys.executable, "-m", "devnet.drill", "--swaps", str(SWAPS), "--seed", str(SEED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nothing_is_lost_in_a_storm(result: Mapping[str, Any]) -> None:
    names = ("stuck", "atomicity_violations", "balance_errors", "secrets_leaked")
    assert [result[name] for name in names] == [0, 0, 0, 0]


def test_every_swap_comes_to_an_end_and_most_are_paid(result: Mapping[str, Any]) -> None:
    ends = {name: result[name] for name in ("completed", "refunded", "cancelled", "failed")}
    assert sum(ends.values()) == result["swaps"] == SWAPS
    assert ends["completed"] > 0


def test_chains_nodes_and_machines_failed(result: Mapping[str, Any]) -> None:
    met = {kind for kind, times in result["faults"].items() if times}
    assert met & set(LANES["chains"])
    assert met & set(LANES["machines"])
    assert met - set(LANES["chains"]) - set(LANES["machines"])


def test_a_halt_that_nothing_insures_costs_what_it_has_to(result: Mapping[str, Any]) -> None:
    assert result["beyond_the_halt"] == {
        "lost_races": 2, "predicted": 2, "are_the_predicted": True,
    }  # fmt: skip
