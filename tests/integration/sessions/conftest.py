from collections.abc import Iterator

import pytest

from tests.integration.sessions.world import World, memory_world


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    """Two in-memory chains under the whole service."""
    with memory_world() as ours:
        yield ours
