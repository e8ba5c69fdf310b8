"""The doors over two in-memory chains: an API client with a key, and one that owns nothing.

A test that needs real commits (a swap, another process) is marked with `transaction=True`.
"""

from collections.abc import Iterator

import pytest
from rest_framework.test import APIClient

from devnet.processes import Child
from orchestrator.clients.models import Scope
from orchestrator.clients.services import create_client, issue_key
from tests.integration.doors.feed import Client, client_of, running_feed
from tests.integration.floor.conftest import caller
from tests.integration.sessions.world import World, memory_world


@pytest.fixture
def world(db: None) -> Iterator[World]:
    """Two in-memory chains under the whole service."""
    with memory_world() as ours:
        yield ours


@pytest.fixture
def key(world: World) -> str:
    """An API key of the world's client."""
    return issue_key(world.client)


@pytest.fixture
def api(key: str) -> APIClient:
    """Calls as the world's client."""
    return caller(HTTP_X_API_KEY=key)


@pytest.fixture
def stranger(world: World) -> APIClient:
    """Calls as a client that owns nothing."""
    _, key = create_client(name="stranger", scopes=[Scope.READ, Scope.WRITE])
    return caller(HTTP_X_API_KEY=key)


@pytest.fixture(scope="session")
def feed(
    django_db_setup: None, django_db_blocker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Child]]:
    """A ws process that all tests share: its URL, and the process."""
    with running_feed(tmp_path_factory.mktemp("feed")) as running:
        yield running


@pytest.fixture(scope="session")
def feed_url(feed: tuple[str, Child]) -> str:
    """The URL of that process."""
    return feed[0]


@pytest.fixture
def client(feed_url: str) -> Iterator[Client]:
    """A connection that has said nothing yet."""
    with client_of(feed_url) as ours:
        yield ours
