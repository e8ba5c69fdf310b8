"""Claiming rows for work with I/O between its commits: leases with a heartbeat (rule 8).

All instants are the database's own, so machines need not agree on the time. A worker that lost its
lease finds another version in the row and writes nothing more.
"""

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

import structlog
from django.db import DatabaseError, connections, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Least, Now

from chains_app.models import Leased
from orchestrator.kernel.errors import OrchestratorError

LEASE: Final = timedelta(seconds=3)
BEAT_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)

L = TypeVar("L", bound=Leased)


class LeaseLostError(OrchestratorError):
    """The row was claimed by another, or voided, since we claimed it: stop, write nothing."""

    code = "lease_lost"


def is_free() -> Q:
    """Due and not claimed, or claimed by somebody who stopped beating."""
    return Q(lease_expires_at__isnull=True, due_at__lte=Now()) | Q(lease_expires_at__lt=Now())


def is_unclaimed() -> Q:
    """Not claimed, whether due or not, or claimed by somebody who stopped beating."""
    return Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lt=Now())


def claim(candidates: QuerySet[L]) -> list[L]:
    """Take the rows of an ordered, sliced query for one lease; others skip them."""
    owner = str(uuid.uuid4())
    with transaction.atomic():
        rows = list(candidates.select_for_update(skip_locked=True, of=("self",)))
        if not rows:
            return []
        candidates.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(
            due_at=None, lease_owner=owner, lease_expires_at=Now() + LEASE, version=F("version") + 1
        )
    for row in rows:
        row.due_at, row.lease_owner, row.version = None, owner, row.version + 1
    return rows


def lock(row: L) -> L:
    """The row as it stands, locked; raises LeaseLostError when it is no longer ours."""
    model = type(row)._default_manager
    fresh: L = model.select_for_update(of=("self",)).get(pk=row.pk)
    if fresh.version != row.version:
        raise LeaseLostError(f"{row} was taken over")
    return fresh


def release(row: Leased, pause: timedelta | None) -> None:
    """Give the row back, due after `pause` (None: when somebody asks) or when it was woken."""
    due_at = F("due_at") if pause is None else Least(F("due_at"), Now() + Value(pause))
    type(row)._default_manager.filter(pk=row.pk, version=row.version).update(
        due_at=due_at, lease_owner="", lease_expires_at=None
    )


def rest(row: Leased, pause: timedelta) -> bool:
    """Give the row back, due after `pause`; False, and nothing done, when it was woken or lost."""
    unasked = type(row)._default_manager.filter(pk=row.pk, version=row.version, due_at=None)
    return unasked.update(due_at=Now() + Value(pause), lease_owner="", lease_expires_at=None) == 1


def wake(rows: QuerySet[L]) -> int:
    """Make rows due now; who works on one sees it when it is released."""
    later = rows.filter(Q(due_at__isnull=True) | Q(due_at__gt=Now()))
    with transaction.atomic(savepoint=False):
        locked = later.select_for_update(of=("self",)).order_by("pk")
        keys = list(locked.values_list("pk", flat=True))
        return rows.model._default_manager.filter(pk__in=keys).update(due_at=Now()) if keys else 0


@contextmanager
def heartbeat(rows: Sequence[Leased]) -> Iterator[None]:
    """Renew the leases of `rows`, all claimed at once, for as long as the context lasts."""
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(rows, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(rows: Sequence[Leased], ended: threading.Event) -> None:
    try:
        while not ended.wait(BEAT_SECONDS):
            _renew(rows)
    finally:
        connections.close_all()  # this thread's own, if it ever needed one


def _renew(rows: Sequence[Leased]) -> None:
    claimed = type(rows[0])._default_manager.filter(
        pk__in=[row.pk for row in rows], lease_owner=rows[0].lease_owner
    )
    try:
        claimed.update(lease_expires_at=Now() + LEASE)
    except DatabaseError as error:  # the next beat tries again; without one the lease runs out
        log.warning("heartbeat_failed", reason=type(error).__name__)
