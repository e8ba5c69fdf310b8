"""The same tests over every adapter: a devnet for the whole run, put back before each test."""

from collections.abc import Iterator

import pytest
import tenacity
import urllib3

from chains_app.adapters import node, rpc, standing
from chains_app.adapters.evm import EvmAdapter
from chains_app.adapters.near import NearAdapter
from chains_app.config import ChainsEnvironment
from chains_app.registry import signing_keys, use_environment
from chains_app.signers import SignerRole
from devnet.faults import ChainFaults, Faults
from devnet.network import Devnet
from orchestrator.kernel.clock import wall_clock
from tests.conformance.evm_world import EvmWorld
from tests.conformance.memory_world import MemoryWorld
from tests.conformance.near_world import NearWorld
from tests.conformance.world import World

IDLE_SECONDS = 15
PATIENCE = urllib3.Timeout(connect=2, read=1)  # what hangs shall not take 5 s a test
NATIVE = ("memory", "memory-growing", "evm", "near")
TOKEN = tuple(f"{chain}-token" for chain in NATIVE)


@pytest.fixture(scope="session")
def devnet() -> Iterator[Devnet]:
    """Both chains with blocks on demand, their environment installed."""
    with Devnet() as network, use_environment(ChainsEnvironment.of(network.environment)):
        yield network


@pytest.fixture(params=NATIVE + TOKEN)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
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
    if wall_clock() - made.adapter.head().time > IDLE_SECONDS:
        made.mine()  # deadlines count from the head, which has stood still meanwhile
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


@pytest.fixture
def through(world: World, faults: ChainFaults, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The world, its adapter using the URLs that can fail, without pauses between its tries.

    And none for who failed: the next exchange meets the fault again.
    """
    monkeypatch.setattr(node, "_TIMEOUT", PATIENCE)
    monkeypatch.setattr(standing, "FIRST_PAUSE", 0)
    monkeypatch.setattr(rpc, "wait_random_exponential", lambda **_: tenacity.wait_none())
    direct, keys = world.adapter, {role: signing_keys(world.spec.name, role) for role in SignerRole}
    adapter: EvmAdapter | NearAdapter
    if isinstance(world, NearWorld):
        code_hash = world.client.view_account(world.spec.contract)["code_hash"]
        adapter = NearAdapter(world.spec, keys, faults.urls, code_hash)
    else:
        adapter = EvmAdapter(world.spec, keys, faults.urls)
    world.adapter = adapter
    yield world
    world.adapter = direct
    adapter.close()
