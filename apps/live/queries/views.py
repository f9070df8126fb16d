"""Views: what a subscription shows, apart from who is looking, in SQL and in Python."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.contrib.gis.geos import Polygon
from django.db.models import Q, QuerySet

from apps.access.types import Actor
from apps.core.types import BBox, Feature
from apps.events.registry import Topic
from apps.filters.queries import compile_predicate, compile_sql, parse, require_askable
from apps.filters.registry import queryables_for, queryables_of
from apps.filters.types import Filter, FilterError
from apps.filters.types import Predicate as Decide
from apps.live.rules.boxes import boxes_of, touches
from apps.live.types import View


def read_filter(source: str | Mapping[str, Any] | bool | None, topic: Topic) -> Filter | None:  # noqa: FBT001
    """Return a subscription's filter; raises ``FilterError`` for one that cannot be, or cannot be followed.

    What may change its answer without an event cannot: the clock, and what the topic's features do not show. What is
    hidden from the reader is refused with the snapshot, since it may change while the subscription lives.
    """
    if source is None:
        return None
    try:
        found = parse(source, queryables=queryables_of(topic.noun))
    except LookupError:
        raise FilterError(f"The topic {topic.name} cannot be filtered.", code="not_live") from None
    if found.uses_clock:
        raise FilterError("now() cannot be followed: time passes without an event.", code="not_live")
    _predicate_of(found)
    return found


def require_view(found: Filter | None, actor: Actor) -> None:
    """Raise for a filter that asks about what is hidden from the actor, as if there were no such thing."""
    if found is not None:
        require_askable(found, queryables_for(actor, found.noun))


@lru_cache(maxsize=1_024)
def _predicate_of(found: Filter) -> Decide:
    return compile_predicate(found)


def is_wanted(feature: Feature, found: Filter | None) -> bool:
    """Say whether a filter lets a feature through."""
    return found is None or _predicate_of(found)(feature) is True


def narrowed(topic: Topic, view: View) -> QuerySet:  # type: ignore[type-arg]  # a topic is of any model
    """Return the topic's rows near the view. A superset: the last word has ``is_in_view``, as with events."""
    rows, bbox = topic.queryset(), view.bbox
    if view.filter is not None:
        rows = rows.filter(compile_sql(view.filter))
    if bbox is None or topic.bbox_lookup is None:
        return rows
    column = topic.bbox_lookup.rpartition("__")[0] or topic.bbox_lookup
    near = [Q(**{f"{column}__bboverlaps": area}) for area in _areas(bbox)]
    return rows.filter(functools.reduce(operator.or_, near))


def is_in_view(feature: Feature, view: View) -> bool:
    """Say whether a feature lies in the view's box and passes its filter."""
    is_in_box = view.bbox is None or touches(boxes_of(feature.geometry), view.bbox)
    return is_in_box and is_wanted(feature, view.filter)


def _areas(bbox: BBox) -> list[Polygon]:
    """Return the box as one polygon, or two when it crosses the antimeridian."""
    west, south, east, north = bbox.west, bbox.south, bbox.east, bbox.north
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return [Polygon.from_bbox((left, south, right, north)) for left, right in spans]
