"""The settings come from the environment, and a wrong one ends the start in one clear line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"DATABASE_URL": "postgresql://a@127.0.0.1/b"}, "SECRET_KEY: Field required"),
        ({"SECRET_KEY": "s"}, "DATABASE_URL: Field required"),
        ({"SECRET_KEY": "s", "DATABASE_URL": "mysql://a@127.0.0.1/b"}, "DATABASE_URL: URL scheme"),
    ],
)
def test_a_wrong_environment_ends_the_start_in_one_line(
    environment: dict[str, str], line: str
) -> None:
    done = start(**environment)
    assert done.returncode == 1
    assert done.stderr.startswith(f"wrong configuration: {line}")
    assert done.stderr.count("\n") == 1


@pytest.mark.django_db
def test_the_database_is_a_real_durable_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int >= 150000")
        assert cursor.fetchone() == (True,)
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
