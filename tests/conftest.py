from django.test import TransactionTestCase

from tests.wiping import wipe_tables


def pytest_configure() -> None:
    """A test that commits leaves empty tables behind."""
    TransactionTestCase._fixture_teardown = lambda _: wipe_tables()  # type: ignore[attr-defined]
