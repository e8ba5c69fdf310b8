"""The WebSocket process: `granian --interface asginl orchestrator.asgi:application`."""

import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

import django
from channels.routing import ProtocolTypeRouter, URLRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")

django.setup()  # the routes' imports need that

from chains_app.checks import require_right_configuration  # noqa: E402
from sessions_app.routing import websocket_urlpatterns  # noqa: E402

require_right_configuration()

_NOTHING: Final = b"only the WebSocket feed is here: /ws\n"


async def http(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Nothing: who publishes this port publishes the feed alone, not web's admin and metrics."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(_NOTHING))]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": _NOTHING})


# The Origin is not checked: a client proves itself by its first message, and no browser adds
# that by itself, as it adds cookies.
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
