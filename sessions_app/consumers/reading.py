"""What the feed reads of the database, for all connections of this process together.

All who ask while a query runs are answered by the next one, so that a busy feed makes few queries.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from channels.db import database_sync_to_async

from orchestrator.clients.models import ApiKey
from orchestrator.kernel.amounts import Rounding
from orchestrator.kernel.clock import Seconds, iso, wall_clock
from sessions_app.consumers.messages import to_text
from sessions_app.domain.states import Status
from sessions_app.feed import update_of
from sessions_app.models import Session, Transition

MOST_AT_ONCE: Final = 500

T = TypeVar("T")


class Update(NamedTuple):
    """A message for clients, already as text."""

    seq: int
    text: str


class Head(NamedTuple):
    """A session's owner, the `seq` of its newest update, and why it needs a person ("": it not)."""

    client_id: UUID
    seq: int
    attention: str


class BatchReader(Generic[T]):
    """Reads for many askers in one query; a query starts after everybody it answers has asked."""

    def __init__(self, read: Callable[[list[UUID]], dict[UUID, T]]) -> None:
        self._read = database_sync_to_async(read)
        self._waiting: dict[UUID, asyncio.Future[T | None]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def get(self, key: UUID) -> T | None:
        """What stands in the database now, None for nothing; raises what the query raised."""
        loop = asyncio.get_running_loop()
        if key not in self._waiting:
            self._waiting[key] = loop.create_future()
        asked = self._waiting[key]
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._answer_all())
        return await asyncio.shield(asked)  # who stops waiting must not stop the others

    async def _answer_all(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[:MOST_AT_ONCE]
            asked = {key: self._waiting.pop(key) for key in keys}
            try:
                found = await self._read(keys)
            except Exception as error:
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # nobody may be waiting any more
            else:
                for key, future in asked.items():
                    future.set_result(found.get(key))


def read_updates(session_ids: Iterable[UUID]) -> dict[UUID, tuple[Update, ...]]:
    """Every update of these sessions, in order; a session has about ten."""
    found: dict[UUID, list[Update]] = defaultdict(list)
    rows = Transition.objects.filter(session_id__in=list(session_ids)).order_by("seq")
    for row in rows:
        found[row.session_id].append(Update(row.seq, json.dumps(update_of(row))))
    return {session_id: tuple(updates) for session_id, updates in found.items()}


def read_heads(session_ids: Iterable[UUID]) -> dict[UUID, Head]:
    """Whose each session is, and how far it is."""
    rows = Session.objects.filter(pk__in=list(session_ids))
    heads = rows.values_list("pk", "client_id", "version", "attention")
    return {pk: Head(client_id, seq, attention) for pk, client_id, seq, attention in heads}


def read_prices(session_ids: Iterable[UUID]) -> dict[UUID, str]:
    """`price_update` of those whose auction runs: what the maker would get now, as text."""
    now = wall_clock()
    running = Session.objects.filter(pk__in=list(session_ids), status=Status.EXECUTING.value)
    rows = running.filter(auction_started_at__isnull=False).select_related("quote")
    return {session.pk: _price(session, now) for session in rows}


def _price(session: Session, now: Seconds) -> str:
    quote = session.quote
    since = min(max(now - (session.auction_started_at or now), 0), quote.curve.duration)
    amount = quote.curve.amount_at(quote.end_amount, since, rounding=Rounding.DOWN)
    return to_text(
        "price_update", session.pk, data={"destinationAmount": str(amount), "at": iso(now)}
    )


def read_live_keys(key_ids: Iterable[str]) -> set[str]:
    """Those of these API keys that are neither revoked nor a switched off client's."""
    live = ApiKey.objects.filter(pk__in=list(key_ids), revoked_at=None, client__is_active=True)
    return set(live.values_list("pk", flat=True))
