"""What may be asked about which noun: filled by every app from ``ready()``, so that filters knows no noun by name."""

from __future__ import annotations

from apps.filters.types import Queryables

_queryables: dict[str, Queryables] = {}


def register(queryables: Queryables) -> None:
    """Let a noun be filtered; the same noun again replaces it."""
    _queryables[queryables.noun] = queryables


def queryables_of(noun: str) -> Queryables:
    """Return what may be asked about a noun; raises ``LookupError`` for one that nobody registered."""
    return _queryables[noun]


def all_queryables() -> tuple[Queryables, ...]:
    """Return every entry, sorted by noun."""
    return tuple(_queryables[noun] for noun in sorted(_queryables))
