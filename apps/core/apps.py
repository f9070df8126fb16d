"""The app that every other one stands on."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Words, plumbing and the one table that plumbing needs."""

    name = "apps.core"
    label = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Let the clock forget old answers."""
        from apps.core import services, ticks  # noqa: PLC0415 - models are ready only now

        ticks.register(ticks.Tick(name="core.forget_answers", every=timedelta(minutes=10), run=services.forget_answers))
