"""Which events of the log concern which objects: what the definitions in use listen to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.core.types import Feature
from apps.events.models import Event
from apps.events.rules import feature_of_object
from apps.filters.registry import queryables_of
from apps.lifecycle.models import Stateful
from apps.lifecycle.registry import Lifecycle, event_feature, event_predicate, followed, lifecycle, predicate
from apps.lifecycle.types import EventRule, Move


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One event, the objects of a noun that it may concern, and the object that it is about, as it says."""

    event: Event
    object_ids: tuple[UUID, ...]
    feature: Feature | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """What the definitions in use listen to, by noun: events by type, and whether any has conditions.

    ``answers`` are the types of events by which services answer.
    """

    rules: Mapping[str, Mapping[str, frozenset[tuple[str, str]]]]
    with_conditions: frozenset[str]
    answers: frozenset[str] = frozenset()

    @property
    def types(self) -> frozenset[str]:
        """Return the types of events that some move or call waits for."""
        return self.answers | {type_ for by_type in self.rules.values() for type_ in by_type}

    @property
    def words(self) -> frozenset[str]:
        """Return what the nouns with conditions are called in the types of their own events."""
        return frozenset(lifecycle(noun).word for noun in self.with_conditions)

    @property
    def nouns(self) -> tuple[str, ...]:
        """Return the nouns that listen to anything, sorted: the order in which they are worked on."""
        return tuple(sorted({*self.rules, *self.with_conditions}))

    def is_meant(self, move: Move, row: Stateful, heard: Heard) -> bool:
        """Say whether the event is the one that a move waits for, about this object."""
        rule = move.event
        if rule is None or rule.type != heard.event.type:
            return False
        ours = predicate_value(row, rule.ours)
        if ours is None or str(ours) != str(said(heard.event, rule.theirs)):
            return False
        return rule.match is None or event_predicate(rule.type, rule.match)(event_feature(heard.event)) is True

    def is_met(self, noun: str, move: Move, feature: Feature) -> bool:
        """Say whether a move's condition is true of an object."""
        return move.condition is not None and predicate(noun, move.condition.when)(feature) is True


def listen() -> Ears:
    """Return what every definition that some object may follow listens to."""
    rules: defaultdict[str, defaultdict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    with_conditions, answers = set(), set()
    for definition in followed():
        for move in definition.moves.values():
            answers |= {each.params["event"]["type"] for each in move.effects if "event" in each.params}
            if move.event:
                rules[definition.noun][move.event.type].add((move.event.ours, move.event.theirs))
            if move.condition:
                with_conditions.add(definition.noun)
    return Ears(
        rules={noun: {type_: frozenset(ways) for type_, ways in by_type.items()} for noun, by_type in rules.items()},
        with_conditions=frozenset(with_conditions),
        answers=frozenset(answers),
    )


def hear(ears: Ears, noun: str, events: Sequence[Event]) -> list[Heard]:
    """Return what a noun hears in a batch, in its order; a few statements, however many events there are."""
    about = lifecycle(noun)
    rules = ears.rules.get(noun, {})
    own = f"watchfloor.{about.word}." if noun in ears.with_conditions else ""
    found = _objects(about, rules, events)
    heard = []
    for event in events:
        is_own = bool(own) and event.type.startswith(own) and event.noun == noun
        ids = {each for way in rules.get(event.type, ()) for each in found.get((way, str(said(event, way[1]))), ())}
        ids |= {event.object_id} if is_own else set()
        if ids:
            heard.append(Heard(event=event, object_ids=tuple(sorted(ids)), feature=_told(event)))
    return heard


def said(event: Event, path: str) -> object:
    """Return what an event says at a path into its object: ``id``, ``asset_id``, ``geometry``; ``None`` for nothing."""
    if path == "id":
        return event.object_id
    value: Any = _object(event)
    if value is not None and path not in value:
        value = event.data.get("sent") if event.source is not None else value.get("properties")
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def predicate_value(row: Stateful, name: str) -> object:
    """Return what a row has where a queryable of its noun looks it up."""
    return row.pk if name == "id" else getattr(row, name, None)


def _objects(
    about: Lifecycle, rules: Mapping[str, Iterable[tuple[str, str]]], events: Sequence[Event]
) -> dict[tuple[tuple[str, str], str], list[UUID]]:
    """Return which objects each way of matching leads to, from the value that stands in the event."""
    wanted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events:
        for way in rules.get(event.type, ()):
            value = said(event, way[1])
            if value is not None:
                wanted[way].add(str(value))
    found: defaultdict[tuple[tuple[str, str], str], list[UUID]] = defaultdict(list)
    for (ours, theirs), values in wanted.items():
        lookup = str(queryables_of(about.noun).by_name[ours].lookup)
        usable = [value for value in values if lookup != "id" or is_uuid(value)]
        rows = about.model._default_manager.filter(~Q(lifecycle_key=""), **{f"{lookup}__in": usable})
        for pk, value in rows.values_list("pk", lookup):
            found[(ours, theirs), str(value)].append(pk)
    return dict(found)


def is_uuid(text: str) -> bool:
    """Say whether a text can be an id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _object(event: Event) -> Mapping[str, Any] | None:
    told = event.data.get("object") or event.data.get("previous")
    return told if isinstance(told, Mapping) else None


def _told(event: Event) -> Feature | None:
    told = event.data.get("object")
    return feature_of_object(told) if isinstance(told, Mapping) else None


__all__ = ["Ears", "EventRule", "Heard", "hear", "is_uuid", "listen", "said"]
