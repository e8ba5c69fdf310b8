"""/ws: JSON messages over a plain WebSocket; `messages` has their form, docs/api.md examples.

A doorbell of the channel layer says that a session moved; what moved is read from the transitions.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, WebSocketScope
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from redis.exceptions import RedisError

from orchestrator.clients.models import ApiKey, Scope
from orchestrator.clients.services import (
    UnauthenticatedError,
    authenticate_key,
    authenticate_token,
)
from orchestrator.observability.metrics import connected_clients
from sessions_app.consumers.messages import (
    Auth,
    Ping,
    RefusedError,
    Subscribe,
    Unsubscribe,
    error_text,
    parse,
    to_text,
)
from sessions_app.consumers.reading import BatchReader, read_heads, read_updates
from sessions_app.consumers.sweep import Sweep
from sessions_app.domain.attention import advice_for
from sessions_app.notices import group_of

MOST_SUBSCRIPTIONS: Final = 100  # of one connection
MOST_MESSAGES: Final = 300  # of a client, in a window
WINDOW_SECONDS: Final = 60
SEND_SECONDS: Final = 10.0  # a client that takes nothing for so long is let go

UNAUTHENTICATED, FORBIDDEN, TOO_MANY, TRY_LATER = 4401, 4403, 4429, 1013

log = structlog.get_logger(__name__)

_heads = BatchReader(read_heads)
_updates = BatchReader(read_updates)
_sweep = Sweep()
_authenticate_key = database_sync_to_async(authenticate_key)
_authenticate_token = database_sync_to_async(authenticate_token)


class FeedConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One connection. `followed`: the `seq` of the last update that was sent of each session."""

    def __init__(self) -> None:
        super().__init__()
        self.key: ApiKey | None = None
        self.followed: dict[UUID, int] = {}
        self._alerts: dict[UUID, str] = {}  # what each session was last said to need a person for
        self.opened_at = time.monotonic()
        self._sending = asyncio.Lock()
        self._window, self._messages = 0, 0
        self._is_dropped = False
        self._close_code: int | None = None

    async def __call__(
        self, scope: WebSocketScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve the connection to its end, however it ends."""
        self._task = asyncio.current_task()
        _sweep.add(self)
        connected_clients.inc()
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if not self._is_dropped:
                raise
            await self._say_goodbye()
        finally:
            connected_clients.dec()
            _sweep.discard(self)
            for session_id in list(self.followed):
                await self._leave(session_id)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the parent, without its thread hop for every message: `reading` minds connections."""
        match message["type"]:
            case "websocket.receive":
                await self._hear(message.get("text"))
            case "session.moved":
                await self.catch_up(UUID(message["session_id"]), message["seq"])
            case "websocket.connect":
                await self.accept()
            case "websocket.disconnect":
                await self.websocket_disconnect(message)

    # --- what the sweep asks for -------------------------------------------------------------
    async def catch_up(self, session_id: UUID, seq: int) -> None:
        """Send what a follower has not had yet of a session that is at `seq` by now."""
        async with self._sending:
            if self.followed.get(session_id, seq) >= seq:
                return
            try:
                updates = await _updates.get(session_id)
            except DatabaseError as error:
                log.warning("updates_unread", reason=type(error).__name__)  # the sweep comes again
                return
            for update in updates or ():
                if session_id in self.followed and update.seq > self.followed[session_id]:
                    await self._send(update.text)
                    self.followed[session_id] = update.seq

    async def alert(self, session_id: UUID, attention: str) -> None:
        """Say when a session begins, or no longer has, to need a person on our side."""
        async with self._sending:
            if session_id in self.followed and self._alerts.get(session_id, "") != attention:
                self._alerts[session_id] = attention
                detail = advice.title if (advice := advice_for(attention)) else None
                await self._send(
                    to_text("alert", session_id, attention=attention or None, detail=detail)
                )

    async def tell_price(self, session_id: UUID, text: str) -> None:
        """Send a running auction's price to who follows it still."""
        async with self._sending:
            if session_id in self.followed:
                await self._send(text)

    async def end(self, code: int, error: str, detail: str) -> None:
        """Say why, and have the connection's own task close it."""
        await self._send(error_text(error, detail))
        self._drop(code)

    # --- what the client says ----------------------------------------------------------------
    async def _hear(self, text: str | None) -> None:
        if self._is_flooding():
            await self.end(TOO_MANY, "too_many_messages", "slow down: reconnect in a minute")
            return
        try:
            await self._obey(parse(text))
        except RefusedError as refused:
            await self._send(refused.text)
        except DatabaseError as error:
            log.warning("not_answered", reason=type(error).__name__)
            await self._send(error_text("unavailable", "try again"))

    async def _obey(self, message: Auth | Subscribe | Unsubscribe | Ping) -> None:
        match message:
            case Auth():
                await self._authenticate(message)
            case Ping():
                await self._send(to_text("pong"))
            case Subscribe():
                await self._subscribe(message.session_id, message.after)
            case Unsubscribe():
                await self._unsubscribe(message.session_id)

    async def _authenticate(self, message: Auth) -> None:
        check = _authenticate_key if message.is_key else _authenticate_token
        try:
            key = await check(message.credential)
        except UnauthenticatedError as error:
            await self.end(UNAUTHENTICATED, error.code, str(error))
            return
        if not key.client.may(Scope.READ):
            await self.end(FORBIDDEN, "forbidden", "this API client lacks the scope `read`")
            return
        if self.key is not None and self.key.client_id != key.client_id:
            await self.end(FORBIDDEN, "forbidden", "open another connection for another client")
            return
        self.key = key
        await self._send(to_text("authenticated"))

    async def _subscribe(self, session_id: UUID, after: int | None) -> None:
        if self.key is None:
            raise RefusedError("unauthenticated", "send auth first")
        is_new = session_id not in self.followed
        if is_new and len(self.followed) >= MOST_SUBSCRIPTIONS:
            raise RefusedError(
                "too_many_subscriptions", f"unsubscribe one: {MOST_SUBSCRIPTIONS} are the most"
            )
        head = await _heads.get(session_id)
        if head is None or head.client_id != self.key.client_id:
            raise RefusedError("session_not_found", f"no session {session_id}", session_id)
        if after is not None and after > head.seq:
            raise RefusedError("invalid_after", f"give {head.seq} at most, not {after}", session_id)
        await self._join(session_id)  # first, so that nothing is missed between reading and hearing
        async with self._sending:
            self.followed[session_id] = head.seq - 1 if after is None else after
            await self._send(to_text("subscribed", session_id, seq=head.seq))
        await self.catch_up(session_id, head.seq)
        await self.alert(session_id, head.attention)

    async def _unsubscribe(self, session_id: UUID) -> None:
        async with self._sending:
            if self.followed.pop(session_id, None) is None:
                raise RefusedError("not_subscribed", f"{session_id} is not followed", session_id)
            self._alerts.pop(session_id, None)
            await self._leave(session_id)
            await self._send(to_text("unsubscribed", session_id))

    # --- below -------------------------------------------------------------------------------
    async def _join(self, session_id: UUID) -> None:
        try:
            await self.channel_layer.group_add(group_of(session_id), self.channel_name)
        except (RedisError, OSError) as error:
            log.warning("no_doorbell", reason=type(error).__name__)  # then the sweep tells

    async def _leave(self, session_id: UUID) -> None:
        try:
            await self.channel_layer.group_discard(group_of(session_id), self.channel_name)
        except (RedisError, OSError) as error:
            log.warning("group_not_left", reason=type(error).__name__)

    async def _send(self, text: str) -> None:
        """Wait for a slow client, but not for ever: what it has not taken is not kept for it."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.send(text_data=text)
        except TimeoutError:
            log.info("slow_client_dropped", followed=len(self.followed))
            self._drop(None)  # a farewell would wait for it as well

    def _drop(self, code: int | None) -> None:
        """End the connection's own task, once: granian can't close while that one receives."""
        if self._task is not None and not self._is_dropped:
            self._is_dropped, self._close_code = True, code
            self._task.cancel()

    async def _say_goodbye(self) -> None:
        if self._close_code is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(SEND_SECONDS):
                    await self.close(self._close_code)

    def _is_flooding(self) -> bool:
        window = int(time.monotonic() // WINDOW_SECONDS)
        self._messages = self._messages + 1 if window == self._window else 1
        self._window = window
        return self._messages > MOST_MESSAGES
