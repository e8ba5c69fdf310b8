"""What staff can ask and do, in commands and admin, with any session; never a status by hand."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chains_app.intents import OUTBOX_TASK
from chains_app.leases import wake
from chains_app.models import OPEN_INTENTS, Intent
from orchestrator.hints import send_hint
from orchestrator.kernel.errors import ConflictError
from sessions_app.coordinator import advance
from sessions_app.domain.states import ENDS
from sessions_app.lifecycle import lock_sessions
from sessions_app.models import Intervention, Session
from sessions_app.selectors import SessionNotFoundError, sessions_in_need

OVERDUE: Final = timedelta(seconds=60)  # a due session waits a second, as long as workers run
RETRY: Final = "retry"


class NothingToRetryError(ConflictError):
    """The session has ended."""

    code = "nothing_to_retry"


def find_session(session_id: UUID) -> Session:
    """Anybody's session with its quote and client; raises SessionNotFoundError."""
    rows = Session.objects.select_related("quote", "client")
    found = rows.filter(pk=session_id).first()
    if found is None:
        raise SessionNotFoundError(f"no session {session_id}")
    return found


def stuck_sessions(*, limit: int = 200) -> list[Session]:
    """Those that call for a person, then those that nobody drives though they are due."""
    in_need = sessions_in_need(limit=limit)
    due_since = timezone.now() - OVERDUE
    overdue = Session.objects.filter(attention_since=None, wake_at__lt=due_since)
    return in_need + list(overdue.order_by("wake_at")[: limit - len(in_need)])


def retry_session(*, session_id: UUID, by: str, reason: str) -> Session:
    """Drive a session and its open chain writes now instead of after their pauses.

    Every guard is asked as ever. Raises SessionNotFoundError, NothingToRetryError.
    """
    with transaction.atomic():
        session = _lock_open(session_id)
        Intervention.objects.create(session=session, action=RETRY, by=by, reason=reason)
        legs = list(session.legs.values_list("pk", flat=True))
        wake(Intent.objects.filter(reference__in=legs, status__in=OPEN_INTENTS))
        send_hint(OUTBOX_TASK)
    advance([session_id])
    return find_session(session_id)


def _lock_open(session_id: UUID) -> Session:
    session = next(iter(lock_sessions([session_id])), None)
    if session is None:
        raise SessionNotFoundError(f"no session {session_id}")
    if session.state in ENDS:
        raise NothingToRetryError(f"session {session_id} has ended: it is {session.status}")
    return session
