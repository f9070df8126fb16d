"""Registers incidents with access, the event log, the lifecycle engine and the clock."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig

MATURE_EVERY = timedelta(seconds=1)


class IncidentsConfig(AppConfig):
    """Rules and incidents."""

    name = "apps.incidents"
    label = "incidents"

    def ready(self) -> None:
        """Register."""
        from apps.core.ticks import Tick, register  # noqa: PLC0415 - models are ready only now
        from apps.incidents import policy, published, queryables, services  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        policy.register_lifecycle()
        published.register_published()
        services.register_spawning()
        register(Tick(name="findings", every=MATURE_EVERY, run=services.mature_pending))
