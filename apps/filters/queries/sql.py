"""A checked tree as SQL: Django expressions in three-valued logic, every value a bound parameter.

Nothing here negates with ``~Q`` (which would make NULL true) or wraps a condition in ``IS TRUE`` (which would hide it
from every index): a condition stands in the statement as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import shapely
from django.db.models import (
    BooleanField,
    DateField,
    DateTimeField,
    Expression,
    F,
    Field,
    FloatField,
    Func,
    TextField,
    Value,
)
from django.db.models import UUIDField as IdField
from django.db.models.functions import Now

from apps.filters.rules import times, words
from apps.filters.rules.evaluating import bound_value, pattern_of
from apps.filters.rules.folding import FOLDS
from apps.filters.rules.shapes import LONGEST_EDGE_DEG
from apps.filters.types import Call, Literal, Node, Property, Type, Values, Variable

Ends: TypeAlias = tuple[Expression, Expression]


class Sql(Func):
    """SQL with numbered places for its arguments, each used once and in order."""

    def __init__(self, template: str, *arguments: Any, output_field: Field[Any, Any] | None = None) -> None:
        super().__init__(*arguments, output_field=output_field or BooleanField(null=True))
        self.sql = template

    def as_sql(  # type: ignore[override]  # no other template is ever given
        self,
        compiler: Any,
        connection: Any,  # noqa: ARG002 - Django's signature
        **_: Any,
    ) -> tuple[str, tuple[Any, ...]]:
        """Return the statement's part and its parameters."""
        texts, params = [], []
        for each in self.get_source_expressions():
            text, bound = compiler.compile(each)
            texts.append(text)
            params += bound
        return self.sql.format(*texts), tuple(params)


class _Kind:
    """How values of one type stand in SQL."""

    def __init__(self, name: str, field: type[Field[Any, Any]]) -> None:
        self.name = name
        self.field = field


_KINDS: Final[Mapping[Type, _Kind]] = {
    Type.STRING: _Kind("text", TextField),
    Type.NUMBER: _Kind("double precision", FloatField),
    Type.INTEGER: _Kind("double precision", FloatField),
    Type.BOOLEAN: _Kind("boolean", BooleanField),
    Type.INSTANT: _Kind("timestamptz", DateTimeField),
    Type.DATE: _Kind("date", DateField),
    Type.UUID: _Kind("uuid", IdField),
    Type.GEOMETRY: _Kind("geometry", TextField),
    Type.STRING_ARRAY: _Kind("text[]", TextField),
}
_SPATIAL: Final = {
    "s_intersects": "ST_Intersects", "s_equals": "ST_Equals", "s_disjoint": "ST_Disjoint", "s_touches": "ST_Touches",
    "s_within": "ST_Within", "s_overlaps": "ST_Overlaps", "s_crosses": "ST_Crosses", "s_contains": "ST_Contains",
}  # fmt: skip
_ARRAYS: Final = {"a_contains": "@>", "a_containedby": "<@", "a_overlaps": "&&"}
_TYPEOF: Final = {Type.STRING: "string", Type.NUMBER: "number", Type.BOOLEAN: "boolean"}


def condition(root: Node, values: Values) -> Expression:
    """Return the tree as a nullable boolean expression, with variables bound to values."""
    return _Compiler(values).scalar(root)


