"""Reading sessions, for doors: a client sees its own and nothing else."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import F, Q

from chains_app.registry import get_adapter
from chains_app.selectors import LegFacts, leg_facts
from orchestrator.clients.models import ApiClient
from orchestrator.kernel.errors import InvalidInputError, NotFoundError
from sessions_app.domain.states import Status
from sessions_app.models import Leg, Role, Session, Transition

PAGE: Final = 50


class SessionNotFoundError(NotFoundError):
    """No such session of this client."""

    code = "session_not_found"


class InvalidCursorError(InvalidInputError):
    """A cursor that no list of ours gave."""

    code = "invalid_cursor"


@dataclass(frozen=True)
class Page:
    """Sessions, newest first; `cursor` leads to the next page, None after the last."""

    sessions: list[Session]
    cursor: str | None


def get_session(client: ApiClient, session_id: UUID) -> Session:
    """A client's own session with its quote; raises SessionNotFoundError, also for another's."""
    found = Session.objects.select_related("quote").filter(client=client, id=session_id).first()
    if found is None:
        raise SessionNotFoundError(f"no session {session_id}")
    return found


def list_sessions(client: ApiClient, *, cursor: str | None = None, limit: int = PAGE) -> Page:
    """A client's sessions, newest first; raises InvalidCursorError."""
    rows = Session.objects.select_related("quote").filter(client=client)
    if cursor is not None:
        created_at, session_id = _decode(cursor)
        rows = rows.filter(
            Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=session_id)
        )
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    more = len(found) > limit
    return Page(found[:limit], _encode(found[limit - 1]) if more else None)


def list_events(session: Session, *, after: int = 0, limit: int = 1000) -> list[Transition]:
    """A session's transitions from `after` on, exclusive, in their order."""
    return list(session.transitions.filter(seq__gt=after).order_by("seq")[:limit])


def list_legs(session: Session) -> dict[Role, tuple[Leg, LegFacts | None]]:
    """Both legs, once filled, with what their chains showed so far."""
    legs = list(session.legs.all())
    facts = leg_facts(leg.id for leg in legs)
    return {Role(leg.role): (leg, facts.get(leg.id)) for leg in legs}


def wallet_transactions(session: Session) -> list[dict[str, Any]]:
    """What the maker's wallet has to send now, unsigned; empty when nothing is awaited from it.

    What the chain shows already is left out, where it may be asked: never inside a transaction.
    """
    awaits = session.state is Status.SOURCE_LOCKING and not session.source_seen_in_time
    if not awaits or session.is_gasless:
        return []
    terms = session.legs.get(role=Role.SOURCE).lock_terms
    may_ask = not connection.in_atomic_block
    return list(get_adapter(terms.chain).wallet_transactions(terms, only_missing=may_ask))


def sessions_in_need(*, limit: int = PAGE) -> list[Session]:
    """Those that call for a person, the longest first."""
    rows = Session.objects.filter(attention_since__isnull=False)
    return list(rows.order_by(F("attention_since").asc())[:limit])


def _encode(session: Session) -> str:
    text = f"{session.created_at.isoformat()} {session.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        created_at, session_id = text.split(" ")
        at = datetime.fromisoformat(created_at)
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return at, UUID(session_id)
    except (ValueError, binascii.Error):
        raise InvalidCursorError(
            f"{cursor[:80]!r} is not a cursor: pass on the one that the last page gave",
            field="cursor",
        ) from None
