"""One anvil for all contract tests, put back to the same snapshot before each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devnet.anvil import Anvil, start_anvil
from tests.contracts.evm.chain import START, Chain
from tests.contracts.evm.locks import address
from tests.contracts.evm.world import World


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """A running anvil that makes a block for each transaction."""
    node = start_anvil(Path(tmp_path_factory.mktemp("anvil")))
    yield node
    node.stop()


@pytest.fixture(scope="session")
def deployed(anvil: Anvil) -> World:
    """Factory and tokens, deployed once at addresses that are the same in every run."""
    chain = Chain(anvil).at(START)
    return World.deploy(chain, deployer=address("deployer"))


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    """The deployed world; whatever the test does to it is undone."""
    anvil = deployed.chain.anvil
    snapshot = anvil.snapshot()
    yield deployed
    anvil.revert(snapshot)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the gas that test_gas.py measured."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    for report in reports:
        for name, table in getattr(report, "user_properties", []):
            if name == "gas":
                terminalreporter.section("gas of the EVM contracts")
                for path, gas in table.items():
                    terminalreporter.write_line(f"{gas:>9,}  {path}")
