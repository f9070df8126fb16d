"""Registers the log with access, and the relay and the log's retention with the clock."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig

# How late a number may come when Redis is away and nobody rings.
RELAY_EVERY = timedelta(milliseconds=100)
FORGET_EVERY = timedelta(minutes=1)


class EventsConfig(AppConfig):
    """The one ordered log."""

    name = "apps.events"
    label = "events"
    verbose_name = "Event log"

    def ready(self) -> None:
        """Register."""
        from apps.core.ticks import Tick, register  # noqa: PLC0415 - models are ready only now
        from apps.events import policy, queryables, services  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        register(Tick(name="relay", every=RELAY_EVERY, run=services.relay, wake=services.RELAY_DOORBELL))
        register(Tick(name="forget-events", every=FORGET_EVERY, run=services.forget_old))
