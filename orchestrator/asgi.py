"""The WebSocket process: `granian --interface asginl orchestrator.asgi:application`."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")

http = get_asgi_application()  # sets Django up; the routes' imports need that

from chains_app.checks import require_right_configuration  # noqa: E402
from sessions_app.routing import websocket_urlpatterns  # noqa: E402

require_right_configuration()

# The Origin is not checked: a client proves itself by its first message, and no browser adds
# that by itself, as it adds cookies.
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
