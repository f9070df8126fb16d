"""Registers access's own nouns with access."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People, organisations, roles, grants and keys."""

    name = "apps.access"
    label = "access"
    verbose_name = "People and access"

    def ready(self) -> None:
        """Register the nouns that access itself protects."""
        from apps.access import policy  # noqa: PLC0415 - models are ready only now

        policy.register_nouns()
