"""A checked tree as a function of a feature: true, false, or ``None`` where it is not known.

Everything that does not depend on the feature is done once, when the function is made: values bound, patterns taken
apart, geometries prepared. What a value is inside: text, float, bool; an instant is microseconds since 1970, an id its
text, an interval its two ends, an array a frozen set, a geometry shapely's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from apps.filters.rules import logic, numbers, patterns, shapes, times, words
from apps.filters.rules.folding import FOLDS
from apps.filters.rules.logic import Read
from apps.filters.rules.properties import read_property, shape_of, source_of
from apps.filters.types import Call, FilterError, Literal, Node, Predicate, Property, Type, Values, Variable

Clock: TypeAlias = Callable[[], datetime]


def predicate(root: Node, values: Values, clock: Clock) -> Predicate:
    """Return the decision of a tree; variables are bound now, ``now()`` is asked of the clock each time."""
    return _Builder(values, clock).build(root)


class _Builder:
    def __init__(self, values: Values, clock: Clock) -> None:
        self._values = values
        self._clock = clock

    def build(self, node: Node) -> Read:
        """Return the function that gives the node's value for a feature."""
        if isinstance(node, Property):
            return read_property(node)
        if isinstance(node, Call):
            return self.build(node.meaning) if node.meaning else self._call(node)
        constant = self._constant(node)
        return lambda _: constant

    def _constant(self, node: Node) -> Any:
        if isinstance(node, Literal):
            return inner_value(node.type, node.value)
        assert isinstance(node, Variable)  # noqa: S101 - all that is left
        return bound_value(node, self._values)

    def _call(self, node: Call) -> Read:
        op = node.op
        if op in logic.COMPARE:
            return self._comparison(op, *node.args)
        if op in words.SPATIAL:
            return self._spatial(op, *node.args)
        if op in words.TEMPORAL:
            return self._temporal(op, *node.args)
        if op in words.ARITHMETIC:
            left, right = map(self.build, node.args)
            return lambda feature: numbers.calculate(op, left(feature), right(feature))
        if op in words.ARRAYS:
            return logic.comparison(_ARRAYS[op], *map(self.build, node.args))
        if op in FOLDS:
            return _applied(FOLDS[op], self.build(node.args[0]))
        builder: Callable[..., Read] = getattr(self, f"_{_METHODS[op]}")
        return builder(*node.args)

    def _all_of(self, *args: Node) -> Read:
        return logic.all_of([self.build(each) for each in args])

    def _any_of(self, *args: Node) -> Read:
        return logic.any_of([self.build(each) for each in args])

    def _negation(self, arg: Node) -> Read:
        return logic.negation(self.build(arg))

    def _comparison(self, op: str, left: Node, right: Node) -> Read:
        if isinstance(right, Literal):
            return logic.comparison_with(logic.COMPARE[op], self.build(left), self._constant(right))
        return logic.comparison(logic.COMPARE[op], self.build(left), self.build(right))

    def _is_null(self, arg: Node) -> Read:
        value = self.build(arg)
        return lambda feature: value(feature) is None

    def _between(self, subject: Node, low: Node, high: Node) -> Read:
        return logic.all_of([self._comparison(">=", subject, low), self._comparison("<=", subject, high)])

    def _among(self, subject: Node, *items: Node) -> Read:
        if all(isinstance(each, Literal) for each in items):
            constants = frozenset(map(self._constant, items))
            return logic.comparison_with(lambda one, those: one in those, self.build(subject), constants)
        return logic.any_of([self._comparison("=", subject, each) for each in items])

    def _like(self, subject: Node, pattern: Node) -> Read:
        return _applied(pattern_of(pattern).matcher(), self.build(subject))

    def _array(self, *items: Node) -> Read:
        members = [self.build(each) for each in items]

        def gather(feature: Any) -> frozenset[object]:
            found = (member(feature) for member in members)
            # As in SQL, where null equals nothing, another null neither.
            return frozenset(object() if each is None else each for each in found)

        return gather

    def _interval(self, start: Node, end: Node) -> Read:
        first, last = self._end(start, times.EARLIEST), self._end(end, times.LATEST)
        return lambda feature: (first(feature), last(feature))

    def _end(self, node: Node, when_open: float) -> Read:
        if isinstance(node, Literal) and node.value == times.OPEN:
            return lambda _: when_open
        return self.build(node)

    def _instant(self, at: Node) -> Read:
        instant = self.build(at)

        def twice(feature: Any) -> tuple[Any, Any]:
            tick = instant(feature)
            return tick, tick

        return twice

    def _now(self) -> Read:
        return lambda _: times.tick(self._clock())

    def _temporal(self, op: str, left: Node, right: Node) -> Read:
        if op == "t_disjoint":
            return logic.negation(self._temporal("t_intersects", left, right))
        relation, one, other = times.RELATIONS[op], self.build(left), self.build(right)

        def decide(feature: Any) -> bool | None:
            first, second = one(feature), other(feature)
            return None if first is None or second is None else _related(relation, (*first, *second))

        return decide

    def _holds_at(self, validity: Node, at: Node) -> Read:
        def holds(ends: times.Ends, tick: times.Tick) -> bool:
            return ends[0] <= tick < ends[1]

        return logic.comparison(holds, self.build(validity), self.build(at))

    def _spatial(self, op: str, left: Node, right: Node) -> Read:
        if op == "s_intersects":
            # Both ways round the same, and by far the most asked.
            place, constant = (left, right) if isinstance(left, Property) else (right, left)
            if isinstance(place, Property) and isinstance(constant, Literal):
                return _meets(place, constant)
        if not isinstance(left, Property) and isinstance(right, Property):
            return self._with_shape(shapes.RELATIONS[op], left, self.build(right))
        if not isinstance(right, Property):
            return self._with_shape(shapes.CONVERSE[op], right, self.build(left))
        return logic.comparison(lambda a, b: bool(shapes.RELATIONS[op](a, b)), self.build(left), self.build(right))

    def _with_shape(self, relation: shapes.Planar, constant: Node, other: Read) -> Read:
        shape = self._constant(constant)
        if shape is None:
            return lambda _: None
        shapely.prepare(shape)

        def decide(feature: Any) -> bool | None:
            place = other(feature)
            return None if place is None else bool(relation(shape, place))

        return decide

    def _distance(self, left: Node, right: Node) -> Read:
        return logic.comparison(shapes.distance_m, self.build(left), self.build(right))  # type: ignore[arg-type]  # a number


