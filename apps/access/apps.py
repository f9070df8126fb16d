"""Registers access's own nouns with access, and its one piece of clockwork."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People, organisations, roles, grants and keys."""

    name = "apps.access"
    label = "access"
    verbose_name = "People and access"

    def ready(self) -> None:
        """Register the nouns that access itself protects, and let the clock forget old attempts to sign in."""
        from apps.access import policy, services  # noqa: PLC0415 - models are ready only now
        from apps.core import ticks  # noqa: PLC0415

        policy.register_nouns()
        forget = services.forget_sign_in_failures
        ticks.register(ticks.Tick(name="access.forget_sign_in_failures", every=timedelta(minutes=10), run=forget))
