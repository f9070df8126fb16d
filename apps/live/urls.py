"""WebSocket addresses; ``project.front`` puts them behind Channels."""

from __future__ import annotations

from django.urls import path

from apps.live.consumers import FeedConsumer

websocket_urlpatterns = [
    path("ws/feed", FeedConsumer.as_asgi()),  # type: ignore[arg-type]  # Channels routes ASGI applications
]
