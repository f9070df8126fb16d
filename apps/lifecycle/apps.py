"""Registers history, timers and effects with access, and the sweeps over them with the clock."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig

SWEEP_EVERY = timedelta(milliseconds=250)
EFFECTS_EVERY = timedelta(seconds=1)
FORGET_EVERY = timedelta(hours=1)


class LifecycleConfig(AppConfig):
    """The lifecycle engine."""

    name = "apps.lifecycle"
    label = "lifecycle"
    verbose_name = "Lifecycles"

    def ready(self) -> None:
        """Register."""
        from apps.core.ticks import Tick, register  # noqa: PLC0415 - models are ready only now
        from apps.lifecycle import jobs, policy, queryables, services  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        services.register_telling()
        register(Tick(name="timers", every=SWEEP_EVERY, run=jobs.sweep))
        register(Tick(name="effects", every=EFFECTS_EVERY, run=jobs.sweep_effects, wake=services.EFFECTS_DOORBELL))
        register(Tick(name="forget-effects", every=FORGET_EVERY, run=services.forget_effects))
