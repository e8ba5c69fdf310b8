"""Each command of ours on a database that is away, or not migrated: one line, exit code 1."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from django.core.management import BaseCommand, get_commands
from django.db import DatabaseError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable
from pytest_django import DjangoDbBlocker

import manage
from auctions_app.market import build_market, configured_chains, use_market
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.registry import use_memory_chains
from orchestrator.database import told_of
from tests.integration.floor.conftest import process_environment
from tests.integration.sessions.world import auction_configuration
from tests.unit.chains.environment import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[3]
OURS = ("orchestrator", "sessions_app", "auctions_app", "chains_app", "secrets_app")
ID, WHY = str(UUID(int=7)), ["--reason", "x", "--yes"]
COMMANDS: Final[dict[str, list[str]]] = {
    "show_session": [ID],
    "explain_session": [ID],
    "list_stuck_sessions": [],
    "retry_session": [ID, *WHY],
    "cancel_session": [ID, *WHY],
    "refund_session": [ID, *WHY],
    "repay_session": [ID, *WHY],
    "rebroadcast": [ID, *WHY],
    "rewind_cursor": ["base", "--to", "7", *WHY],
    "pause_route": ["base:COIN->near:COIN", *WHY],
    "pause_signer": ["7", *WHY],
    "check_chains": [],
    "create_api_client": ["frontend", "--scopes", "read", "--reason", "x"],
    "rotate_secret_keys": ["--reason", "x"],
}
NOWHERE: Final = "postgresql://x:tiger@127.0.0.1:1/x"
GIVES_NO_ACCESS: Final = (
    "the database at 127.0.0.1:1 gives no access: see that it runs, and correct DATABASE_URL"
)
A_PROCESS: Final = "follow_heads"  # tests/acceptance/test_starts.py
End = Callable[[str], str]


@pytest.fixture
def end(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[End]:
    """What a command ends with: an exit with a text has code 1."""

    def ended(name: str) -> str:
        monkeypatch.setattr(sys, "argv", ["manage.py", name, *COMMANDS[name]])
        with pytest.raises(SystemExit) as end:
            manage.main()
        assert isinstance(end.value.code, str)
        return end.value.code

    # Django's checks are those of the configuration, which is not asked here
    monkeypatch.setattr(BaseCommand, "requires_system_checks", ())
    chains = MemoryChain("base"), MemoryChain("near")
    with (
        django_db_blocker.unblock(),
        use_memory_chains(*chains),
        use_market(build_market(auction_configuration(), configured_chains())),
    ):
        connection.close()
        yield ended
        connection.close()


def test_they_are_all_here() -> None:
    ours = {name for name, app in get_commands().items() if str(app).split(".")[0] in OURS}
    assert ours == {*COMMANDS, A_PROCESS}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_database_that_is_away_is_told_in_one_line(
    end: End, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    assert end(name) == GIVES_NO_ACCESS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_database_without_our_tables_is_told_with_what_to_do(
    end: End, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", "postgres")
    assert end(name) == "the database lacks our tables: run `manage.py migrate`"


def test_a_person_sees_one_line_and_no_password() -> None:
    given = process_environment(**ENVIRONMENT) | {"DATABASE_URL": NOWHERE}
    done = subprocess.run(
        [sys.executable, "manage.py", "list_stuck_sessions"],
        cwd=ROOT, env=given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [GIVES_NO_ACCESS]  # in our own words, without a password


def test_a_database_that_answered_gave_up() -> None:
    error = OperationalError("canceling statement due to lock timeout\nCONTEXT:  while locking")
    error.__cause__ = LockNotAvailable()
    assert str(told_of(error)).endswith(" gave up (SQLSTATE 55P03): try again")


def test_a_fault_of_ours_keeps_its_traceback(end: End, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("2 rows were to be written, 1 are there")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", fail)
    with pytest.raises(DatabaseError, match="2 rows were to be written"):
        end("list_stuck_sessions")
