"""What may be asked about which noun: filled by every app from ``ready()``, so that filters knows no noun by name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from apps.filters.types import Queryables

Hiding: TypeAlias = Callable[[object, str], Collection[str]]

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


class _Hiding:
    """What hides properties from a caller: nothing, until ``access`` says what."""

    hidden: Hiding = staticmethod(lambda _request, _noun: frozenset())


def hide_with(hiding: Hiding) -> None:
    """Let this say which queryables of a noun an asker may not ask about.

    The asker is a REST request or an actor of access; asked in threads that may read the database.
    """
    _Hiding.hidden = staticmethod(hiding)


def queryables_for(asker: object, noun: str) -> Queryables:
    """Return what somebody may ask about a noun: the sender of a request, or an actor."""
    return queryables_of(noun).without(_Hiding.hidden(asker, noun))
