"""One NEAR node for the folder's tests; each test starts from the same snapshot of it."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from devnet.near.client import Key, NearClient, Signer
from tests.contracts.near.world import World, build_world


@pytest.fixture(scope="session")
def near_node() -> Iterator[dict[str, str]]:
    """What the node says when it listens; blocks are made on demand."""
    command = [sys.executable, "-m", "devnet.near", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def genesis(near_node: dict[str, str]) -> Iterator[tuple[World, str]]:
    """The world and the snapshot of its beginning."""
    near = NearClient(near_node["url"])
    root = Signer(near_node["root_account"], Key.parse(near_node["root_secret_key"]))
    world = build_world(near, root)
    yield world, near.snapshot()
    near.close()


@pytest.fixture
def world(genesis: tuple[World, str]) -> World:
    """A fresh world."""
    world, beginning = genesis
    world.near.revert(beginning)
    return world
