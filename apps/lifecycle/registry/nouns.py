"""Which nouns have lifecycles, and what the engine must know of each. Filled from their ``ready()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from django.db import models
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

# An instant of a row, by what follows its name: ``eta`` of ``attributes.eta``.
InstantOf: TypeAlias = Callable[[Any, str], datetime | None]
# What changes with every change, or is written by the database.
UNTIMED: Final = frozenset({"changed_at", "recorded_at", "state_since"})


def _keep_nothing(_rows: Sequence[Any], _actor: Actor, _at: datetime) -> None:
    """Keep nothing beside the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """One noun whose objects may follow definitions.

    ``word`` is the noun in the singular, as it stands in event types. ``key`` is the definition that objects follow
    when nothing chooses another, ``None`` where they then follow none. ``stamps`` are the columns that a definition
    may stamp, ``fields`` those that it may set. ``conflicts`` translates a constraint of the noun's table that a move
    can break into an error for a person. ``whole`` returns all rows with what ``feature`` reads beside the row itself.
    ``instants`` are what timers may be computed from beside its columns of time (``valid_to``), called with the row and
    what follows the name: a noun whose service changes such a thing calls ``services.plan_timers``.
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
    instants: Mapping[str, InstantOf] = field(default_factory=dict)

    def clock_fields(self, kind: type[models.Field[Any, Any]]) -> list[str]:
        """Return the columns of a kind (durations, instants) that timers may be computed from, and ``instants``."""
        columns = [each.name for each in self.model._meta.concrete_fields if isinstance(each, kind)]
        named = self.instants if kind is models.DateTimeField else ()
        return [*(each for each in columns if each not in UNTIMED), *named]

    def clock_value(self, row: Stateful, name: str) -> object:
        """Return what a row has under such a name: an instant, a duration, or ``None`` for never."""
        head, _, rest = name.partition(".")
        return self.instants[head](row, rest) if head in self.instants else getattr(row, name)

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
