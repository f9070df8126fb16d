"""JSON written by the database, one text for each row: for pages of many small rows.

Reading a dozen columns into Python only to write them out again costs three times as much. Use it for columns whose
text needs no escaping; what people typed is written by ``orjson``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from django.db.models import Expression, Func, TextField, Value

# A text stands for itself: it is JSON already.
Shape: TypeAlias = str | Expression | Mapping[str, "Shape"] | Sequence["Shape"]


class Number(Func):
    """A finite number, or null."""

    template = "coalesce((%(expressions)s)::text, 'null')"
    output_field = TextField()


class Quoted(Func):
    """An id, an instant or another word that is never null and holds nothing that JSON would escape."""

    template = """'"' || (%(expressions)s) || '"'"""
    output_field = TextField()


def json_text(shape: Mapping[str, Shape]) -> Func:
    """Return the expression of an object's text; the members are texts of JSON, expressions, objects and arrays."""
    parts = groupby(_parts(shape), key=lambda part: isinstance(part, str))
    written: list[Expression] = []
    for is_text, group in parts:
        written += (
            [Value("".join(map(str, group)))] if is_text else [each for each in group if not isinstance(each, str)]
        )
    return Func(*written, function="concat", output_field=TextField())


def _parts(shape: Shape) -> Iterator[str | Expression]:
    if isinstance(shape, str | Expression):
        yield shape
    elif isinstance(shape, Mapping):
        for number, (name, member) in enumerate(shape.items()):
            yield f'{"," if number else "{"}"{name}":'
            yield from _parts(member)
        yield "}"
    else:
        for number, member in enumerate(shape):
            yield "," if number else "["
            yield from _parts(member)
        yield "]"
