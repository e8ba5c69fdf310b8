"""A world per test, over the real database."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chains_app import leases
from tests.integration.chains.world import World

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real transactions, so that other connections see them."""
    committed = pytest.mark.django_db(transaction=True)
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(committed)


@pytest.fixture(autouse=True)
def leases_outlive_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ends is made to."""
    monkeypatch.setattr(leases, "LEASE", timedelta(minutes=10))


@pytest.fixture
def world(db: None) -> Iterator[World]:
    """Both in-memory chains with the service installed on them."""
    made = World()
    with made.installed():
        yield made
