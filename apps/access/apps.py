"""Registers access's own nouns with access, and its clockwork."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People, organisations, roles, grants and keys."""

    name = "apps.access"
    label = "access"
    verbose_name = "People and access"

    def ready(self) -> None:
        """Register the nouns that access itself protects, and let the clock forget what has expired."""
        from apps.access import policy, queryables, services  # noqa: PLC0415 - models are ready only now
        from apps.access.api import hiding  # noqa: PLC0415
        from apps.core import ticks  # noqa: PLC0415
        from apps.filters.registry import hide_with  # noqa: PLC0415

        policy.register_nouns()
        hide_with(hiding.hidden_from)
        queryables.register_queryables()
        for forget in (services.forget_sign_in_failures, services.forget_expired_tokens):
            ticks.register(ticks.Tick(name=f"access.{forget.__name__}", every=timedelta(minutes=10), run=forget))