class _Compiler:
    def __init__(self, values: Values) -> None:
        self._values = values

    def scalar(self, node: Node) -> Expression:
        """Return any node but an interval."""
        if isinstance(node, Property):
            return _column(node)
        if isinstance(node, Literal):
            return _bound(node.type, node.value)
        if isinstance(node, Variable):
            return _bound(node.type, self._value_of(node))
        return self.scalar(node.meaning) if node.meaning else self._call(node)

    def _value_of(self, node: Variable) -> Any:
        """Return what is bound, once it is known to be of its type."""
        return None if bound_value(node, self._values) is None else self._values[node.name]

    def _call(self, node: Call) -> Expression:
        op = node.op
        if op in words.COMPARISONS:
            return self._comparison(op, *node.args)
        if op in words.SPATIAL:
            return Sql(f"{_SPATIAL[op]}({{0}}, {{1}})", *map(self.scalar, node.args))
        if op in words.TEMPORAL:
            return self._temporal(op, *node.args)
        if op in words.ARITHMETIC:
            return self._arithmetic(op, *node.args)
        if op in words.ARRAYS:
            return self._arrays(op, *node.args)
        if op in FOLDS:
            return Sql(f"filters_{op}({{0}})", self.scalar(node.args[0]), output_field=TextField())
        method: Callable[..., Expression] = getattr(self, f"_{_METHODS[op]}")
        return method(*node.args)

    def _all_of(self, *args: Node) -> Expression:
        return _joined(" AND ", [self.scalar(each) for each in args])

    def _any_of(self, *args: Node) -> Expression:
        return _joined(" OR ", [self.scalar(each) for each in args])

    def _negation(self, arg: Node) -> Expression:
        return Sql("(NOT {0})", self.scalar(arg))

    def _comparison(self, op: str, left: Node, right: Node) -> Expression:
        if Type.INTEGER in (left.type, right.type):
            sides = _whole(left), _whole(right)
            if sides[0] is not None and sides[1] is not None:
                return Sql(f"({{0}} {op} {{1}})", *sides)
        # Text is in the order of its characters, whatever the database's language.
        collated = ' COLLATE "C"' if left.type is Type.STRING and op not in ("=", "<>") else ""
        return Sql(f"({{0}}{collated} {op} {{1}})", self.scalar(left), self.scalar(right))

    def _is_null(self, arg: Node) -> Expression:
        if arg.type is Type.INTERVAL:
            # An interval is there, however much of it is not known.
            return _bound(Type.BOOLEAN, value=False)
        return Sql("({0} IS NULL)", self.scalar(arg))

    def _between(self, subject: Node, low: Node, high: Node) -> Expression:
        parts = [self._comparison(">=", subject, low), self._comparison("<=", subject, high)]
        return _joined(" AND ", parts)

    def _among(self, subject: Node, *items: Node) -> Expression:
        places = ", ".join(f"{{{i}}}" for i in range(1, len(items) + 1))
        return Sql(f"({{0}} IN ({places}))", self.scalar(subject), *map(self.scalar, items))

    def _like(self, subject: Node, pattern: Node) -> Expression:
        return Sql("({0} LIKE {1})", self.scalar(subject), _bound(Type.STRING, pattern_of(pattern).sql()))

    def _array(self, *items: Node) -> Expression:
        places = ", ".join(f"{{{i}}}" for i in range(len(items)))
        return Sql(f"CAST(ARRAY[{places}] AS text[])", *map(self.scalar, items), output_field=TextField())

    def _arrays(self, op: str, left: Node, right: Node) -> Expression:
        if op == "a_equals":
            return _joined(" AND ", [self._arrays(each, left, right) for each in ("a_contains", "a_containedby")])
        return Sql(f"({{0}} {_ARRAYS[op]} {{1}})", self.scalar(left), self.scalar(right))

    def _arithmetic(self, op: str, left: Node, right: Node) -> Expression:
        template = f"filters_arithmetic('{op.replace('%', '%%')}', {{0}}, {{1}})"
        return Sql(template, self.scalar(left), self.scalar(right), output_field=FloatField())

    def _now(self) -> Expression:
        now = self._values.get("now")
        return Now() if now is None else _bound(Type.INSTANT, now)

    def _temporal(self, op: str, left: Node, right: Node) -> Expression:
        if op == "t_disjoint":
            return Sql("(NOT {0})", self._temporal("t_intersects", left, right))
        ends = (*self._ends(left), *self._ends(right))
        parts: list[Expression] = [Sql(f"({{0}} {op} {{1}})", ends[a], ends[b]) for a, op, b in times.RELATIONS[op]]
        return _joined(" AND ", parts)

    def _ends(self, node: Node) -> Ends:
        if isinstance(node, Property):
            return _ends_of_column(node)
        if isinstance(node, Variable):
            start, end = self._value_of(node) or (None, None)
            is_known = self._values.get(node.name) is not None
            return _end(start, "-infinity", is_open=is_known), _end(end, "infinity", is_open=is_known)
        assert isinstance(node, Call)  # noqa: S101 - the checker lets nothing else through
        if node.op == "instant":
            at = self.scalar(node.args[0])
            return at, at
        start, end = node.args
        return self._end_of(start, "-infinity"), self._end_of(end, "infinity")

    def _end_of(self, node: Node, when_open: str) -> Expression:
        if isinstance(node, Literal) and node.value == times.OPEN:
            return _end(None, when_open, is_open=True)
        return self.scalar(node)

    def _holds_at(self, validity: Node, at: Node) -> Expression:
        instant = self.scalar(at)
        if isinstance(validity, Property) and not validity.queryable.until:
            return Sql("({0} @> {1})", _expression(validity.queryable.lookup), instant)
        start, end = self._ends(validity)
        return _joined(" AND ", [Sql("({0} <= {1})", start, instant), Sql("({0} < {1})", instant, end)])

    def _distance(self, left: Node, right: Node) -> Expression:
        template = "ST_Distance(CAST({0} AS geography), CAST({1} AS geography), false)"
        return Sql(template, self._with_short_edges(left), self._with_short_edges(right), output_field=FloatField())

    def _with_short_edges(self, node: Node) -> Expression:
        found = self.scalar(node)
        is_point = isinstance(node, Property) and node.queryable.geometry == "point"
        return found if is_point else Sql(f"ST_Segmentize({{0}}, {LONGEST_EDGE_DEG})", found, output_field=TextField())


