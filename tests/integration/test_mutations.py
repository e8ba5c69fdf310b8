"""The check of guards itself, and three that must never go: the quorum, the guard, the fence."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.mutations.bench import Copy, copies
from tests.mutations.check import chosen
from tests.mutations.guard import ROOT

QUORUM, GUARD, FENCE = chosen(["quorum", "guard-at-the-first-send", "fencing-token"])


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    with copies(1) as made:
        yield made[0]


@pytest.mark.parametrize("guard", [QUORUM, GUARD, FENCE], ids=lambda guard: guard.name)
def test_without_it_a_named_test_fails(copy: Copy, guard: object) -> None:
    assert isinstance(guard, type(QUORUM))
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
    outcome = copy.run_without(replace(QUORUM, after=after, tests=(f"{test}_not_final",)))
    assert not outcome.is_killed
    assert outcome.why_not.startswith(said), outcome.output
