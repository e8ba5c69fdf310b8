from collections.abc import Iterator

import pytest

from tests.integration.sessions.tokens import with_tokens
from tests.integration.sessions.world import World, memory_world


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """Two in-memory chains under the whole service."""
    with memory_world() as ours:
        yield ours


@pytest.fixture
def tokens(world: World) -> Iterator[World]:
    """The same, with one token on each chain in both parties' hands."""
    with with_tokens(world) as ours:
        yield ours
