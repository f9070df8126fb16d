"""The words of CQL2 and their parts of speech (OGC 21-065r2), as text and JSON share them."""

from __future__ import annotations

import re
from typing import Final

# So a geometry has at most some two thousand positions.
MOST_BYTES: Final = 8_192
DEEPEST: Final = 64
# The time that a pattern takes grows with its length, for every row again.
LONGEST_PATTERN: Final = 1_000

COMPARISONS: Final = ("=", "<>", "<", ">", "<=", ">=")
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "div", "^")
SPATIAL: Final = (
    "s_intersects", "s_equals", "s_disjoint", "s_touches", "s_within", "s_overlaps", "s_crosses", "s_contains",
)  # fmt: skip
TEMPORAL: Final = (
    "t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedby", "t_finishes",
    "t_intersects", "t_meets", "t_metby", "t_overlappedby", "t_overlaps", "t_startedby", "t_starts",
)  # fmt: skip
# The JSON names, of which some have capitals; text is read without regard to case.
TEMPORAL_JSON: Final = {name.lower(): name for name in ("t_finishedBy", "t_metBy", "t_overlappedBy", "t_startedBy")}
ARRAYS: Final = ("a_equals", "a_contains", "a_containedby", "a_overlaps")
STANDARD: Final = frozenset({*SPATIAL, *TEMPORAL, *ARRAYS, "casei", "accenti", "a_containedby"})
KEYWORDS: Final = frozenset({"and", "or", "not", "like", "between", "in", "is", "null", "true", "false", "div"})
SHAPES: Final = {
    "point": "Point",
    "linestring": "LineString",
    "polygon": "Polygon",
    "multipoint": "MultiPoint",
    "multilinestring": "MultiLineString",
    "multipolygon": "MultiPolygon",
    "geometrycollection": "GeometryCollection",
}

# Identifiers as the grammar of the standard lists them: XML names with a dot, without a hyphen.
_START: Final = (
    ":_A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1ffe\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
IDENTIFIER: Final = f"[{_START}][{_START}.0-9\u0300-\u036f\u203f-\u2040]*"
IDENTIFIER_RE: Final = re.compile(IDENTIFIER)
VARIABLE_RE: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")


def is_plain(name: str) -> bool:
    """Say whether a property may be written without quotes."""
    return bool(IDENTIFIER_RE.fullmatch(name)) and name.lower() not in KEYWORDS
