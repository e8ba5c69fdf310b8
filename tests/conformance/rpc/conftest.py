"""Two such nodes, and a client of both."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chains_app.adapters.rpc import JsonRpc
from tests.conformance.rpc.servers import DIALECT, Clock, Node


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    started = [Node(), Node()]
    yield started
    for node in started:
        node.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rpc(nodes: list[Node], clock: Clock) -> Iterator[JsonRpc]:
    client = JsonRpc("base", [node.url for node in nodes], DIALECT, clock)
    yield client
    client.close()


@pytest.fixture
def sending(nodes: list[Node], clock: Clock) -> Iterator[JsonRpc]:
    """Any node may judge what it is sent."""
    dialect = replace(DIALECT, is_the_chains=lambda error: error.number > 0)
    client = JsonRpc("base", [node.url for node in nodes], dialect, clock)
    yield client
    client.close()
