"""JSON Schema as Hypothesis strategies: the subset that our OpenAPI document speaks, valid more often than not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]
Strategy = st.SearchStrategy[Any]

DEPTH = 3
ODD_TEXTS = (
    "", " ", "\x00", "\ud7ff", "\uffff", "\u202e", "null", "NaN", "-0", "1e999", "'; DROP TABLE x; --", "<script>",
    "%s", "{0}", "${user.id}", "../../etc/passwd", "a" * 5_000, "٣", "ﬀ", "e\u0301", "\U0001f6a2",
    "2026-02-30T25:61:61Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00",
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
INSTANTS = ("2026-07-01T12:00:00Z", "2026-07-01T14:00:00+02:00", "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z")
odd_texts = st.sampled_from(ODD_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
odd_numbers = st.sampled_from(
    [0, -1, 1, 90, 91, 180, 181, 511, 2**31, 2**63, 2**70, -(2**63), 1e-320, 1e300, -0.0, 0.1]
)
junk = st.recursive(
    st.none() | st.booleans() | odd_numbers | st.floats(allow_nan=False, allow_infinity=False) | odd_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_texts, inner, max_size=4),
    max_leaves=12,
)
places = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)


class Schemas:
    """Makes strategies of schemas. ``ids`` are those of things that exist; ``components`` resolves references."""

    def __init__(self, components: Mapping[str, Schema], ids: Sequence[str]) -> None:
        self._components = components
        self.ids = st.sampled_from(list(ids)) | st.uuids().map(str)
        self._kinds: Mapping[str, Callable[[Schema, int], Strategy]] = {
            "string": self._text,
            "integer": lambda schema, _: self._number(schema, whole=True),
            "number": lambda schema, _: self._number(schema, whole=False),
            "boolean": lambda *_: st.booleans(),
            "null": lambda *_: st.none(),
            "array": self._array,
            "object": self._object,
        }

    def loosely(self, schema: Schema) -> Strategy:
        """Return values of the schema, and now and then anything else."""
        return st.integers(0, 9).flatmap(lambda roll: self.exactly(schema) if roll else junk)

    def exactly(self, schema: Schema, depth: int = DEPTH) -> Strategy:
        """Return values of the schema, as far as we understand it; below ``depth`` anything."""
        if depth < 0:
            return junk
        if "$ref" in schema:
            return self.exactly(self._components[schema["$ref"].rpartition("/")[2]], depth)
        if "enum" in schema or "const" in schema:
            return st.sampled_from(schema.get("enum") or [schema["const"]])
        for union in ("oneOf", "anyOf", "allOf"):
            if union in schema:
                return st.one_of([self.exactly(each, depth) for each in schema[union]])
        kinds = schema.get("type", "object" if "properties" in schema else [])
        wanted = [self._kinds[kind](schema, depth) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
        return st.one_of(wanted) if wanted else junk

    def _text(self, schema: Schema, _: int) -> Strategy:
        match schema.get("format"):
            case "uuid":
                return self.ids
            case "date-time":
                return st.sampled_from(INSTANTS) | st.datetimes().map(lambda at: f"{at.isoformat()}Z")
            case _:
                longest = min(schema.get("maxLength", 30), 30)
                return st.text("abcXYZ-_ 019.:é", max_size=longest) | odd_texts

    def _number(self, schema: Schema, *, whole: bool) -> Strategy:
        least, most = schema.get("minimum"), schema.get("maximum")
        within = st.integers(
            math.ceil(least) if least is not None else None, math.floor(most) if most is not None else None
        )
        return (within if whole else within | st.floats(least, most, allow_nan=False)) | odd_numbers

    def _array(self, schema: Schema, depth: int) -> Strategy:
        items = schema.get("items", {})
        return st.lists(self._member(items, depth), max_size=4)

    def _object(self, schema: Schema, depth: int) -> Strategy:
        shown: Mapping[str, Schema] = schema.get("properties", {})
        if not shown:
            return geometries | st.dictionaries(odd_texts, junk, max_size=3)
        required = {
            name: self._member(each, depth) for name, each in shown.items() if name in schema.get("required", ())
        }
        optional = {name: self._member(each, depth) for name, each in shown.items() if name not in required}
        return st.fixed_dictionaries(required, optional=optional)

    def _member(self, schema: Schema, depth: int) -> Strategy:
        return st.integers(0, 19).flatmap(lambda roll: self.exactly(schema, depth - 1) if roll else junk)


def _ring(corner: list[float]) -> list[list[float]]:
    lon, lat = corner
    return [[lon, lat], [lon + 1, lat], [lon + 1, lat + 1], [lon, lat]]


_coordinates = st.recursive(
    st.floats(-200, 200) | odd_numbers, lambda inner: st.lists(inner, max_size=5), max_leaves=20
)
geometries = (
    places.map(lambda place: {"type": "Point", "coordinates": place})
    | places.map(lambda corner: {"type": "Polygon", "coordinates": [_ring(corner)]})
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["Point", "Polygon", "MultiPolygon", "Nonsense"]), "coordinates": _coordinates}
    )
)
