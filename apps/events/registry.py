"""What the log knows of other apps: the types of events and the topics. Filled from their ``ready()``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from apps.core.types import Feature
from apps.events.rules import feature_of_object

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A kind of event: its JSON Schema (2020-12) and example are of ``data``, which is what readers get."""

    type: str
    description: str
    schema: Mapping[str, object]
    example: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """The public representation of a noun: what can be subscribed to, listed and replayed.

    ``view_action`` decides who may see an object of it, and its events. ``features`` turns a queryset of
    ``queryset()`` into the same features that events carry; ``bbox_lookup`` is the queryset's geometry lookup
    (``area__intersects``), ``None`` for what has no place.

    What moves without events has a ``past``: where each object was last before an instant of its own, with
    ``moved_at``, the column of when it moved last. What has none was as the log says.
    """

    name: str
    noun: str
    view_action: str
    queryset: Callable[[], QuerySet[Any]]
    features: Callable[[QuerySet[Any]], Iterator[Feature]]
    bbox_lookup: str | None = None
    event_feature: Callable[[Mapping[str, Any]], Feature] = feature_of_object
    past: Callable[[Mapping[UUID, datetime]], Mapping[UUID, Feature]] | None = None
    moved_at: str = ""


class Registry(Generic[T]):
    """Things by name. Registering the same name again replaces it, so that a reloaded app does no harm."""

    def __init__(self, kind: str, name: Callable[[T], str]) -> None:
        self._kind = kind
        self._name = name
        self._things: dict[str, T] = {}

    def register(self, thing: T) -> None:
        """Add one thing."""
        self._things[self._name(thing)] = thing

    def get(self, name: str) -> T:
        """Return the thing of that name; raises ``LookupError``, since only code names them."""
        try:
            return self._things[name]
        except KeyError:
            raise LookupError(f"No {self._kind} is registered as «{name}».") from None

    def find(self, name: str) -> T | None:
        """Return the thing of that name, if there is one."""
        return self._things.get(name)

    def all(self) -> tuple[T, ...]:
        """Return everything, sorted by name."""
        return tuple(self._things[name] for name in sorted(self._things))


event_types: Registry[EventType] = Registry("event type", lambda event_type: event_type.type)
topics: Registry[Topic] = Registry("topic", lambda topic: topic.name)


def register_type(event_type: EventType) -> None:
    """Let events of this type be published."""
    event_types.register(event_type)


def view_action(noun: str) -> str:
    """Return the action that somebody must be allowed to do to an object of the noun to see its events."""
    topic = topics.find(noun)
    return topic.view_action if topic else f"{noun}.view"
