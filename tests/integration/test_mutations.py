"""The check of guards itself, and three that must never go: the quorum, the guard, the fence."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.mutations.bench import Copy, copies
from tests.mutations.guard import ROOT, Guard
from tests.mutations.guards import GUARDS

NEVER_WITHOUT = ("quorum", "guard-at-the-first-send", "fencing-token")
BY_NAME = {guard.name: guard for guard in GUARDS}


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    with copies(1) as made:
        yield made[0]


@pytest.mark.parametrize("name", NEVER_WITHOUT)
def test_without_it_a_named_test_fails(copy: Copy, name: str) -> None:
    guard: Guard = BY_NAME[name]
    outcome = copy.run_without(guard)
    assert (outcome.is_killed, outcome.broken) == (True, ()), outcome.output
    assert (copy.tree / guard.file).read_text() == (ROOT / guard.file).read_text()


@pytest.mark.parametrize(
    ("after", "said"), [("ENOUGH: Final = 1 + 1", "every test passed"), ("ENOUGH =", "broken: ")]
)
def test_what_no_test_notices_or_what_does_not_run_is_not_killed(
    copy: Copy, after: str, said: str
) -> None:
    test = "tests/integration/sessions/test_agreement.py::test_rule_7_what_one_node_calls_final_is"
    changed = replace(BY_NAME["quorum"], after=after, tests=(f"{test}_not_final",))
    outcome = copy.run_without(changed)
    assert not outcome.is_killed
    assert outcome.why_not.startswith(said), outcome.output
