"""CQL2 filters."""

from __future__ import annotations

from django.apps import AppConfig


class FiltersConfig(AppConfig):
    """The filter language: one expression for lists, feed, policies."""

    name = "apps.filters"
    label = "filters"
