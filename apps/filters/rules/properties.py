"""A property of a feature as filters compare it: the way to it found once, the type of what lies there checked."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

import shapely
from shapely.geometry.base import BaseGeometry

from apps.core.types import Feature
from apps.filters.rules import times
from apps.filters.types import FilterError, Property, Queryable, Read, Type


def read_property(node: Property) -> Callable[[Feature], Any]:
    """Return the function that reads the property; ``None`` is null, and what is of another type in an open object."""
    source = source_of(node.queryable)
    if node.member is not None:
        return _member(source, node.member, node.type)
    convert = _CONVERT.get(node.type)
    return source if convert is None else _converted(source, convert)


def source_of(queryable: Queryable) -> Read:
    """Return the function that takes the property out of a feature, as it lies there."""
    if queryable.read is None:
        detail = f"{queryable.name} can be asked of lists only: what is told live does not have it."
        raise FilterError(detail, code="not_live")
    if callable(queryable.read):
        return queryable.read
    head, dot, rest = (queryable.read or f"properties.{queryable.name}").partition(".")
    if not dot:
        return operator.attrgetter(head)
    if head != "properties":
        raise LookupError(f"A feature has no {queryable.read}.")

    def read(feature: Feature) -> object:
        return feature.properties.get(rest)

    return read


def _converted(source: Read, convert: Callable[[Any], Any]) -> Read:
    def read(feature: Feature) -> object:
        value = source(feature)
        return None if value is None else convert(value)

    return read


def _member(source: Read, member: str, of: Type) -> Read:
    is_wanted = _IS_OF[of]

    def read(feature: Feature) -> object:
        whole = source(feature)
        value = whole.get(member) if isinstance(whole, Mapping) else None
        if not is_wanted(value):
            return None
        return float(value) if of is Type.NUMBER and value is not None else value

    return read


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tick(value: Any) -> int:
    return times.tick(value) if isinstance(value, datetime) else times.tick_of_text(value)


def _ends(value: Any) -> times.Ends:
    start, end = value
    return (times.EARLIEST if start is None else _tick(start), times.LATEST if end is None else _tick(end))


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


class _LastShape:
    """The geometry that was made last: one feature is judged by many filters in a row."""

    kept: tuple[object, BaseGeometry] | None = None


def shape_of(value: Any) -> BaseGeometry:
    """Return a geometry as shapely's: of GeoJSON, or as it is."""
    if isinstance(value, BaseGeometry):
        return value
    kept = _LastShape.kept
    if kept is not None and kept[0] is value:
        return kept[1]
    coordinates = value["coordinates"]
    made = shapely.Point(coordinates[:2]) if value["type"] == "Point" else shapely.geometry.shape(value)
    _LastShape.kept = value, made
    return made


_CONVERT: Final[Mapping[Type, Callable[[Any], Any]]] = {
    Type.NUMBER: float,
    Type.INTEGER: float,
    Type.INSTANT: _tick,
    Type.DATE: _day,
    Type.INTERVAL: _ends,
    Type.GEOMETRY: shape_of,
    Type.STRING_ARRAY: frozenset,
    Type.UUID: str,
}
_IS_OF: Final[Mapping[Type, Callable[[object], bool]]] = {
    Type.STRING: lambda value: isinstance(value, str),
    Type.NUMBER: _is_number,
    Type.BOOLEAN: lambda value: isinstance(value, bool),
    Type.ANY: lambda value: value is not None,
}
