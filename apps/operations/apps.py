"""Registers operations with access, the event log, the lifecycle engine and the clock."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig

LOOK_EVERY = timedelta(seconds=1)


class OperationsConfig(AppConfig):
    """What is planned, where, at what height and when."""

    name = "apps.operations"
    label = "operations"

    def ready(self) -> None:
        """Register."""
        from apps.core.ticks import Tick, register  # noqa: PLC0415 - models are ready only now
        from apps.operations import policy, published, queryables, services  # noqa: PLC0415

        policy.register_nouns()
        queryables.register_queryables()
        policy.register_lifecycle(services.keep_up)
        published.register_published()
        register(Tick(name="operations", every=LOOK_EVERY, run=services.settle_submitted))
        register(Tick(name="operations others wait for", every=LOOK_EVERY, run=services.follow_others))
        register(Tick(name="kinds sharing space", every=LOOK_EVERY, run=services.follow_kinds))
        register(Tick(name="rules reviewing operations", every=LOOK_EVERY, run=services.follow_rules))
        register(Tick(name="zones cutting operations", every=LOOK_EVERY, run=services.read_zones))
        register(Tick(name="assets of operations", every=LOOK_EVERY, run=services.move_strays))
