"""Where WebSockets lead."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from django.urls import path, re_path

from sessions_app.consumers.feed import FeedConsumer
from sessions_app.consumers.messages import error_text

NOT_FOUND: Final = 4404


async def nowhere(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Taken, and closed: who is refused before that is not told why."""
    said = error_text("not_found", "only the feed is here: /ws")
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": said})
    await send({"type": "websocket.close", "code": NOT_FOUND})


websocket_urlpatterns = [
    path("ws", FeedConsumer.as_asgi()),
    re_path("", cast(Any, nowhere)),  # Django's types know views only
]
