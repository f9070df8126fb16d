"""Which nouns have a lifecycle, and what the engine must know of each. Filled from their ``ready()``.

Definitions are files, ``lifecycles/<noun>.v<n>.yaml``. A published version is never edited: objects stay pinned
to theirs, and new objects take the highest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from apps.core.types import Feature, WatchfloorError
from apps.lifecycle.models import Stateful
from apps.lifecycle.rules import parse_definition, stamp_fields, timer_fields
from apps.lifecycle.types import Definition, DefinitionError, Move, Owed

# A guard returns why the move is not possible now, for a person to read; None when it is.
Guard = Callable[[Any], str | None]
# Performs one effect at an instant.
Perform = Callable[[Owed, datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """One noun and its definitions.

    ``word`` is the noun in the singular, as it stands in event types. ``conflicts`` translates a constraint of the
    noun's table that a move can break into an error for a person.
    """

    noun: str
    word: str
    model: type[Stateful]
    definitions: Mapping[int, Definition]
    feature: Callable[[Any], Feature]
    guards: Mapping[str, Guard] = field(default_factory=dict)
    conflicts: Mapping[str, Callable[[], WatchfloorError]] = field(default_factory=dict)

    @property
    def current(self) -> Definition:
        """Return the definition that new objects follow."""
        return self.definitions[max(self.definitions)]

    @property
    def stamps(self) -> tuple[str, ...]:
        """Return every column that some version stamps, sorted."""
        return tuple(sorted({name for each in self.definitions.values() for name in stamp_fields(each)}))

    def event_type(self, what: str) -> str:
        """Return the type of this noun's events: ``watchfloor.incident.transitioned.v1``."""
        return f"watchfloor.{self.word}.{what}.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectKind:
    """A kind of effect, owned by the app that registered it.

    ``perform`` runs in the transaction that marks the effect done, so what it writes happens once. It may be tried
    many times; an exception undoes its writes and is kept as the error. It never leaves the process: what must call
    somebody writes down that it must. ``schema`` is the JSON Schema of its parameters; ``check`` yields what is wrong
    with them that a schema cannot say.
    """

    name: str
    perform: Perform
    schema: Mapping[str, Any]
    check: Callable[[Mapping[str, Any], Move, Definition], Iterable[str]] = lambda _params, _move, _definition: ()


_lifecycles: dict[str, Lifecycle] = {}
_effects: dict[str, EffectKind] = {}


def register(
    noun: str,
    *,
    word: str,
    model: type[Stateful],
    definitions: Path,
    feature: Callable[[Any], Feature],
    guards: Mapping[str, Guard] | None = None,
    conflicts: Mapping[str, Callable[[], WatchfloorError]] | None = None,
) -> None:
    """Give a noun its lifecycle. Reads and checks every version; raises ``DefinitionError``."""
    lifecycle = Lifecycle(
        noun=noun,
        word=word,
        model=model,
        definitions=read_definitions(noun, definitions),
        feature=feature,
        guards=guards or {},
        conflicts=conflicts or {},
    )
    for definition in lifecycle.definitions.values():
        _check_against_code(lifecycle, definition)
    _lifecycles[noun] = lifecycle


def register_effect(
    name: str,
    perform: Perform,
    *,
    schema: Mapping[str, Any],
    check: Callable[[Mapping[str, Any], Move, Definition], Iterable[str]] | None = None,
) -> None:
    """Let definitions name a kind of effect; the same name again replaces it."""
    kind = EffectKind(name=name, perform=perform, schema=schema)
    _effects[name] = replace(kind, check=check) if check else kind


def effect_kind(name: str) -> EffectKind:
    """Return a kind of effect; raises ``LookupError``."""
    try:
        return _effects[name]
    except KeyError:
        raise LookupError(f"Nobody performs «{name}».") from None


def effect_kinds() -> tuple[str, ...]:
    """Return the names of all kinds of effects, sorted."""
    return tuple(sorted(_effects))


def lifecycle(noun: str) -> Lifecycle:
    """Return a noun's lifecycle; raises ``LookupError``."""
    try:
        return _lifecycles[noun]
    except KeyError:
        raise LookupError(f"«{noun}» has no lifecycle.") from None


def lifecycle_of(instance: Stateful) -> Lifecycle:
    """Return the lifecycle that a row follows; raises ``LookupError``."""
    for each in _lifecycles.values():
        if isinstance(instance, each.model):
            return each
    raise LookupError(f"{type(instance).__name__} has no lifecycle.")


def definition_of(instance: Stateful) -> Definition:
    """Return the definition that a row is pinned to."""
    return lifecycle_of(instance).definitions[instance.lifecycle_version]


def all_lifecycles() -> tuple[Lifecycle, ...]:
    """Return every registered lifecycle, by noun."""
    return tuple(_lifecycles[noun] for noun in sorted(_lifecycles))


def read_definitions(noun: str, folder: Path) -> dict[int, Definition]:
    """Return every version of a noun's definition in a folder; the file's name must say what is in it."""
    found: dict[int, Definition] = {}
    for path in sorted(folder.glob(f"{noun}.v*.yaml")):
        definition = parse_definition(yaml.safe_load(path.read_text(encoding="utf-8")), source=path.name)
        if path.name != f"{definition.noun}.v{definition.version}.yaml":
            raise DefinitionError(f"{path.name}: it says that it is {definition.noun} version {definition.version}.")
        found[definition.version] = definition
    if not found:
        raise DefinitionError(f"There is no definition of «{noun}» in {folder.name}.")
    return found


def _check_against_code(lifecycle: Lifecycle, definition: Definition) -> None:
    place = f"{definition.noun}.v{definition.version}"
    columns = {each.name for each in lifecycle.model._meta.get_fields()}
    if missing := (stamp_fields(definition) | timer_fields(definition)) - columns:
        raise DefinitionError(f"{place}: {lifecycle.model.__name__} has no {', '.join(sorted(missing))}.")
    guards = {move.guard for move in definition.moves.values() if move.guard}
    if unknown := guards - set(lifecycle.guards):
        raise DefinitionError(f"{place}: no guard is called {', '.join(sorted(unknown))}.")
