"""What holds for every test."""

import gc

from django.test import TransactionTestCase

from tests.wiping import wipe_tables


def pytest_configure() -> None:
    """A test that commits leaves empty tables behind."""
    setattr(TransactionTestCase, "_fixture_teardown", lambda _: wipe_tables())  # noqa: B010 - untyped


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
