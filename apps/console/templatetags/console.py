"""How templates of the console write durations."""

from __future__ import annotations

from datetime import timedelta

from django import template

register = template.Library()


@register.filter
def duration(value: timedelta | None) -> str:
    """Return a duration in the two largest units that matter: ``42 s``, ``3 min 05 s``, ``2 h 10 min``, ``4 d``."""
    if value is None:
        return "\N{EN DASH}"
    seconds = max(0, int(value.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} d"


@register.filter
def remaining(value: timedelta) -> str:
    """Return how long something lasts, or how far it is beyond its end, roughly: ``3 min left``, ``42 s over``."""
    says, _, _ = duration(abs(value)).partition(" min ")
    minutes = " min" if says.isdigit() else ""
    return f"{says}{minutes} {'left' if value >= timedelta(0) else 'over'}"
