"""What nothing announces to a connection: a lost doorbell, an alert, a revoked key, no auth."""

import asyncio
import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError

from sessions_app.consumers.reading import Head, read_heads, read_live_keys, read_prices

if TYPE_CHECKING:
    from sessions_app.consumers.feed import FeedConsumer

PAUSE_SECONDS: Final = 2.0
AUTH_SECONDS: Final = 5.0
UNAUTHENTICATED: Final = 4401

log = structlog.get_logger(__name__)

_read_heads = database_sync_to_async(read_heads)
_read_prices = database_sync_to_async(read_prices)
_read_live_keys = database_sync_to_async(read_live_keys)


class Sweep:
    """Looks after all connections of this process, for as long as there are any."""

    def __init__(self) -> None:
        self._open: set[FeedConsumer] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, connection: "FeedConsumer") -> None:
        """Look after this one from now on."""
        self._open.add(connection)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def discard(self, connection: "FeedConsumer") -> None:
        """It has ended."""
        self._open.discard(connection)

    async def _run(self) -> None:
        while self._open:
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self._look()
            except DatabaseError as error:
                log.warning("feed_not_swept", reason=type(error).__name__)
            except Exception:
                log.exception("feed_not_swept")

    async def _look(self) -> None:
        connections = list(self._open)
        followed = {session_id for each in connections for session_id in each.followed}
        heads, prices = await _read_heads(followed), await _read_prices(followed)
        live = await _read_live_keys({each.key.pk for each in connections if each.key})
        tended = (_tend(each, live, heads, prices) for each in connections)
        for error in await asyncio.gather(*tended, return_exceptions=True):
            if error is not None:  # its client has gone meanwhile, in most cases
                log.warning("connection_not_tended", reason=type(error).__name__)


async def _tend(
    connection: "FeedConsumer", live: set[str], heads: dict[UUID, Head], prices: dict[UUID, str]
) -> None:
    if connection.key is None:
        if time.monotonic() - connection.opened_at > AUTH_SECONDS:
            await connection.end(UNAUTHENTICATED, "auth_timeout", "send auth first")
    elif connection.key.pk not in live:
        await connection.end(UNAUTHENTICATED, "unauthenticated", "this key was revoked")
    else:
        for session_id in heads.keys() & connection.followed.keys():
            await connection.catch_up(session_id, heads[session_id].seq)
            await connection.alert(session_id, heads[session_id].attention)
            if session_id in prices:
                await connection.tell_price(session_id, prices[session_id])
