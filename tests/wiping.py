"""Emptying the test run's database, for tests that commit."""

from typing import Final

from django.db import connection, transaction

_OF_DJANGO: Final = ("django_", "auth_permission")  # what migrations made, and nobody changes


def wipe_tables() -> None:
    """As if the service had never run.

    Most tables are empty, and the others hold few rows: deleting these costs a small part of what
    truncating takes, or Django's flush, which makes its permissions anew as well.
    """
    names = connection.introspection.django_table_names(only_existing=True)
    ours = [name for name in names if not name.startswith(_OF_DJANGO)]
    parts = [f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in ours]  # noqa: S608
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        full = [name for (name,) in cursor.fetchall()]
        cursor.execute("SET LOCAL session_replication_role = replica")  # foreign keys in any order
        for name in full:
            cursor.execute(f"DELETE FROM {name}")  # noqa: S608
