"""Registers definitions, history, timers and effects with access, and what moves objects along with the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

SWEEP_EVERY = timedelta(milliseconds=250)
LOG_EVERY = timedelta(seconds=1)
EFFECTS_EVERY = timedelta(seconds=1)
CALLS_EVERY = timedelta(seconds=1)
RUNS_EVERY = timedelta(seconds=5)
FORGET_EVERY = timedelta(hours=1)


class LifecycleConfig(AppConfig):
    """The lifecycle engine."""

    name = "apps.lifecycle"
    label = "lifecycle"
    verbose_name = "Lifecycles"

    def ready(self) -> None:
        """Register."""
        from apps.core.ticks import Tick, register  # noqa: PLC0415 - models are ready only now
        from apps.events.services import EVENTS_DOORBELL  # noqa: PLC0415
        from apps.lifecycle import calling, jobs, policy, queryables, services  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        services.register_telling()
        services.register_triggers()
        services.register_calling()
        services.register_answering()
        register(Tick(name="timers", every=SWEEP_EVERY, run=jobs.sweep))
        register(Tick(name="triggers", every=LOG_EVERY, run=services.read_log, wake=EVENTS_DOORBELL))
        register(Tick(name="effects", every=EFFECTS_EVERY, run=jobs.sweep_effects, wake=services.EFFECTS_DOORBELL))
        register(Tick(name="calls", every=CALLS_EVERY, run=calling.sweep_calls, wake=services.CALLS_DOORBELL))
        register(Tick(name="migrations", every=RUNS_EVERY, run=jobs.sweep_runs, wake=services.RUNS_DOORBELL))
        register(Tick(name="forget-effects", every=FORGET_EVERY, run=services.forget_effects))
        register(Tick(name="forget-sagas", every=FORGET_EVERY, run=services.forget_sagas))
        post_migrate.connect(_load_shipped, sender=self, dispatch_uid="lifecycle.load_shipped")


def _load_shipped(using: str, **_: Any) -> None:
    """Write down the shipped definitions, where the migrations have come as far as their table."""
    from apps.core import clock  # noqa: PLC0415 - models are ready only now
    from apps.lifecycle import services  # noqa: PLC0415
    from apps.lifecycle.models import DefinitionVersion  # noqa: PLC0415

    if DefinitionVersion._meta.db_table in connections[using].introspection.table_names():
        services.load_shipped(clock.now())
