"""Everything that must be true of a definition before it is published, with what the apps here know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema
from django.db import models

from apps.access.registry import all_actions
from apps.core.types import FieldError
from apps.filters.queries import compile_predicate, parse
from apps.filters.registry import queryables_of
from apps.filters.types import FilterError, Queryables, Type
from apps.lifecycle.registry import (
    Lifecycle,
    effect_kinds,
    event_queryables,
    find_effect_kind,
    find_lifecycle,
    keys_of,
)
from apps.lifecycle.rules.checking import mistakes
from apps.lifecycle.rules.reading import Path, read_definition
from apps.lifecycle.types import Definition, Mistake, Move

Fault = tuple[Path, str, str]
KEYS: Final = (Type.UUID, Type.STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """A text that was looked at: the definition where its form is right, and all that is wrong."""

    definition: Definition | None
    mistakes: tuple[Mistake, ...]


def validate(text: str, *, number: int, key: str | None = None) -> Validated:
    """Return what a text describes as the version of that number, and everything that is wrong with it."""
    reading = read_definition(text, version=number)
    definition = reading.definition
    if definition is None:
        return Validated(definition=None, mistakes=reading.mistakes)
    trees: dict[tuple[str, str], Any] = {}
    faults = [*_key_faults(definition, key), *_faults(definition, trees)]
    found = {reading.marks.mistake(path, detail, code=code) for path, code, detail in faults}
    lifecycle = find_lifecycle(definition.noun)
    own = f"watchfloor.{lifecycle.word}." if lifecycle else ""
    found.update(mistakes(definition, reading.marks, trees, own=own))
    ordered = sorted(found, key=lambda mistake: (mistake.line, mistake.column, mistake.detail))
    return Validated(definition=definition, mistakes=tuple(ordered))


def key_errors(noun: str, key: str, pointer: str = "/lifecycle") -> Iterator[FieldError]:
    """Yield what is wrong with naming a key as what objects of a noun are to follow; an empty one is none."""
    if key and key not in keys_of(noun):
        detail = f"No lifecycle of {noun} that is published is called «{key}»."
        yield FieldError(pointer=pointer, code="unknown_lifecycle", detail=detail)


def _key_faults(definition: Definition, key: str | None) -> Iterator[Fault]:
    if key is not None and definition.key != key:
        yield ("key",), "key", f"This is a version of «{key}»."


def _faults(definition: Definition, trees: dict[tuple[str, str], Any]) -> Iterator[Fault]:
    lifecycle = find_lifecycle(definition.noun)
    if lifecycle is None:
        yield ("noun",), "unknown_noun", f"«{definition.noun}» cannot follow a lifecycle."
        return
    for state in definition.states.values():
        if state.stamps and state.stamps not in lifecycle.stamps:
            yield ("states", state.name, "stamps"), "unknown_stamp", _one_of(state.stamps, lifecycle.stamps)
    for move in definition.moves.values():
        path = ("transitions", move.name)
        yield from _hand_faults(lifecycle, move, path)
        yield from _timer_faults(lifecycle, move, path)
        yield from _filter_faults(lifecycle, move, path, trees)
        yield from _event_faults(lifecycle, move, path, trees)
        yield from _set_faults(lifecycle, move, path)
        yield from _effect_faults(definition, move, path)


def _one_of(name: str, known: object) -> str:
    names = ", ".join(sorted(map(str, known)))  # type: ignore[call-overload]  # any collection of names
    return f"There is no «{name}»; there is {names}." if names else f"There is no «{name}»."


def _hand_faults(lifecycle: Lifecycle, move: Move, path: Path) -> Iterator[Fault]:
    if move.action is not None and (move.action not in all_actions() or not _is_about(move.action, lifecycle.noun)):
        known = [action for action in all_actions() if _is_about(action, lifecycle.noun)]
        yield (*path, "action"), "unknown_action", _one_of(move.action, known)
    if move.guard is not None and move.guard not in lifecycle.guards:
        yield (*path, "guard"), "unknown_guard", _one_of(move.guard, lifecycle.guards)


def _is_about(action: str, noun: str) -> bool:
    return action.partition(".")[0] == noun


def _timer_faults(lifecycle: Lifecycle, move: Move, path: Path) -> Iterator[Fault]:
    if move.timer is None:
        return
    for name, value, kind in (
        ("field", move.timer.field, models.DurationField),
        ("at", move.timer.at, models.DateTimeField),
    ):
        known = lifecycle.clock_fields(kind)
        if value is not None and value.partition(".")[0] not in known:
            yield (*path, "timer", name), "unknown_field", _one_of(value, known)


def _filter_faults(lifecycle: Lifecycle, move: Move, path: Path, trees: dict[tuple[str, str], Any]) -> Iterator[Fault]:
    """Yield what is wrong with the filters over the object, and keep the trees of those that can be read."""
    asked = queryables_of(lifecycle.noun)
    if move.requires is not None:
        yield from _read(move.requires, asked, (*path, "if"), (move.name, "if"), trees)
    if move.condition is not None:
        place = (*path, "condition", "when")
        yield from _read(move.condition.when, asked, place, (move.name, "when"), trees)
        found = trees.get((move.name, "when"))
        if found is not None and '"now"' in str(found).replace("'", '"'):
            yield place, "clock", "A condition is looked at when the object changes, so it cannot ask for now()."


def _read(
    text: str, asked: Queryables, path: Path, name: tuple[str, str], trees: dict[tuple[str, str], Any]
) -> Iterator[Fault]:
    try:
        found = parse(text, queryables=asked)
        compile_predicate(found)
    except FilterError as error:
        yield path, error.errors[0].code, error.errors[0].detail
    else:
        trees[name] = found.json


def _event_faults(lifecycle: Lifecycle, move: Move, path: Path, trees: dict[tuple[str, str], Any]) -> Iterator[Fault]:
    rule = move.event
    if rule is None:
        return
    try:
        asked = event_queryables(rule.type)
    except LookupError:
        yield (*path, "event", "type"), "unknown_event", f"There are no events of the type «{rule.type}»."
        return
    if rule.match is not None:
        yield from _read(rule.match, asked, (*path, "event", "match"), (move.name, "match"), trees)
    yield from _where_faults(lifecycle, move, path, asked)


def _where_faults(lifecycle: Lifecycle, move: Move, path: Path, asked: Queryables) -> Iterator[Fault]:
    rule, place = move.event, (*path, "event", "where")
    if rule is None:
        return
    known = [name for name, each in joinable(lifecycle).items() if each]
    if rule.ours not in known:
        yield place, "unknown_property", _one_of(rule.ours, known)
    if asked.find(rule.theirs) is None:
        yield place, "unknown_property", _one_of(rule.theirs, asked.names)


def joinable(lifecycle: Lifecycle) -> Mapping[str, bool]:
    """Return the queryables of a noun by which an event may name its objects: columns of its own with ids or texts."""
    columns = {each.attname for each in lifecycle.model._meta.concrete_fields}
    return {
        name: each.type in KEYS and isinstance(each.lookup, str) and each.lookup == name and name in columns
        for name, each in queryables_of(lifecycle.noun).by_name.items()
    }


def _set_faults(lifecycle: Lifecycle, move: Move, path: Path) -> Iterator[Fault]:
    for each in move.sets:
        place = (*path, "effects", each.place)
        settable = lifecycle.fields.get(each.field)
        if settable is None:
            yield (*place, "field"), "unknown_field", _one_of(each.field, lifecycle.fields)
        elif each.answer is None:
            for error in jsonschema.Draft202012Validator(settable.schema).iter_errors(each.value):
                yield (*place, "value"), "wrong_value", f"{error.message[:200]}."


def _effect_faults(definition: Definition, move: Move, path: Path) -> Iterator[Fault]:
    for effect in move.effects:
        place = (*path, "effects", effect.place)
        kind = find_effect_kind(effect.kind)
        if kind is None:
            yield (*place, "kind"), "unknown_effect", _one_of(effect.kind, [*effect_kinds(), "set-field"])
            continue
        for error in jsonschema.Draft202012Validator(kind.schema).iter_errors(effect.params):
            yield (*place, *error.absolute_path), "wrong_parameter", f"{error.message[:200]}."
        for detail in kind.check(effect.params, move, definition):
            yield place, "wrong_parameter", detail
