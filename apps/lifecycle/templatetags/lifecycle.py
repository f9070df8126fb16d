"""The little that a diagram's template computes."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def minus_half(centre: float, length: float) -> str:
    """Return where something of a length begins whose middle is known."""
    return f"{centre - float(length) / 2:.0f}"


@register.filter
def at(counts: Mapping[str, int], name: str) -> int:
    """Return how many there are under a name; none where nothing is said."""
    return counts.get(name, 0)
