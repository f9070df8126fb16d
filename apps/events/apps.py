"""Registers the log with access, and the relay and the log's retention with the clock."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig

# How late a number may come when Redis is away and nobody rings.
RELAY_EVERY = timedelta(milliseconds=100)
FORGET_EVERY = timedelta(minutes=1)
# Retries have no doorbell, and come that late at most.
OWE_EVERY = timedelta(seconds=1)


class EventsConfig(AppConfig):
    """The one ordered log."""

    name = "apps.events"
    label = "events"
    verbose_name = "Event log"

    def ready(self) -> None:
        """Register."""
        from apps.core.ticks import Tick, register  # noqa: PLC0415 - models are ready only now
        from apps.events import jobs, policy, queryables, services  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        register(Tick(name="relay", every=RELAY_EVERY, run=services.relay, wake=services.RELAY_DOORBELL))
        register(Tick(name="forget-events", every=FORGET_EVERY, run=services.forget_old))
        register(Tick(name="webhooks", every=OWE_EVERY, run=jobs.owe, wake=services.EVENTS_DOORBELL))
        register(Tick(name="forget-deliveries", every=FORGET_EVERY, run=services.forget_deliveries))
        register(Tick(name="event-stream", every=OWE_EVERY, run=services.copy_events, wake=services.EVENTS_DOORBELL))
