"""Registers assets with access, the event log and the lifecycle engine."""

from __future__ import annotations

from django.apps import AppConfig


class AssetsConfig(AppConfig):
    """What can be tracked."""

    name = "apps.assets"
    label = "assets"

    def ready(self) -> None:
        """Register nouns, topic and event types."""
        from apps.assets import policy, published, queryables  # noqa: PLC0415 - models are ready only now

        policy.register_nouns()
        queryables.register_queryables()
        policy.register_lifecycle()
        published.register_published()