_METHODS: Final = {
    "and": "all_of", "or": "any_of", "not": "negation", "isNull": "is_null", "between": "between", "in": "among",
    "like": "like", "array": "array", "interval": "interval", "instant": "instant", "now": "now",
    "holds_at": "holds_at", "distance_m": "distance",
}  # fmt: skip
_ARRAYS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "a_equals": lambda one, other: one == other,
    "a_contains": lambda one, other: one >= other,
    "a_containedby": lambda one, other: one <= other,
    "a_overlaps": lambda one, other: not one.isdisjoint(other),
}


def _meets(place: Property, constant: Literal) -> Read:
    """Return "shares a point with"; of points it is said without making a geometry, of boxes by comparing numbers."""
    raw, shape = source_of(place.queryable), constant.value
    box = shapes.box_of(constant.written)
    shapely.prepare(shape)

    def decide(feature: Any) -> bool | None:
        found: Any = raw(feature)
        if found is None:
            return None
        if type(found) is dict and found["type"] == "Point":
            lon, lat = found["coordinates"][:2]
            return box.contains(lon, lat) if box is not None else bool(shapely.intersects_xy(shape, lon, lat))
        return bool(shapely.intersects(shape, shape_of(found)))

    return decide


def pattern_of(node: Node) -> patterns.Pattern:
    """Return the pattern of a LIKE, with what is folded around it done."""
    if isinstance(node, Call):
        return pattern_of(node.args[0]).folded(FOLDS[node.op])
    assert isinstance(node, Literal)  # noqa: S101 - the checker lets nothing else through
    return patterns.read_pattern(node.value)


def bound_value(node: Variable, values: Values) -> Any:
    """Return the value of a variable as it is inside; ``None`` where nothing is bound."""
    value = values.get(node.name)
    if value is None:
        return None
    try:
        return inner_value(node.type, value)
    except (TypeError, ValueError, AttributeError) as error:
        raise FilterError(f"${{{node.name}}} is not what it should be.", code="variable") from error


def inner_value(of: Type, value: Any) -> Any:
    """Return a Python value as it is inside; raises what its conversion raises when it is of another type."""
    return None if value is None else _INNER[of](value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _ends(value: Any) -> times.Ends:
    start, end = value
    return (times.EARLIEST if start is None else times.tick(start), times.LATEST if end is None else times.tick(end))


def _shape(value: Any) -> BaseGeometry:
    if not isinstance(value, BaseGeometry):
        raise TypeError
    return value


def _day(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError
    return value


_INNER: Final[Mapping[Type, Callable[[Any], Any]]] = {
    Type.STRING: _text,
    Type.NUMBER: _number,
    Type.INTEGER: _number,
    Type.BOOLEAN: _flag,
    Type.INSTANT: times.tick,
    Type.DATE: _day,
    Type.INTERVAL: _ends,
    Type.GEOMETRY: _shape,
    Type.STRING_ARRAY: lambda value: frozenset(map(_text, value)),
    Type.UUID: lambda value: str(value if isinstance(value, UUID) else UUID(value)),
}


def _related(relation: times.Relation, ends: tuple[Any, ...]) -> bool | None:
    truth: bool | None = True
    for one, op, other in relation:
        if ends[one] is None or ends[other] is None:
            truth = None
        elif not logic.COMPARE[op](ends[one], ends[other]):
            return False
    return truth


def _applied(function: Callable[[Any], Any], value: Read) -> Read:
    def apply(feature: Any) -> Any:
        known = value(feature)
        return None if known is None else function(known)

    return apply
