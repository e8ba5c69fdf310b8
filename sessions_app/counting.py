"""Counts swaps: what a commit made of sessions, once that stands.

Each end counts once for a session: one that a reorganisation opens again, and that ends in the same
way again, was one swap. The transitions tell which ends it had before.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.db import transaction

from orchestrator.observability.metrics import (
    swap_duration,
    swaps_completed,
    swaps_failed,
    swaps_initiated,
)
from sessions_app.domain.states import Status
from sessions_app.models import ENDED, Transition

_COMPLETED: Final = Status.COMPLETED.value
_FILL: Final = (Status.EXECUTING.value, Status.SOURCE_LOCKING.value)
# the one way into `failed` that ends: from everywhere else it goes on to a refund
_LOST_RACE: Final = (Status.REVEALING_SECRET.value, Status.FAILED.value)

_Seen = dict[tuple[UUID, str], datetime]  # a session's fill and ends, by the status reached


def count_on_commit(transitions: Iterable[Transition]) -> None:
    """Count these, which are about to be written; nothing when the transaction is undone."""
    made = list(transitions)
    ends = [move for move in made if _is_end(move.before, move.after)]
    seen = _seen_before({move.session_id for move in ends})
    for move in made:
        if not move.before:
            transaction.on_commit(swaps_initiated.labels(_route(move)).inc, robust=True)
    for move in ends:
        if (move.session_id, move.after) not in seen:
            filled_at = seen.get((move.session_id, _FILL[1]))
            count = partial(_count_end, _route(move), move.after, move.at, filled_at)
            transaction.on_commit(count, robust=True)


def _is_end(before: str, after: str) -> bool:
    return after in ENDED or (before, after) == _LOST_RACE


def _seen_before(session_ids: set[UUID]) -> _Seen:
    """One query for a batch, and none for one in which nothing ends."""
    if not session_ids:
        return {}
    rows = Transition.objects.filter(session_id__in=session_ids).order_by("seq")
    moves = rows.values_list("session_id", "before", "after", "at")
    return {
        (session_id, after): at
        for session_id, before, after, at in moves
        if (before, after) == _FILL or _is_end(before, after)
    }


def _count_end(route: str, status: str, at: datetime, filled_at: datetime | None) -> None:
    if status != _COMPLETED:
        swaps_failed.labels(route, status).inc()
        return
    swaps_completed.labels(route).inc()
    if filled_at is not None:
        swap_duration.labels(route).observe((at - filled_at).total_seconds())


def _route(move: Transition) -> str:
    return move.session.quote.route_id
