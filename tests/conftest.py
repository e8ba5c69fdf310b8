"""What holds for every test."""

from django.test import TransactionTestCase

from tests.wiping import wipe_tables


def pytest_configure() -> None:
    """A test that commits leaves empty tables behind."""
    setattr(TransactionTestCase, "_fixture_teardown", lambda _: wipe_tables())  # noqa: B010 - untyped
