"""Gas of each path: the numbers of docs/gas.md are true, and within their reach."""

from collections.abc import Callable

import pytest

from tests.contracts.evm.gas import LEGS, PAGE, measure, render
from tests.contracts.evm.world import World


def test_page_tells_the_gas_that_each_path_uses(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    table = measure(world)
    record_property("gas", table)  # printed by the terminal summary
    message = "docs/gas.md is out of date: run `python -m tests.contracts.evm.gas`"
    assert render(table) == PAGE.read_text(), message


@pytest.mark.parametrize(("name", "creation", "theirs", "reach"), LEGS)
def test_leg_stays_within_reach(
    world: World, name: str, creation: str, theirs: int, reach: float
) -> None:
    table = measure(world)
    ours = table[creation] + table["withdraw, ERC-20"]
    assert ours <= reach * theirs, f"{name}: {ours} is more than {reach} x {theirs}"
