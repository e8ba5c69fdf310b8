"""What a refused call must be: one clear error, and no row of any table of ours changed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection

OURS = ("clients", "http", "sessions_app", "auctions_app", "chains_app", "secrets_app")
FACTS = {"type", "title", "status", "code", "detail", "errors"}
SAYS_WHAT_TO_DO = re.compile(
    r"\b(give|get|send|use|ask|pass|leave|taken?|lists|lacks|try|not exist)\b"
)


def rows() -> dict[str, list[str]]:
    """Every row of every table of ours, as PostgreSQL writes it."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_every_row())
        for table, row in cursor.fetchall():
            found.setdefault(table, []).append(row)
    return {table: sorted(each) for table, each in found.items()}


@cache
def _every_row() -> str:
    """One query, in none of the models' words: it is asked around each call."""
    models = [model for label in OURS for model in apps.get_app_config(label).get_models()]
    return " UNION ALL ".join(
        f"SELECT '{table}', r::text FROM {table} r"  # noqa: S608
        for table in (model._meta.db_table for model in models)
    )


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Fails when a row is another one, is new or is gone afterwards."""
    before = rows()
    yield
    after = rows()
    names = before.keys() | after.keys()
    held = {name: (before.get(name, []), after.get(name, [])) for name in names}
    changed = {name: (old, new) for name, (old, new) in held.items() if old != new}
    assert changed == {}, changed


def assert_refused(answer: dict[str, Any], code: str, field: str | None, value: str = "") -> None:
    """One problem with that code, which names field and value and says what to do."""
    assert answer.keys() == FACTS
    errors = answer["errors"]
    if field is None:
        assert (answer["code"], errors) == (code, []), answer
    else:
        assert [(one["field"], one["code"]) for one in errors] == [(field, code)], answer
    text = errors[0]["detail"] if errors else answer["detail"]
    assert value in text, (value, text)
    assert SAYS_WHAT_TO_DO.search(text), text
    assert len(str(answer)) < 2000
