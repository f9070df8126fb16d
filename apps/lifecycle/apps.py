"""Registers history and timers with access, and the sweep over due timers with the clock."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig

SWEEP_EVERY = timedelta(milliseconds=250)


class LifecycleConfig(AppConfig):
    """The lifecycle engine."""

    name = "apps.lifecycle"
    label = "lifecycle"
    verbose_name = "Lifecycles"

    def ready(self) -> None:
        """Register."""
        from apps.core.ticks import Tick, register  # noqa: PLC0415 - models are ready only now
        from apps.lifecycle import jobs, policy, queryables  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        register(Tick(name="timers", every=SWEEP_EVERY, run=jobs.sweep))
