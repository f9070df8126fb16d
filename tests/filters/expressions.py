"""Expressions of every class, made by Hypothesis as CQL2 JSON, and rows that are odd in every column."""

from __future__ import annotations

import itertools
import uuid
from typing import Any, Final

import shapely
from hypothesis import strategies as st

from apps.core.geometry import to_geojson
from apps.filters.rules import words
from tests.filters.things import instant, thing

TEXTS: Final = [
    "", "a", "A", "ab", "Straße", "STRASSE", "é", "e\u0301", "\u0130stanbul", "\u0390", "%", "_", "\\", "a\\b", "a%b",
    "\U0001f600", "\ufb01n", "\u0345", "日本", "it's", " ", "\u1e9e", "ǅ", "\ud7a3", "x\u0301\u0323y",
]  # fmt: skip
NUMBERS: Final = [0.0, -0.0, 1.0, -1.0, 2.5, 3.0, -4.0, 0.1, 1e300, -1e300, 5e-324, 1e100, 2.0**53, 1e-101]
INSTANTS: Final = [
    "2026-07-01T00:00:00Z",
    "2026-07-01T12:00:00Z",
    "2026-07-02T00:00:00Z",
    "2026-07-01T12:00:00.000001Z",
]
DAYS: Final = ["2026-07-01", "2026-07-02", "2026-01-02"]
OWNERS: Final = [str(uuid.UUID(int=number)) for number in (1, 2)]
# On one grid, so that they touch, share edges and corners, and lie on each other.
SHAPES: Final = [
    shapely.Point(1, 1),
    shapely.Point(2, 1),
    shapely.Point(2, 2),
    shapely.LineString([(0, 0), (2, 2)]),
    shapely.LineString([(2, 0), (2, 2)]),
    shapely.LineString([(-1, 1), (3, 1)]),
    shapely.box(0, 0, 2, 2),
    shapely.box(2, 0, 4, 2),
    shapely.box(1, 1, 3, 3),
    shapely.box(0.5, 0.5, 1.5, 1.5),
    shapely.Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(1, 1), (1, 2), (2, 2), (2, 1)]]),
    shapely.MultiPoint([(1, 1), (9, 9)]),
    shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)]),
]
POINTS: Final = [shape for shape in SHAPES if shape.geom_type == "Point"]


def rows() -> list[dict[str, Any]]:
    """Return rows in which every value of every column occurs beside others, and null as well."""
    columns: dict[str, list[Any]] = {
        "name": [*TEXTS, None],
        "weight": [None, *NUMBERS],
        "count": [0, None, 3, -4, 2**31 - 1],
        "flag": [True, False, None],
        "seen_at": [None, instant("07-01T00:00"), instant("07-01T12:00"), instant("07-02T00:00")],
        "until_at": [instant("07-02T00:00"), None, instant("07-01T12:00")],
        "born_on": [instant("07-01").date(), None],
        "validity": [(None, None), (instant("07-01T00:00"), instant("07-02T00:00")), (None, instant("07-01T12:00"))],
        "owner": [uuid.UUID(int=1), None, uuid.UUID(int=2)],
        "place": [None, *SHAPES],
        "point": [*POINTS, None],
        "tags": [["a", "b"], [], None, ["é"], ["a", "a"]],
        "attributes": [{"k": 1}, {"k": "a"}, {"k": True}, {"k": None}, {}, {"k": [1]}, {"k": 2.5}],
        "low_m": [None, 0.0, 100.0],
        "high_m": [120.0, None],
        "low_datum": ["AMSL", None],
        "high_datum": [None, "AMSL", "BARO"],
    }
    turns = {name: itertools.cycle(values) for name, values in columns.items()}
    return [thing(number, **{name: next(turn) for name, turn in turns.items()}) for number in range(1, 61)]


