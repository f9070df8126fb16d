"""Columns of a batch in PostgreSQL's binary form, made by numpy instead of value by value.

psycopg writes arrays one element at a time in Python, which for a batch of 1,000 fixes takes longer than storing it.
Here a column is a buffer as ``array_recv`` reads it: a header, then length and bytes of each element, big endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self
from uuid import UUID

import numpy as np
import psycopg
from django.db import connection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

NULL: Final = struct.pack(">i", -1)
POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Column:
    """One array, ready to be sent; subclasses say of what."""

    oid: ClassVar[int]
    element_oid: ClassVar[int]
    __slots__ = ("buffer",)

    def __init__(self, elements: bytes, count: int, *, has_null: bool = False) -> None:
        if count == 0:
            self.buffer = struct.pack(">iii", 0, 0, self.element_oid)
        else:
            self.buffer = struct.pack(">iiiii", 1, int(has_null), self.element_oid, count, 1) + elements


class Floats(Column):
    """``float8[]``; ``None`` is null."""

    oid, element_oid = 1022, 701

    def __init__(self, values: Sequence[float | None]) -> None:
        numbers = np.array(values, dtype=np.float64)
        is_null = np.isnan(numbers)
        rows = np.empty(len(numbers), dtype=[("length", ">i4"), ("value", ">f8")])
        rows["length"], rows["value"] = np.where(is_null, -1, 8), numbers
        if not is_null.any():
            super().__init__(rows.tobytes(), len(numbers))
            return
        kept = np.ones((len(numbers), 12), dtype=np.bool_)
        kept[is_null, 4:] = False
        super().__init__(rows.view(np.uint8).reshape(-1, 12)[kept].tobytes(), len(numbers), has_null=True)


class Integers(Column):
    """``int4[]``."""

    oid, element_oid = 1007, 23

    def __init__(self, values: Sequence[int]) -> None:
        rows = np.empty(len(values), dtype=[("length", ">i4"), ("value", ">i4")])
        rows["length"], rows["value"] = 4, values
        super().__init__(rows.tobytes(), len(values))


class Instants(Column):
    """``timestamptz[]`` of aware instants; ``None`` is null."""

    oid, element_oid = 1185, 1184

    def __init__(self, values: Iterable[datetime | None]) -> None:
        super().__init__(*_joined(values, _instant), has_null=True)


class Uuids(Column):
    """``uuid[]``."""

    oid, element_oid = 2951, 2950

    def __init__(self, values: Iterable[UUID]) -> None:
        elements = [_uuid(value) for value in values]
        super().__init__(b"".join(elements), len(elements))

    @classmethod
    def spread(cls, places_of: Iterable[tuple[UUID, Iterable[int]]], count: int) -> Self:
        """Return a column of so many elements in which each id stands at its places."""
        elements = [b""] * count
        for value, places in places_of:
            packed = _uuid(value)
            for place in places:
                elements[place] = packed
        column = cls(())
        Column.__init__(column, b"".join(elements), count)
        return column


class Texts(Column):
    """``text[]``; ``None`` is null."""

    oid, element_oid = 1009, 25

    def __init__(self, values: Iterable[str | None]) -> None:
        super().__init__(*_joined(values, _text), has_null=True)


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> Buffer:
        return obj.buffer


def execute(statement: str, columns: Mapping[str, Any], *, is_small: bool) -> list[tuple[Any, ...]]:
    """Run a statement of which columns are parameters on Django's connection; return its rows.

    Django's own cursors write parameters into the statement as text. Here the server binds them. What is ``is_small``
    is prepared, and soon runs by a plan that knows nothing of its parameters; for many rows that plan would be a bad
    one, and planning anew is cheap beside them.
    """
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        for kind, dumper in _DUMPERS.items():
            cursor.adapters.register_dumper(kind, dumper)
        with connection.wrap_database_errors:
            cursor.execute(statement, columns, prepare=is_small, binary=True)
        return cursor.fetchall()


def _joined(values: Iterable[Any], pack: Callable[[Any], bytes]) -> tuple[bytes, int]:
    """Return the elements one after the other, and how many; a value that comes often is packed once."""
    packed: dict[Any, bytes] = {None: NULL}
    elements: list[bytes] = []
    for value in values:
        element = packed.get(value)
        if element is None:
            element = packed[value] = pack(value)
        elements.append(element)
    return b"".join(elements), len(elements)


_pack_instant = struct.Struct(">iq").pack


def _instant(value: datetime) -> bytes:
    since = value - POSTGRES_EPOCH
    return _pack_instant(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _uuid(value: UUID) -> bytes:
    return b"\x00\x00\x00\x10" + value.bytes


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">i", len(encoded)) + encoded


_DUMPERS: Final[dict[type[Column], type[Dumper]]] = {
    kind: type(f"{kind.__name__}Dumper", (_ColumnDumper,), {"oid": kind.oid})
    for kind in (Floats, Integers, Instants, Uuids, Texts)
}
