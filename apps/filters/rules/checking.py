"""The tree of a CQL2 expression, checked: every name is a queryable, every operator has operands that it can work on.

What comes out is typed. A member of an open object has no type of its own and takes that of what it is compared with;
where nothing says which, it is refused. Null has no literal: ``IS NULL`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, NoReturn, TypeAlias
from uuid import UUID

from apps.core.text import is_storable
from apps.core.types import Datum
from apps.filters.rules import meaning, times, words
from apps.filters.rules.shapes import ShapeFault, fault_in_measuring, read_shape
from apps.filters.types import Call, FilterError, Literal, Node, Property, Queryables, Type, Variable

Raw: TypeAlias = Any

ORDERED: Final = frozenset({Type.STRING, Type.NUMBER, Type.INSTANT, Type.DATE})
COMPARED: Final = ORDERED | {Type.BOOLEAN, Type.UUID}
_OPEN_TYPES: Final = frozenset({Type.STRING, Type.NUMBER, Type.BOOLEAN})
# For collections GEOS and PostGIS answer these two only.
_OF_COLLECTIONS: Final = frozenset({"s_intersects", "s_disjoint"})
_NAMES: Final = {
    Type.STRING: "a text",
    Type.NUMBER: "a number",
    Type.INTEGER: "a number",
    Type.BOOLEAN: "true or false",
    Type.INSTANT: "an instant",
    Type.DATE: "a date",
    Type.INTERVAL: "an interval",
    Type.GEOMETRY: "a geometry",
    Type.STRING_ARRAY: "an array of texts",
    Type.UUID: "an id",
    Type.ANY: "of no certain type",
}
_COMPARED_BY: Final = {
    Type.GEOMETRY: "S_EQUALS",
    Type.INTERVAL: "T_EQUALS",
    Type.STRING_ARRAY: "A_EQUALS",
}


def check(tree: Raw, queryables: Queryables, variables: Mapping[str, Type]) -> Node:
    """Return the tree as typed nodes; raises ``FilterError`` with a JSON Pointer into the CQL2 JSON."""
    return _Checker(queryables, variables).condition(tree, "", 0)


class _Checker:
    """Goes down the tree once. Every method takes the raw node, its pointer and its depth."""

    def __init__(self, queryables: Queryables, variables: Mapping[str, Type]) -> None:
        self._queryables = queryables
        self._variables = variables

    def condition(self, raw: Raw, pointer: str, depth: int) -> Node:
        """Return what is true or false."""
        return self._as(raw, Type.BOOLEAN, pointer, depth)

    def _node(self, raw: Raw, pointer: str, depth: int) -> Node:
        if depth > words.DEEPEST:
            _refuse("too_deep", f"It is nested deeper than {words.DEEPEST} levels.", pointer)
        if isinstance(raw, Mapping):
            return self._object(raw, pointer, depth)
        if isinstance(raw, list):
            items = tuple(self._as(each, Type.STRING, f"{pointer}/{i}", depth + 1) for i, each in enumerate(raw))
            return Call(Type.STRING_ARRAY, "array", items)
        return _literal(raw, pointer)

    def _object(self, raw: Mapping[str, Raw], pointer: str, depth: int) -> Node:
        if "op" in raw:
            return self._call(raw, pointer, depth)
        if "property" in raw:
            return self._property(raw["property"], pointer)
        if "type" in raw or "bbox" in raw:
            return self._geometry(raw, pointer)
        if "interval" in raw:
            return self._interval(raw["interval"], pointer, depth)
        if "timestamp" in raw or "date" in raw:
            return _instant(raw, pointer)
        return _refuse("syntax", "An object here is a property, an operation, an instant or a geometry.", pointer)

    def _property(self, name: Raw, pointer: str) -> Node:
        found = self._queryables.find(name) if isinstance(name, str) else None
        if found is None:
            detail = f"There is no property {str(name)[:100]!r} to filter {self._queryables.noun} by."
            _refuse("unknown_property", detail, f"{pointer}/property")
        queryable, member = found
        if member is not None and not is_storable(member):
            _refuse("bad_text", "It contains a character that cannot be stored.", f"{pointer}/property")
        if member is None and queryable.type is Type.ANY:
            _refuse("type", f"Ask for a member of it: {queryable.name}.name.", pointer)
        return Property(Type.ANY if member is not None else queryable.type, queryable, member)

    def _geometry(self, raw: Mapping[str, Raw], pointer: str) -> Node:
        written = {key: raw[key] for key in ("bbox", "type", "coordinates", "geometries") if key in raw}
        try:
            return Literal(Type.GEOMETRY, read_shape(written), written)
        except ShapeFault as fault:
            _refuse("invalid_geometry", str(fault), pointer)

    def _interval(self, ends: Raw, pointer: str, depth: int) -> Node:
        if not isinstance(ends, list) or len(ends) != 2:
            _refuse("arguments", "An interval has a start and an end.", pointer)
        start, end = (self._end(each, f"{pointer}/interval/{i}", depth + 1) for i, each in enumerate(ends))
        written = [each.value for each in (start, end) if isinstance(each, Literal) and each.value != times.OPEN]
        if len(written) == 2 and written[0] > written[1]:
            _refuse("interval", "The interval ends before it starts.", pointer)
        return Call(Type.INTERVAL, "interval", (start, end))

    def _end(self, raw: Raw, pointer: str, depth: int) -> Node:
        if raw in (times.OPEN, ""):
            return Literal(Type.INSTANT, times.OPEN)
        if isinstance(raw, str):
            raw = {"date": raw} if times.parse_date(raw) else {"timestamp": raw}
        return self._as(raw, Type.INSTANT, pointer, depth)

    def _call(self, raw: Mapping[str, Raw], pointer: str, depth: int) -> Node:
        op, args = raw["op"], raw.get("args", [])
        if not isinstance(op, str) or not isinstance(args, list):
            _refuse("syntax", "An operation has a name and a list of arguments.", pointer)
        name = op.lower() if op.lower() in words.STANDARD else op
        for names, build in self._builders():
            if name in names:
                return build(name, args, f"{pointer}/args", depth + 1)
        return _refuse("unknown_function", f"There is no operator or function {op[:100]!r}.", f"{pointer}/op")

    def _builders(self) -> Sequence[tuple[Sequence[str], Callable[[str, list[Raw], str, int], Node]]]:
        return (
            (words.COMPARISONS, self._comparison),
            (("and", "or"), self._joined),
            (("not",), self._not),
            (("isNull",), self._is_null),
            (words.SPATIAL, self._spatial),
            (words.TEMPORAL, self._temporal),
            (("like",), self._like),
            (("in",), self._in),
            (("between",), self._between),
            (words.ARITHMETIC, self._arithmetic),
            (("casei", "accenti"), self._folded),
            (words.ARRAYS, self._arrays),
            (("variable",), self._variable),
            (("now", "distance_m", "active_at", "altitude_overlaps"), self._function),
        )

    def _joined(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        if not args:
            _refuse("arguments", f"{op} needs at least one argument.", pointer)
        parts: list[Node] = []
        for i, each in enumerate(args):
            part = self.condition(each, f"{pointer}/{i}", depth)
            parts += part.args if isinstance(part, Call) and part.op == op else (part,)
        return parts[0] if len(parts) == 1 else Call(Type.BOOLEAN, op, tuple(parts))

    def _not(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        (raw,) = _count(op, args, 1, pointer)
        return Call(Type.BOOLEAN, op, (self.condition(raw, f"{pointer}/0", depth),))

    def _is_null(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        (raw,) = _count(op, args, 1, pointer)
        if isinstance(raw, list):
            _refuse("type", "An array that is written out is never null.", f"{pointer}/0")
        return Call(Type.BOOLEAN, op, (self._node(raw, f"{pointer}/0", depth),))

    def _comparison(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        _count(op, args, 2, pointer)
        left, right = self._alike(args, pointer, depth)
        wanted = COMPARED if op in ("=", "<>") else ORDERED
        if _plain(left.type) not in wanted:
            other = _COMPARED_BY.get(left.type)
            hint = f" Use {other}." if other else ""
            _refuse("type", f"{op} does not compare what is {_NAMES[left.type]}.{hint}", pointer)
        return Call(Type.BOOLEAN, op, (left, right))

    def _between(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        _count(op, args, 3, pointer)
        nodes = self._alike(args, pointer, depth)
        if _plain(nodes[0].type) not in ORDERED:
            _refuse("type", f"BETWEEN does not compare what is {_NAMES[nodes[0].type]}.", pointer)
        return Call(Type.BOOLEAN, op, nodes)

    def _in(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        _, items = _count(op, args, 2, pointer)
        if not isinstance(items, list) or not items:
            _refuse("arguments", "IN needs a list of at least one value.", f"{pointer}/1")
        nodes = self._alike([args[0], *items], pointer, depth)
        if _plain(nodes[0].type) not in COMPARED:
            _refuse("type", f"IN does not compare what is {_NAMES[nodes[0].type]}.", pointer)
        return Call(Type.BOOLEAN, op, nodes)

    def _like(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        subject, pattern = _count(op, args, 2, pointer)
        node = self._as(pattern, Type.STRING, f"{pointer}/1", depth)
        inner = node
        while isinstance(inner, Call):
            (inner,) = inner.args
        if not isinstance(inner, Literal):
            _refuse(
                "type", "A pattern is a text in quotes, with CASEI or ACCENTI around it or without.", f"{pointer}/1"
            )
        if len(inner.value) > words.LONGEST_PATTERN:
            _refuse("too_long", f"A pattern has at most {words.LONGEST_PATTERN} characters.", f"{pointer}/1")
        return Call(Type.BOOLEAN, op, (self._as(subject, Type.STRING, f"{pointer}/0", depth), node))

    def _arithmetic(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        if op == "*" and len(args) == 2 and args[0] == -1 and isinstance(args[1], int | float):
            return _literal(-args[1], pointer)
        _count(op, args, 2, pointer)
        return Call(Type.NUMBER, op, self._all(args, Type.NUMBER, pointer, depth))

    def _folded(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        _count(op, args, 1, pointer)
        return Call(Type.STRING, op, self._all(args, Type.STRING, pointer, depth))

    def _arrays(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        _count(op, args, 2, pointer)
        return Call(Type.BOOLEAN, op, self._all(args, Type.STRING_ARRAY, pointer, depth))

    def _temporal(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        _count(op, args, 2, pointer)
        return Call(Type.BOOLEAN, op, self._all(args, Type.INTERVAL, pointer, depth))

    def _spatial(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        _count(op, args, 2, pointer)
        nodes = self._all(args, Type.GEOMETRY, pointer, depth)
        for i, each in enumerate(nodes):
            if _is_collection(each) and op not in _OF_COLLECTIONS:
                detail = f"{op.upper()} takes no GEOMETRYCOLLECTION; S_INTERSECTS and S_DISJOINT do."
                _refuse("geometry_collection", detail, f"{pointer}/{i}")
        return Call(Type.BOOLEAN, op, nodes)

    def _variable(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:  # noqa: ARG002 - as all builders
        name = args[0] if len(args) == 1 else None
        if not isinstance(name, str) or name not in self._variables:
            shown = f"${{{str(name)[:100]}}}"
            known = ", ".join(f"${{{each}}}" for each in sorted(self._variables))
            detail = f"There is no {shown} here." + (f" There are {known}." if known else "")
            _refuse("unknown_variable", detail, pointer)
        return Variable(Type(self._variables[name]), name)

    def _function(self, op: str, args: list[Raw], pointer: str, depth: int) -> Node:
        match op:
            case "now":
                _count(op, args, 0, pointer)
                return Call(Type.INSTANT, op, ())
            case "distance_m":
                return self._distance(args, pointer, depth)
            case "active_at":
                _count(op, args, 1, pointer)
                (at,) = self._all(args, Type.INSTANT, pointer, depth)
                return meaning.active_at(at, self._queryables) or self._without("validity", pointer)
        return self._altitude_overlaps(args, pointer, depth)

    def _distance(self, args: list[Raw], pointer: str, depth: int) -> Node:
        _count("distance_m", args, 2, pointer)
        nodes = self._all(args, Type.GEOMETRY, pointer, depth)
        if not any(_is_point(each) for each in nodes):
            _refuse("type", "distance_m measures from a point: one of its arguments must be one.", pointer)
        for i, each in enumerate(nodes):
            if isinstance(each, Literal) and (fault := fault_in_measuring(each.value)):
                _refuse("geometry", f"distance_m takes no {fault}.", f"{pointer}/{i}")
        return Call(Type.NUMBER, "distance_m", nodes)

    def _altitude_overlaps(self, args: list[Raw], pointer: str, depth: int) -> Node:
        if len(args) not in (2, 3):
            _refuse("arguments", "altitude_overlaps takes two heights in metres and, perhaps, a datum.", pointer)
        low, high = (self._as(each, Type.NUMBER, f"{pointer}/{i}", depth) for i, each in enumerate(args[:2]))
        datum = args[2] if len(args) == 3 else None
        if len(args) == 3 and datum not in [each.value for each in Datum]:
            _refuse("datum", f"A datum is one of {', '.join(Datum)}.", f"{pointer}/2")
        node = meaning.altitude_overlaps(low, high, datum, self._queryables)
        return node or self._without("heights" if datum is None else "heights with a datum", pointer)

    def _without(self, what: str, pointer: str) -> NoReturn:
        _refuse("unknown_function", f"{self._queryables.noun} have no {what}.", pointer)

    def _all(self, args: list[Raw], wanted: Type, pointer: str, depth: int) -> tuple[Node, ...]:
        return tuple(self._as(each, wanted, f"{pointer}/{i}", depth) for i, each in enumerate(args))

    def _as(self, raw: Raw, wanted: Type, pointer: str, depth: int) -> Node:
        node = self._node(raw, pointer, depth)
        return _coerced(node, wanted) or _refuse(
            "type", f"Expected what is {_NAMES[wanted]}; {_shown(node)} is {_NAMES[node.type]}.", pointer
        )

    def _alike(self, args: list[Raw], pointer: str, depth: int) -> tuple[Node, ...]:
        """Return the arguments with one type: that of the first which has one, or that to which it can be taken."""
        nodes = [self._node(each, f"{pointer}/{i}", depth) for i, each in enumerate(args)]
        typed = [each for each in nodes if each.type is not Type.ANY]
        if not typed:
            _refuse("type", f"Nothing says what type {_shown(nodes[0])} is.", pointer)
        # What is written as text may mean an id, and a date an instant: what is no literal decides.
        leader = next((each for each in typed if not isinstance(each, Literal)), typed[0])
        return tuple(_coerced(each, leader.type) or self._unlike(each, leader, pointer) for each in nodes)

    def _unlike(self, node: Node, leader: Node, pointer: str) -> NoReturn:
        detail = f"{_shown(leader)} is {_NAMES[leader.type]} and {_shown(node)} is {_NAMES[node.type]}."
        _refuse("type", f"They cannot be compared: {detail}", pointer)


def _coerced(node: Node, wanted: Type) -> Node | None:
    """Return the node as the type wanted; ``None`` if it cannot be that."""
    if _plain(node.type) is _plain(wanted):
        return node
    if isinstance(node, Property) and node.type is Type.ANY:
        return replace(node, type=_plain(wanted)) if _plain(wanted) in _OPEN_TYPES else None
    if wanted is Type.INTERVAL:
        at = _coerced(node, Type.INSTANT)
        return Call(Type.INTERVAL, "instant", (at,)) if at else None
    return _coerced_literal(node, wanted) if isinstance(node, Literal) else None


def _coerced_literal(node: Literal, wanted: Type) -> Literal | None:
    if wanted is Type.UUID and node.type is Type.STRING:
        try:
            return Literal(Type.UUID, UUID(node.value))
        except ValueError:
            return None
    if wanted is Type.INSTANT and isinstance(node.value, date) and node.type is Type.DATE:
        return Literal(Type.INSTANT, times.midnight(node.value), {"date": node.value.isoformat()})
    return None


def _literal(raw: Raw, pointer: str) -> Node:
    if isinstance(raw, bool):
        return Literal(Type.BOOLEAN, raw)
    if isinstance(raw, int | float):
        return _number(raw, pointer)
    if not isinstance(raw, str):
        _refuse("null", "There is no null to compare with. Ask with IS NULL.", pointer)
    if not is_storable(raw):
        _refuse("bad_text", "It contains a character that cannot be stored.", pointer)
    return Literal(Type.STRING, raw)


def _number(raw: float, pointer: str) -> Literal:
    try:
        value = float(raw)
    except OverflowError:
        value = float("inf")
    if abs(value) == float("inf") or value != value:  # noqa: PLR0124 - the one number that is not itself
        _refuse("number", "It is not a finite number.", pointer)
    # There is one zero: text could not keep the other.
    return Literal(Type.NUMBER, value + 0.0)


def _instant(raw: Mapping[str, Raw], pointer: str) -> Node:
    kind = "timestamp" if "timestamp" in raw else "date"
    text = raw[kind]
    if kind == "date":
        day = times.parse_date(text) if isinstance(text, str) else None
        return Literal(Type.DATE, day) if day else _refuse("date", "A date is like 2026-07-01.", pointer)
    at = times.parse_instant(text) if isinstance(text, str) else None
    if at is None:
        _refuse("timestamp", "An instant is like 2026-07-01T12:00:00Z.", pointer)
    return Literal(Type.INSTANT, at)


def _is_collection(node: Node) -> bool:
    return isinstance(node, Literal) and node.value.geom_type == "GeometryCollection"


def _is_point(node: Node) -> bool:
    if isinstance(node, Literal):
        return bool(node.value.geom_type == "Point")
    return isinstance(node, Property) and node.queryable.geometry == "point"


def _plain(of: Type) -> Type:
    return Type.NUMBER if of is Type.INTEGER else of


def _shown(node: Node) -> str:
    if isinstance(node, Property):
        return node.name
    if isinstance(node, Variable):
        return f"${{{node.name}}}"
    if isinstance(node, Literal):
        return repr(node.value)[:60] if node.type is Type.STRING else "the literal"
    return node.op


def _count(op: str, args: list[Raw], count: int, pointer: str) -> list[Raw]:
    if len(args) != count:
        _refuse("arguments", f"{op} takes {count} arguments, not {len(args)}.", pointer)
    return args


def _refuse(code: str, detail: str, pointer: str) -> NoReturn:
    raise FilterError(detail, code=code, pointer=pointer)
