"""What a person is told of a database that can't serve: one line, and what to do."""

from typing import Final

from django.db import DatabaseError, OperationalError, connection
from psycopg.errors import UndefinedColumn, UndefinedTable

LACKS_TABLES: Final = "the database lacks our tables: run `manage.py migrate`"


def told_of(error: DatabaseError) -> str | None:
    """One line without a password; None where the fault is none of the database's."""
    if isinstance(error.__cause__, UndefinedTable | UndefinedColumn):  # never, or not all, migrated
        return LACKS_TABLES
    if not isinstance(error, OperationalError):
        return None
    place = "{HOST}:{PORT}".format_map(connection.settings_dict)
    code = getattr(error.__cause__, "sqlstate", None)
    if code is not None:
        return f"the database at {place} gave up (SQLSTATE {code}): try again"
    return f"the database at {place} gives no access: see that it runs, and correct DATABASE_URL"
