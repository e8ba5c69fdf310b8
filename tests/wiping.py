"""Emptying the test run's database, for tests that commit."""

from functools import cache
from typing import Final

from django.db import connection, transaction

_OF_DJANGO: Final = ("django_", "auth_permission")  # what migrations made, and nobody changes


def wipe_tables() -> None:
    """As if the service had never run.

    Most tables are empty, and the others hold few rows: deleting these costs a small part of what
    truncating takes, or Django's flush, which makes its permissions anew as well.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_which_are_full())
        deletions = [f"DELETE FROM {name}" for (name,) in cursor.fetchall()]  # noqa: S608
        if deletions:  # foreign keys in any order
            cursor.execute("; ".join(["SET LOCAL session_replication_role = replica", *deletions]))


@cache
def _which_are_full() -> str:
    """A query for the names of the tables that have rows."""
    names = connection.introspection.django_table_names(only_existing=True)
    ours = [name for name in names if not name.startswith(_OF_DJANGO)]
    return " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})"  # noqa: S608
        for name in ours
    )