_METHODS: Final = {
    "and": "all_of", "or": "any_of", "not": "negation", "isNull": "is_null", "between": "between", "in": "among",
    "like": "like", "array": "array", "now": "now", "holds_at": "holds_at", "distance_m": "distance",
}  # fmt: skip


def _joined(joiner: str, parts: list[Expression]) -> Expression:
    return Sql("(" + joiner.join(f"{{{i}}}" for i in range(len(parts))) + ")", *parts)


def _expression(lookup: Any) -> Any:
    return F(lookup) if isinstance(lookup, str) else lookup


def _column(node: Property) -> Expression:
    source = _expression(node.queryable.lookup)
    if node.member is not None:
        return _member(source, node.member, node.type)
    # Arrays of varchar have no operators with arrays of text.
    template = "CAST({0} AS text[])" if node.type is Type.STRING_ARRAY else "{0}"
    return Sql(template, source, output_field=_KINDS[node.type].field())


def _member(source: Any, member: str, of: Type) -> Expression:
    key = _bound(Type.STRING, member)
    if of is Type.ANY:
        return Sql("NULLIF({0} -> {1}, 'null'::jsonb)", source, key, output_field=TextField())
    # The type is asked first: a member of another type is null, and never an error.
    template = (
        f"CASE WHEN jsonb_typeof({{0}} -> {{1}}) = '{_TYPEOF[of]}' THEN CAST({{2}} ->> {{3}} AS {_KINDS[of].name}) END"
    )
    return Sql(f"({template})", source, key, source, key, output_field=_KINDS[of].field())


def _bound(of: Type, value: Any) -> Expression:
    """Return a value as a parameter of its type."""
    if of is Type.GEOMETRY and value is not None:
        return Sql("ST_GeomFromWKB({0}, 4326)", Value(shapely.to_wkb(value)), output_field=TextField())
    kind = _KINDS[of]
    bound = list(value) if of is Type.STRING_ARRAY and value is not None else value
    return Sql(f"CAST({{0}} AS {kind.name})", Value(bound), output_field=kind.field())


def _whole(node: Node) -> Expression | None:
    """Return a side of a comparison of whole numbers as such, so that an index on them serves; else ``None``."""
    if isinstance(node, Property) and node.type is Type.INTEGER:
        return _column(node)
    if isinstance(node, Literal) and node.value.is_integer() and abs(node.value) < 2**53:
        return Sql("CAST({0} AS bigint)", Value(int(node.value)), output_field=FloatField())
    return None


def _ends_of_column(node: Property) -> Ends:
    source = _expression(node.queryable.lookup)
    field = DateTimeField()
    if node.queryable.until:
        until = _expression(node.queryable.until)
        start = Sql("COALESCE({0}, '-infinity'::timestamptz)", source, output_field=field)
        return start, Sql("COALESCE({0}, 'infinity'::timestamptz)", until, output_field=field)
    start = Sql("COALESCE(lower({0}), '-infinity'::timestamptz)", source, output_field=field)
    return start, Sql("COALESCE(upper({0}), 'infinity'::timestamptz)", source, output_field=field)


def _end(value: Any, when_open: str, *, is_open: bool) -> Expression:
    if value is None and is_open:
        return Sql(f"'{when_open}'::timestamptz", output_field=DateTimeField())
    return _bound(Type.INSTANT, value)
