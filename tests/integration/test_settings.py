"""The settings come from the environment, and a wrong one ends the start in one clear line."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql
from pydantic import PostgresDsn

from orchestrator.settings import database_settings, read_environment

ROOT = Path(__file__).resolve().parents[2]
KEY = "0123456789abcdef" * 4
RIGHT = {
    "SECRET_KEY": "s" * 50,
    "DATABASE_URL": "postgresql://a@127.0.0.1/b",
    "VAULT_KEYS": f'{{"1": "{KEY}"}}',
}
Line = Callable[[Mapping[str, str]], str]


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import orchestrator.settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_needed_is_enough() -> None:
    done = start(**RIGHT)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_that_is_wrong_ends_the_start_in_one_line_at_once() -> None:
    done = start(**{**RIGHT, "REDIS_URL": "x", "DEBUG": "maybe"})
    assert done.returncode == 1
    assert "REDIS_URL: " in done.stderr
    assert "DEBUG: " in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    """What an environment that is wrong ends the start with: an exit with a text has code 1."""

    def ended(environment: Mapping[str, str]) -> str:
        with monkeypatch.context() as changed:
            changed.setattr(os, "environ", dict(environment))
            with pytest.raises(SystemExit) as end:
                read_environment()
        assert isinstance(end.value.code, str)
        return end.value.code

    return ended


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_a_missing_variable_is_said_in_one_line(line: Line, name: str) -> None:
    said = line({other: value for other, value in RIGHT.items() if other != name})
    assert said.startswith(f"wrong configuration: {name}: Field required (")
    assert "\n" not in said


VAULT = 'VAULT_KEYS: Value error, give {"1": "64 hex digits"}'


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY", "", "SECRET_KEY: Value should have at least 50 items"),
        ("SECRET_KEY", "s" * 49, "SECRET_KEY: Value should have at least 50 items"),
        ("DATABASE_URL", "mysql://a@127.0.0.1/b", "DATABASE_URL: URL scheme"),
        ("DATABASE_URL", "", "DATABASE_URL: Input should be a valid URL"),
        ("DATABASE_URL", "postgresql://a@b/c?sslmod=require", "DATABASE_URL: Value error, libpq"),
        ("REDIS_URL", "http://127.0.0.1", "REDIS_URL: URL scheme"),
        ("VAULT_KEYS", KEY, "VAULT_KEYS: not JSON"),
        ("VAULT_KEYS", "{}", VAULT),
        ("VAULT_KEYS", f'{{"0": "{KEY}"}}', VAULT),
        ("VAULT_KEYS", f'{{"1": "{KEY[:-2]}"}}', VAULT),
        ("VAULT_KEYS", f'{{"1": "{KEY[:-1]}g"}}', VAULT),
        ("VAULT_KEYS", f'{{"a": "{KEY}"}}', "VAULT_KEYS: Input should be a valid integer"),
        ("ALLOWED_HOSTS", "example.org", "ALLOWED_HOSTS: not JSON"),
        ("DEBUG", "maybe", "DEBUG: Input should be a valid boolean"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: Input should be 'DEBUG', 'INFO'"),
        ("DATABASE_POOL", "-1", "DATABASE_POOL: Input should be greater than or equal to 0"),
        ("CLIENT_REQUESTS_PER_MINUTE", "0", "CLIENT_REQUESTS_PER_MINUTE: Input should be greater"),
    ],
)
def test_a_wrong_variable_is_said_in_one_line(
    line: Line, name: str, value: str, expected: str
) -> None:
    said = line({**RIGHT, name: value})
    assert said.startswith(f"wrong configuration: {expected}")
    assert "\n" not in said
    assert KEY[:-2] not in said


@pytest.mark.django_db
def test_the_database_is_a_real_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int >= 150000")
        assert cursor.fetchone() == (True,)


@contextmanager
def asynchronous_by_default(whose: str) -> Iterator[str]:
    """Commits wait for no disk by the default of the DATABASE or of the ROLE; gives its URL."""
    found = connection.settings_dict
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{found['NAME']}").geturl()
    name = sql.Identifier(found["NAME" if whose == "DATABASE" else "USER"])
    owner = sql.SQL("ALTER {} {} ").format(sql.SQL(whose), name)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(owner + sql.SQL("SET synchronous_commit = off"))
        try:
            yield url
        finally:
            other.execute(owner + sql.SQL("RESET synchronous_commit"))


@pytest.mark.django_db
@pytest.mark.parametrize("whose", ["DATABASE", "ROLE"])
def test_commits_are_synchronous_where_the_default_is_another(whose: str) -> None:
    with asynchronous_by_default(whose) as url:
        with psycopg.connect(url) as plain:
            assert plain.execute("SHOW synchronous_commit").fetchone() == ("off",)
        with closing(connection.copy()) as ours, ours.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "15s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ],
)
def test_nothing_waits_for_the_database_for_ever(name: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        assert cursor.fetchone() == (value,)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://a@db.example.org:5433/b", "db.example.org", "5433"),
        ("postgresql://a@[::1]:5433/b", "::1", "5433"),
        ("postgresql://a@%2Frun%2Fpostgresql/b", "/run/postgresql", "5432"),
        ("postgresql://a@one:5433,two:5434/b", "one,two", "5433,5434"),
    ],
)
def test_the_database_is_found_by_its_name_address_or_socket(
    url: str, host: str, port: str
) -> None:
    found = database_settings(PostgresDsn(url))
    assert (found["HOST"], found["PORT"]) == (host, port)


def test_what_else_the_url_says_of_the_connection_holds() -> None:
    url = "postgresql://a%40x:p%2F@db/b?sslmode=verify-full&connect_timeout=9&options=-c%20x.y%3D1"
    found = database_settings(PostgresDsn(url))
    assert (found["NAME"], found["USER"], found["PASSWORD"]) == ("b", "a@x", "p/")
    options = found["OPTIONS"]
    assert (options["sslmode"], options["connect_timeout"]) == ("verify-full", "9")
    assert options["options"].startswith("-c x.y=1 -c ")
    assert "lock_timeout=5s" in options["options"]


def test_the_web_process_alone_has_a_pool() -> None:
    code = "from orchestrator.settings import DATABASES; print(DATABASES['default']['OPTIONS'])"
    environment = {"PATH": os.environ["PATH"], **RIGHT, "DATABASE_POOL": "4"}
    with_pool = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'pool': {'min_size': 1, 'max_size': 4, 'timeout': 5}" in with_pool.stdout
    assert "pool" not in settings.DATABASES["default"]["OPTIONS"]
