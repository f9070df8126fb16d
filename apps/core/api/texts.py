"""JSON written by the database, one text for each row: for pages of many small rows.

Reading a dozen columns into Python only to write them out again costs three times as much. Use it for columns whose
text needs no escaping; what people typed is written by ``orjson``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Aggregate, Expression, F, Func, QuerySet, TextField, Value


class Number(Func):
    """A finite number, or null."""

    template = "coalesce((%(expressions)s)::text, 'null')"
    output_field = TextField()


@dataclass(frozen=True, slots=True)
class Quoted:
    """An id, an instant or another word that is never null and holds nothing that JSON would escape."""

    word: str | Expression


# A text stands for itself: it is JSON already.
Shape: TypeAlias = str | Expression | Quoted | Mapping[str, "Shape"] | Sequence["Shape"]
# No text of JSON holds one outside of what is escaped.
BETWEEN = "\n"


class Nth(Aggregate):
    """The value of the nth row, from 1; null where there are fewer."""

    template = "(array_agg(%(expressions)s))[%(nth)s]"
    allow_distinct = False


def page_of_texts(page: QuerySet[Any, Any], keys: Sequence[str], nth: int) -> tuple[list[str], dict[str, Any]]:
    """Return the ``text`` of every row of a limited queryset, and some columns of its nth row.

    One statement and one value, however many rows: ten thousand rows of one text each cost Python more than the texts.
    """
    columns = {f"key_{name}": Nth(F(name), nth=nth) for name in keys}
    found = page.aggregate(texts=StringAgg("text", BETWEEN, default=Value("")), **columns)
    texts = found.pop("texts")
    return texts.split(BETWEEN) if texts else [], {name: found[f"key_{name}"] for name in keys}


def json_text(shape: Mapping[str, Shape]) -> Func:
    """Return the expression of an object's text; the members are texts of JSON, expressions, objects and arrays."""
    parts = groupby(_parts(shape), key=lambda part: isinstance(part, str))
    written: list[Expression | F] = []
    for is_text, group in parts:
        written += (
            [Value("".join(map(str, group)))] if is_text else [each for each in group if not isinstance(each, str)]
        )
    return Func(*written, function="concat", output_field=TextField())


def _parts(shape: Shape) -> Iterator[str | Expression | F]:
    if isinstance(shape, str | Expression):
        yield shape
    elif isinstance(shape, Quoted):
        yield '"'
        yield F(shape.word) if isinstance(shape.word, str) else shape.word
        yield '"'
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
