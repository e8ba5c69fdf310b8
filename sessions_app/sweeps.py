"""Work that no hint announced, or that a lost one left behind (rule 8)."""

import time
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from auctions_app.market import current_market
from chains_app.creations import send_creations_again
from chains_app.selectors import waiting_references
from orchestrator.hints import send_hint
from orchestrator.kernel.clock import instant, wall_clock
from secrets_app.services import forget_secret
from sessions_app import surplus
from sessions_app.alarming import DUTIES, time_for_a_duty
from sessions_app.coordinator import BATCH, advance_due
from sessions_app.domain.attention import Attention
from sessions_app.models import ENDED, Leg, Role, Session

ADVANCE_TASK: Final = "sessions_app.tasks.advance_sessions"
DRAIN_SECONDS: Final = 20.0
_WAKE: Final = """
    UPDATE sessions_app_session SET wake_at = %(now)s WHERE id = ANY(ARRAY(
        SELECT id FROM sessions_app_session
        WHERE id IN (SELECT session_id FROM sessions_app_leg WHERE id = ANY(%(legs)s))
        ORDER BY id FOR NO KEY UPDATE
    ))
"""
_LOOK_NEXT: Final = """
    UPDATE sessions_app_surplus SET checked_at = NULL WHERE id = ANY(%(references)s)
"""


def on_changed(references: set[UUID]) -> None:
    """Facts of these legs have changed: their sessions are due, and a worker is told; or of
    surplus, which the next sweep looks at first, whatever it was.

    Statements of our own, since they follow every change. Sessions are locked in the order of
    their ids (rule 8), and let go before surplus is waited for.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, {"now": instant(wall_clock()), "legs": list(references)})
        send_hint(ADVANCE_TASK)
        cursor.execute(_LOOK_NEXT, {"references": list(references)})


def advance_all_due() -> int:
    """Drive the sessions whose time has come, batch by batch; returns how many.

    After `DRAIN_SECONDS` it leaves the rest to another task, which a hint asks for.
    """
    until, total = time.monotonic() + DRAIN_SECONDS, 0
    while done := advance_due():
        total += done
        if done < BATCH:
            break
        if time.monotonic() > until:
            send_hint(ADVANCE_TASK)
            break
    return total


def forget_secrets() -> int:
    """Destroy the secrets of sessions that have ended; their hashlocks stay."""
    ended = Session.objects.filter(secret_id__isnull=False, status__in=ENDED)
    total = 0
    while done := _forget_batch(list(ended.values_list("pk", flat=True)[:BATCH])):
        total += done
    return total


@transaction.atomic
def _forget_batch(session_ids: list[UUID]) -> int:
    rows = Session.objects.select_for_update(no_key=True, skip_locked=True)
    sessions = list(rows.filter(pk__in=session_ids, status__in=ENDED, secret_id__isnull=False))
    for session in sessions:
        if session.secret_id is not None:
            forget_secret(session.secret_id)
    Session.objects.filter(pk__in=[session.pk for session in sessions]).update(secret_id=None)
    return len(sessions)


def send_vanished_again() -> int:
    """Makers' locks that have left the chain behind ours: the nodes get their own bytes again."""
    vanished = Session.objects.filter(
        attention=Attention.SOURCE_LOCK_VANISHED,
        attention_since__isnull=False,  # its index has no others
        signed_order__isnull=True,  # an order is the outbox's to submit again
    )
    sources = Leg.objects.filter(session__in=vanished, role=Role.SOURCE)
    return send_creations_again(sources.values_list("pk", flat=True), most=BATCH)


def wake_overdue() -> int:
    """Have sessions looked at whose duties are overdue and that nobody was told of; how many legs.

    A session that has ended has no timer of its own, and may owe a payout still.
    """
    inclusion = current_market().durations["inclusion"]
    late = waiting_references(DUTIES, longer_than=time_for_a_duty(inclusion))
    legs = set(Leg.objects.filter(pk__in=late, session__attention="").values_list("pk", flat=True))
    on_changed(legs)
    return len(legs)


def handle_surplus() -> int:
    """Record locks for us that no session agreed on, and give them back; how many are new."""
    return surplus.sweep()
