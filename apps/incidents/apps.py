"""Registers incidents with access, the event log, the lifecycle engine and the clock."""

from __future__ import annotations

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """Rules and incidents."""

    name = "apps.incidents"
    label = "incidents"
