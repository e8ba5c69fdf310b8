"""The same tests over every adapter: a devnet for the whole run, put back before each test."""

import os
from collections.abc import Iterator

import pytest

from chains_app.config import read_environment
from chains_app.registry import use_environment
from devnet.network import Devnet
from tests.conformance.evm_world import EvmWorld
from tests.conformance.memory_world import MemoryWorld
from tests.conformance.near_world import NearWorld
from tests.conformance.world import World

NATIVE = ("memory", "memory-growing", "evm", "near")
TOKEN = tuple(f"{chain}-token" for chain in NATIVE)


@pytest.fixture(scope="session")
def devnet() -> Iterator[Devnet]:
    """Both chains with blocks on demand, their environment installed."""
    with Devnet() as network, pytest.MonkeyPatch.context() as patch:
        for name, value in {**network.environment, "POLICY": "devnet"}.items():
            if name not in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
                patch.setitem(os.environ, name, value)
        with use_environment(read_environment()):
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
    yield made
    chain.revert(snapshot)
