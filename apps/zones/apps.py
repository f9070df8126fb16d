"""Registers zones with access, the event log and the lifecycle engine."""

from __future__ import annotations

from django.apps import AppConfig


class ZonesConfig(AppConfig):
    """Where things may be, and when."""

    name = "apps.zones"
    label = "zones"

    def ready(self) -> None:
        """Register nouns, topic and event types."""
        from apps.zones import policy, published, queryables  # noqa: PLC0415 - models are ready only now
        from apps.zones.services.versions import keep_moved  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        policy.register_lifecycle(keep_moved)
        published.register_published()
