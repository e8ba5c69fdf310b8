"""Where WebSockets lead."""

from django.urls import path

from sessions_app.consumers.feed import FeedConsumer

websocket_urlpatterns = [path("ws", FeedConsumer.as_asgi())]