def _property(*names: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(names).map(lambda name: {"property": name})


def _op(op: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(*args).map(lambda made: {"op": op, "args": list(made)})


def _one_op(ops: tuple[str, ...], *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(ops).flatmap(lambda op: _op(op, *args))


_text = st.sampled_from(TEXTS) | st.text(max_size=4).filter(lambda text: "\0" not in text)
texts = st.recursive(
    _text | _property("name", "low_datum"), lambda inner: _one_op(("casei", "accenti"), inner), max_leaves=2
)
_number = st.sampled_from(NUMBERS) | st.integers(-5, 5).map(float)
numbers = st.recursive(
    _number | _property("weight", "count", "low_m", "attributes.k"),
    lambda inner: _one_op(words.ARITHMETIC, inner | _property("weight"), inner),
    max_leaves=4,
)
_typed_numbers = _number | _property("weight", "count") | _one_op(words.ARITHMETIC, numbers, numbers)
instants = (
    st.sampled_from(INSTANTS).map(lambda text: {"timestamp": text})
    | st.sampled_from(DAYS).map(lambda text: {"date": text})
    | _property("seen_at", "until_at")
)
_ends = st.sampled_from(["..", *DAYS]) | _property("seen_at", "until_at")
intervals = (
    instants.filter(lambda made: made != {"date": ""})
    | _property("validity", "period")
    | st.tuples(_property("seen_at") | st.just(".."), _ends).map(lambda made: {"interval": list(made)})
    | st.just({"interval": ["2026-07-01", "2026-07-02"]})
)
shapes = st.sampled_from(SHAPES).map(to_geojson) | _property("place", "point")
boxes = st.sampled_from([[0, 0, 2, 2], [2, 2, 3, 3], [3, -1, -1, 1], [1, 1, 1, 1.5]]).map(lambda made: {"bbox": made})
arrays = st.lists(st.sampled_from(["a", "b", "é"]) | _property("name"), max_size=3) | _property("tags")
owners = st.sampled_from(OWNERS) | _property("owner")
_patterns = st.text("ab%_\\ßsé\u0301", max_size=6) | st.sampled_from(TEXTS)
patterns = _patterns | _one_op(("casei", "accenti"), _patterns)

predicates = (
    _one_op(words.COMPARISONS, texts, texts)
    | _one_op(words.COMPARISONS, _typed_numbers, numbers)
    | _one_op(words.COMPARISONS, _property("seen_at"), instants)
    | _one_op(("=", "<>"), _property("owner"), owners)
    | _one_op(("=", "<>"), _property("flag"), st.booleans())
    | _one_op(("=", "<"), _property("born_on"), st.sampled_from(DAYS).map(lambda day: {"date": day}))
    | _op("like", texts, patterns)
    | _op("between", _typed_numbers, numbers, numbers)
    | _op("in", _property("name"), st.lists(texts, min_size=1, max_size=3))
    | _op("in", _property("attributes.k"), st.lists(_number, min_size=1, max_size=3))
    | _op("isNull", texts | numbers | shapes | _property("tags") | instants | intervals)
    | _one_op(words.SPATIAL, shapes, shapes)
    | _one_op(("s_intersects", "s_disjoint", "s_within"), _property("place"), boxes)
    | _one_op(words.TEMPORAL, intervals, intervals)
    | _one_op(words.ARRAYS, arrays, arrays)
    | _op("active_at", instants)
    | _op("altitude_overlaps", _number, _number)
    | _op("altitude_overlaps", _number, _number, st.sampled_from(["AMSL", "BARO"]))
    | _one_op(("<", ">"), _op("distance_m", _property("point"), shapes), st.sampled_from([1.0, 12345.6, 300_000.0]))
    | _property("flag", "attributes.k")
)
conditions = st.recursive(
    predicates,
    lambda inner: _one_op(("and", "or"), inner, inner) | _op("not", inner) | _one_op(("=",), inner, st.booleans()),
    max_leaves=4,
)
