"""Which nouns have lifecycles, and what the engine must know of each. Filled from their ``ready()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from django.db.models import QuerySet

from apps.access.types import Actor
from apps.core.types import Feature, WatchfloorError
from apps.lifecycle.models import Stateful
from apps.lifecycle.registry.definitions import check_against_code, read_shipped, ship
from apps.lifecycle.types import Settable

# A guard returns why the move is not possible now, for a person to read; None when it is.
Guard: TypeAlias = Callable[[Any], str | None]
# Keeps what a noun keeps of every change of its rows, in the transaction of their moves.
Keep: TypeAlias = Callable[[Sequence[Any], Actor, datetime], None]


def _keep_nothing(_rows: Sequence[Any], _actor: Actor, _at: datetime) -> None:
    """Keep nothing beside the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """One noun whose objects may follow definitions.

    ``word`` is the noun in the singular, as it stands in event types. ``key`` is the definition that objects follow
    when nothing chooses another, ``None`` where they then follow none. ``stamps`` are the columns that a definition
    may stamp, ``fields`` those that it may set. ``conflicts`` translates a constraint of the noun's table that a move
    can break into an error for a person. ``whole`` returns all rows with what ``feature`` reads beside the row itself.
    ``chosen_by`` is the lookup from an object to the key that its kind names for new ones, where kinds do.
    """

    noun: str
    word: str
    model: type[Stateful]
    feature: Callable[[Any], Feature]
    key: str | None = None
    stamps: tuple[str, ...] = ()
    fields: Mapping[str, Settable] = field(default_factory=dict)
    guards: Mapping[str, Guard] = field(default_factory=dict)
    conflicts: Mapping[str, Callable[[], WatchfloorError]] = field(default_factory=dict)
    keep: Keep = _keep_nothing
    whole: Callable[[], QuerySet[Any]] | None = None
    chosen_by: str | None = None

    def rows(self) -> QuerySet[Any]:
        """Return all rows of the noun with what their features read."""
        return self.whole() if self.whole else self.model._default_manager.all()

    def event_type(self, what: str) -> str:
        """Return the type of this noun's events: ``watchfloor.incident.transitioned.v1``."""
        return f"watchfloor.{self.word}.{what}.v1"


_lifecycles: dict[str, Lifecycle] = {}


def register(lifecycle: Lifecycle, *, definitions: Path | None = None) -> None:
    """Give a noun its lifecycles, with the versions in a folder; raises ``DefinitionError`` for one that is wrong."""
    found = read_shipped(lifecycle.noun, definitions) if definitions else ()
    for each in found:
        check_against_code(each, lifecycle.model, lifecycle.guards)
    ship(lifecycle.noun, found)
    _lifecycles[lifecycle.noun] = lifecycle


def find_lifecycle(noun: str) -> Lifecycle | None:
    """Return a noun's entry, if it has lifecycles."""
    return _lifecycles.get(noun)


def lifecycle(noun: str) -> Lifecycle:
    """Return a noun's entry; raises ``LookupError``."""
    try:
        return _lifecycles[noun]
    except KeyError:
        raise LookupError(f"«{noun}» has no lifecycle.") from None


def lifecycle_of(instance: Stateful) -> Lifecycle:
    """Return the entry of a row's noun; raises ``LookupError``."""
    for each in _lifecycles.values():
        if isinstance(instance, each.model):
            return each
    raise LookupError(f"{type(instance).__name__} has no lifecycle.")


def all_lifecycles() -> tuple[Lifecycle, ...]:
    """Return every registered noun with lifecycles, by noun."""
    return tuple(_lifecycles[noun] for noun in sorted(_lifecycles))
