"""That the suite's runs under faults are what they are said to be."""

import os
import subprocess
import sys
from collections import Counter
from functools import cache

from tests.conformance.bearing import IMPOSSIBLE, ONE_OF_THEM, fault_of, is_possible
from tests.conformance.faulty import BEARABLE

LEAST = 5  # tests of each chain under each fault, in `make test`


@cache
def listed() -> list[str]:
    """The ids of the tests that run under one fault, as pytest collects them."""
    command = [sys.executable, "-m", "pytest", "tests/conformance", "--collect-only", "-q",
               "-p", "no:cacheprovider"]  # fmt: skip
    plain = {name: value for name, value in os.environ.items() if name != "EVERY_FAULT"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    return [line for line in done.stdout.splitlines() if "::" in line and ONE_OF_THEM in line]


def test_each_fault_is_borne_by_enough_tests_of_each_chain() -> None:
    borne: Counter[tuple[str, str]] = Counter()
    for test in listed():
        fault = fault_of(ONE_OF_THEM, test)
        assert fault is not None
        assert is_possible(fault, test.rpartition("::")[2])
        borne[fault, "near" if "near" in test.partition("[")[2] else "evm"] += 1
    assert {fault for fault, _ in borne} == set(BEARABLE)
    assert len(borne) == 2 * len(BEARABLE)
    assert min(borne.values()) >= LEAST, sorted(borne.items(), key=lambda pair: pair[1])


def test_what_is_impossible_is_named_rightly() -> None:
    """A test that was renamed would run under what it can't bear, or no test is meant any more."""
    tests = [test.rpartition("::")[2] for test in listed()]
    for fault, names in IMPOSSIBLE.items():
        assert fault in BEARABLE
        for name in names:
            assert any(test.startswith(name) for test in tests), name
