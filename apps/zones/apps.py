"""Registers zones with access and with the event log."""

from __future__ import annotations

from django.apps import AppConfig


class ZonesConfig(AppConfig):
    """Where things may be, and when."""

    name = "apps.zones"
    label = "zones"

    def ready(self) -> None:
        """Register nouns, topic and event types."""
        from apps.zones import policy, published, queryables  # noqa: PLC0415 - models are ready only now

        policy.register_nouns()
        queryables.register_queryables()
        published.register_published()
