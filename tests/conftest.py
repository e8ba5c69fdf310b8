"""What holds for every test."""

import gc
from collections.abc import Sequence
from typing import Final

import pytest
from _pytest.nodeid import coerce_node_id
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import settings
from whitenoise.middleware import WhiteNoiseMiddleware

from tests.wiping import wipe_tables

# Files that take longest; begun first, or one process works on one of them when the other has none
# left. What waits for blocks stands beside what computes, here and among the others.
LONG: Final = (
    "integration/sessions/test_lives_there.py",
    "acceptance/crashes/test_every_point.py",
    "acceptance/secrecy/test_secrets.py",
    "integration/sessions/test_lives_back.py",
    "acceptance/test_swaps.py",
    "integration/sessions/test_crashes.py",
    "integration/doors/test_fuzz.py",
    "contracts/evm/test_property.py",
    "unit/sessions/test_plan.py",
    "contracts/evm/test_gas_limits.py",
    "acceptance/test_starts.py",
    "contracts/near/test_conservation.py",
)
WAITING: Final = ("tests/acceptance", "tests/conformance", "tests/devnet")


def pytest_configure() -> None:
    """Examples are the same each time, and no slow machine fails one."""
    settings.register_profile("suite", deadline=None, derandomize=True, database=None)
    settings.load_profile("suite")
    for name, ours in (
        ("_fixture_teardown", lambda _: _leave_no_trace()),
        ("_should_reload_connections", lambda _: False),
    ):
        setattr(TransactionTestCase, name, ours)
    _find_static_files_once()


def _leave_no_trace() -> None:
    """After a test that commits: the tables are empty, and the connection is as good as new.

    Django would open a new one for each test, and PostgreSQL learn all tables anew.
    """
    wipe_tables()
    connection.close_if_unusable_or_obsolete()


def _find_static_files_once() -> None:
    """Each test's client has middleware of its own, and would look for them again."""
    find, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, object]()

    def add_files(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_files)  # noqa: B010 - untyped


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, then what waits and what computes by turns; each with an id of its own:
    of several that share one, as schemathesis names its calls, only one would run beside others.
    """
    for item in items:
        if not item.nodeid.endswith(item.name):
            named = f"{item.nodeid.split('::')[0]}::{item.name}"
            setattr(item, "_id", coerce_node_id(named))  # noqa: B010 - untyped
    if len({item.nodeid for item in items}) < len(items):
        raise pytest.UsageError("two tests have the same id, and only one of them would run")
    place = _places(list(dict.fromkeys(map(_file_of, items))))
    items.sort(key=lambda item: place[_file_of(item)])


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


def _places(files: Sequence[str]) -> dict[str, float]:
    """Each file's place: of the long ones in the list, of the others behind it, both kinds of them
    spread over the same length.
    """
    place: dict[str, float] = {f"tests/{name}": number for number, name in enumerate(LONG)}
    others = [name for name in files if name not in place]
    for waits in (True, False):
        kind = [name for name in others if name.startswith(WAITING) is waits]
        place |= {name: len(LONG) + (nth + waits / 2) / len(kind) for nth, name in enumerate(kind)}
    return place


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
