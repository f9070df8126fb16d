"""The app of the feed."""

from __future__ import annotations

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Sockets, their hub, and one table of tickets. Nothing depends on it."""

    name = "apps.live"
    label = "live"
    verbose_name = "Live feed"
