"""Claiming rows for work with I/O between its commits: leases with a heartbeat (rule 8).

All instants are the database's own, so machines need not agree on the time. A worker that lost its
lease finds another version in the row and writes nothing more.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from operator import itemgetter
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import Error, connection, connections

from chains_app.models import Leased
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.queries import Given, Select, model_maker

LEASE: Final = timedelta(seconds=3)
BEAT_SECONDS: Final = 2.0

# conditions in SQL: not claimed, or by somebody who stopped beating; and due, unless it was claimed
UNCLAIMED: Final = "(lease_expires_at IS NULL OR lease_expires_at < statement_timestamp())"
FREE: Final = (
    "(lease_expires_at IS NULL AND due_at <= statement_timestamp()"
    " OR lease_expires_at < statement_timestamp())"
)
_CLAIM: Final = """
UPDATE {table} AS claimed
SET due_at = NULL, lease_owner = %(owner)s, version = version + 1,
    lease_expires_at = statement_timestamp() + %(lease)s
FROM unnest(ARRAY(
    SELECT id FROM {table} WHERE {condition} ORDER BY {order} LIMIT %(most)s FOR UPDATE SKIP LOCKED
)) WITH ORDINALITY AS taken(id, place)
WHERE claimed.id = taken.id
RETURNING {columns}, place
""".strip()
_IS_ANY: Final = "SELECT EXISTS (SELECT FROM {table} WHERE {condition})"
_WAKE: Final = """
UPDATE {table} SET due_at = statement_timestamp()
WHERE id = ANY(ARRAY(
    SELECT id FROM {table}
    WHERE ({condition}) AND (due_at IS NULL OR due_at > statement_timestamp())
    ORDER BY id FOR UPDATE
))
""".strip()
_RENEW: Final = """
UPDATE {table} SET lease_expires_at = statement_timestamp() + %(lease)s
WHERE id = ANY(ARRAY(
    SELECT id FROM {table} WHERE id = ANY(%(keys)s) AND lease_owner = %(owner)s
    ORDER BY id FOR NO KEY UPDATE
))
""".strip()
_RELEASE: Final = """
UPDATE {table}
SET due_at = least(due_at, statement_timestamp() + %(pause)s::interval),
    lease_owner = '', lease_expires_at = NULL
WHERE id = %(pk)s AND version = %(version)s AND (due_at IS NULL OR NOT %(unless_woken)s)
""".strip()

log = structlog.get_logger(__name__)

L = TypeVar("L", bound=Leased)


class LeaseLostError(OrchestratorError):
    """The row was claimed by another, or voided, since we claimed it: stop, write nothing."""

    code = "lease_lost"


def claim(
    model: type[L], condition: str = FREE, *, order: str = "id", most: int | None = None, **of: Any
) -> list[L]:
    """Take up to `most` rows for one lease, in that order; others skip them.

    `condition` and `order` are SQL, `of` the values in it. One statement, and of our own: a poller
    asks with each block, and what Django builds for it takes several times what PostgreSQL does.
    """
    statement, make = _claiming(model, condition, order)
    values = {"owner": str(uuid.uuid4()), "lease": LEASE, "most": most, **of}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [make(row) for row in sorted(cursor.fetchall(), key=itemgetter(-1))]


@cache
def _claiming(model: type[L], condition: str, order: str) -> tuple[str, Callable[[Any], L]]:
    columns = ", ".join(f"claimed.{field.column}" for field in model._meta.concrete_fields)
    statement = _CLAIM.format(
        table=model._meta.db_table, condition=condition, order=order, columns=columns
    )
    return statement, model_maker(model)


def is_any_free(model: type[Leased]) -> bool:
    """Whether a claim would find a row: asked before a worker is sent to look."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_ANY.format(table=model._meta.db_table, condition=FREE))
        return bool(cursor.fetchone()[0])


def lock(row: L) -> L:
    """The row as it stands, locked; raises LeaseLostError when it is no longer ours."""
    fresh: L | None = _locked(type(row)).first(pk=row.pk)
    if fresh is None or fresh.version != row.version:
        raise LeaseLostError(f"{row} was taken over")
    return fresh


@cache
def _locked(model: type[L]) -> Select[L]:
    rows = model._default_manager
    return Select(lambda: rows.select_for_update(of=("self",)).filter(pk=Given("pk")))


def release(row: Leased, pause: timedelta | None, *, unless_woken: bool = False) -> bool:
    """Give the row back, due after `pause` (None: when somebody asks) or when it was woken.

    False, and nothing done, when the lease was lost; with `unless_woken` also when it was woken.
    """
    values = {"pk": row.pk, "version": row.version, "pause": pause, "unless_woken": unless_woken}
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE.format(table=row._meta.db_table), values)
        return bool(cursor.rowcount)


def wake(model: type[Leased], condition: str, **of: Any) -> int:
    """Make rows due now, locked in the order of their ids; who works on one sees it when it is
    released. `condition` is SQL, `of` the values in it. Returns how many were not due.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAKE.format(table=model._meta.db_table, condition=condition), of)
        return int(cursor.rowcount)


@contextmanager
def heartbeat(rows: Sequence[Leased]) -> Iterator[None]:
    """Renew the leases of `rows`, all claimed at once, for as long as the context lasts."""
    try:
        _heart.begin(rows)
        yield
    finally:
        _heart.end(rows)


class _Heart:
    """A process's one thread that renews what it works under: most work is over long before a
    beat, and a thread for each costs a tenth of it.
    """

    def __init__(self) -> None:
        self._beating, self._thread = threading.Lock(), threading.Thread()
        self._worked_on: dict[int, tuple[Sequence[Leased], float]] = {}

    def begin(self, rows: Sequence[Leased]) -> None:
        """Of two threads that find no heart at once each starts one, which does no harm."""
        self._worked_on[id(rows)] = rows, time.monotonic() + settings.CELERY_TASK_TIME_LIMIT
        if not self._thread.is_alive():
            thread = threading.Thread(target=self._beat_for_ever, name="heart", daemon=True)
            self._thread = thread
            thread.start()

    def end(self, rows: Sequence[Leased]) -> None:
        """No beat begins for `rows` from here on; then wait for one that is under way. Whatever
        interrupts us before, no work lasts longer than a task may.
        """
        self._worked_on.pop(id(rows), None)
        with self._beating:
            pass

    def _beat_for_ever(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            for key in list(self._worked_on):
                with self._beating:
                    self._beat(key)
            with suppress(Error):
                connections.close_all()  # this thread's own, if it needed one

    def _beat(self, key: int) -> None:
        rows, until = self._worked_on.get(key, ((), 0.0))
        try:
            if time.monotonic() < until:
                _renew(rows)
        except Error as error:  # the next beat tries again; without one the lease runs out
            log.warning("heartbeat_failed", reason=type(error).__name__)
        except Exception:  # a fault of ours with one ends the beats of no other
            log.exception("heartbeat_failed")

    def begin_anew(self) -> None:
        """In a fork, which has nothing of its parent's work, nor the thread."""
        self._beating, self._worked_on = threading.Lock(), {}


_heart: Final = _Heart()
os.register_at_fork(after_in_child=_heart.begin_anew)


def _renew(rows: Sequence[Leased]) -> None:
    statement = _RENEW.format(table=rows[0]._meta.db_table)
    values: dict[str, Any] = {"keys": [row.pk for row in rows], "lease": LEASE}
    with connection.cursor() as cursor:
        cursor.execute(statement, values | {"owner": rows[0].lease_owner})
