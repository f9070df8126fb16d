"""Registers tracking with access, with the event log and with the clock."""

from __future__ import annotations

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """The tracking app."""

    name = "apps.tracking"
    label = "tracking"
    verbose_name = "Tracking"

    def ready(self) -> None:
        """Register nouns, topic, event types and ticks."""
        from apps.tracking import jobs, policy, published, queries, queryables  # noqa: PLC0415 - models are ready only now

        policy.register_nouns()
        queryables.register_queryables()
        published.register_published(past=queries.positions_before)
        jobs.register_ticks()
