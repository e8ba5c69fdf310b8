import pytest
from pytest_django import Settings

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture(autouse=True)
def vault_keys(settings: Settings) -> None:
    """One key, so that a test can add the second."""
    settings.VAULT_KEYS = {1: OLD}
