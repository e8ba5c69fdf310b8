"""The same tests over every adapter: a devnet for the whole run, put back before each test."""

from collections.abc import Iterator

import pytest
import tenacity
import urllib3

from chains_app.adapters import exchange, rpc, standing
from chains_app.config import ChainsEnvironment
from chains_app.registry import use_environment
from devnet.faults import ChainFaults, Faults
from devnet.network import Devnet
from tests.conformance.bearing import PLAIN, bearing, fault_of, is_possible, runs
from tests.conformance.evm_world import EvmWorld
from tests.conformance.memory_world import MemoryWorld
from tests.conformance.near_world import NearWorld
from tests.conformance.world import World

PATIENCE = urllib3.Timeout(connect=2, total=1)  # what hangs shall not take 5 s a test
NATIVE = ("memory", "memory-growing", "evm", "near")
TOKEN = tuple(f"{chain}-token" for chain in NATIVE)


@pytest.fixture(scope="session")
def devnet() -> Iterator[Devnet]:
    """Both chains with blocks on demand, their environment installed."""
    with Devnet() as network, use_environment(ChainsEnvironment.of(network.environment)):
        yield network


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a world also under a fault; those that make their own stay as they are."""
    if "world" in metafunc.fixturenames and "faults" not in metafunc.fixturenames:
        metafunc.parametrize("borne", runs(), indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """No fault of the way to a node befalls the in-memory chain."""
    kept = [item for item in items if can_run(item)]
    config.hook.pytest_deselected(items=[item for item in items if not can_run(item)])
    items[:] = kept


def can_run(item: pytest.Item) -> bool:
    """Of items of other folders, too, which know nothing of it."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return True
    run, world = (str(item.callspec.params.get(name, "")) for name in ("borne", "world"))
    if run in ("", PLAIN):
        return True
    return not world.startswith("memory") and is_possible(run, item.name)


@pytest.fixture
def borne(request: pytest.FixtureRequest) -> str | None:
    """The name of the one under which this test runs."""
    return fault_of(getattr(request, "param", PLAIN), request.node.nodeid)


@pytest.fixture(params=NATIVE + TOKEN)
def world(
    request: pytest.FixtureRequest, borne: str | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Each chain and coin in turn; tests that fit some only name them by indirect parameters."""
    name, with_token = request.param.removesuffix("-token"), request.param.endswith("-token")
    if name.startswith("memory"):
        yield MemoryWorld(sequential_nonces=name == "memory", with_token=with_token)
        return
    devnet: Devnet = request.getfixturevalue("devnet")
    chain = devnet.anvil if name == "evm" else devnet.near.client
    snapshot = chain.snapshot()
    made = EvmWorld(devnet) if name == "evm" else NearWorld(devnet)
    if with_token:
        made.use_token()
    made.mine()  # deadlines count from the head, and anvil keeps the state of new blocks only
    if borne is None:
        yield made
    else:
        be_impatient(monkeypatch)
        both: Faults = request.getfixturevalue("both")
        with bearing(made, both.base if name == "evm" else both.near, borne):
            yield made
    chain.revert(snapshot)


@pytest.fixture(scope="session")
def both(devnet: Devnet) -> Iterator[Faults]:
    """Two URLs through proxies to each node of the devnet."""
    faults = Faults(devnet.anvil, devnet.near, urls=2)
    yield faults
    faults.stop()


@pytest.fixture
def faults(both: Faults, world: World) -> ChainFaults:
    return both.base if isinstance(world, EvmWorld) else both.near


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries, and none for who failed: the next exchange meets the fault again."""
    monkeypatch.setattr(exchange, "_TIMEOUT", PATIENCE)
    monkeypatch.setattr(standing, "FIRST_PAUSE", 0)
    monkeypatch.setattr(rpc, "wait_random_exponential", lambda **_: tenacity.wait_none())


@pytest.fixture
def through(
    world: EvmWorld | NearWorld, faults: ChainFaults, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """The world, its adapter using the URLs that can fail."""
    be_impatient(monkeypatch)
    direct, bare = world.adapter, world.connect(faults.urls)
    yield world
    bare.close()
    world.adapter = direct
