"""Columns of a batch in PostgreSQL's binary form, made by numpy instead of value by value.

psycopg writes arrays one element at a time in Python, which for a batch of 1,000 fixes takes longer than storing it.
Here a column is a buffer as ``array_recv`` reads it: a header, then length and bytes of each element, big endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID
from weakref import WeakSet

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_NAN: Final = float("nan")
HEADER_BYTES: Final = 20
NULL: Final = struct.pack(">i", -1)
POSTGRES_EPOCH: Final = 946_684_800_000_000  # 2000-01-01, in microseconds of Unix time


class Column:
    """One array, ready to be sent; subclasses say of what."""

    oid: ClassVar[int]
    element_oid: ClassVar[int]
    __slots__ = ("buffer",)

    def __init__(self, elements: bytes, count: int, has_null: int = 0) -> None:
        if count == 0:
            self.buffer = struct.pack(">iii", 0, 0, self.element_oid)
        else:
            self.buffer = struct.pack(">iiiii", 1, has_null, self.element_oid, count, 1) + elements


C = TypeVar("C", "Floats", "Texts")


class Floats(Column):
    """``float8[]``; ``None`` is null."""

    oid, element_oid = 1022, 701

    def __init__(self, values: Sequence[float | None]) -> None:
        if _is_nothing(values):
            super().__init__(NULL * len(values), len(values), has_null=1)
            return
        numbers = np.array(values, dtype=np.float64)
        super().__init__(*_eight_bytes(numbers, ">f8", np.isnan(numbers)))


class Integers(Column):
    """``int4[]``."""

    oid, element_oid = 1007, 23

    def __init__(self, values: Sequence[int]) -> None:
        rows = np.empty(len(values), dtype=[("length", ">i4"), ("value", ">i4")])
        rows["length"], rows["value"] = 4, values
        super().__init__(rows.tobytes(), len(values))


class Instants(Column):
    """``timestamptz[]`` of aware instants; ``None`` is null. Exact to the microsecond until the year 2100."""

    oid, element_oid = 1185, 1184

    def __init__(self, values: Sequence[datetime | None]) -> None:
        is_null = np.array([value is None for value in values], dtype=np.bool_)
        seconds = [0.0 if value is None else value.timestamp() for value in values]
        # A double of seconds lies within a quarter of a microsecond of the instant, so rounding finds it again.
        micros = np.rint(np.array(seconds) * 1e6).astype(np.int64) - POSTGRES_EPOCH
        super().__init__(*_eight_bytes(micros, ">i8", is_null))


class Uuids(Column):
    """``uuid[]``."""

    oid, element_oid = 2951, 2950

    def __init__(self, values: Iterable[UUID]) -> None:
        packed = b"".join([value.int.to_bytes(16, "big") for value in values])
        self._elements = np.empty(len(packed) // 16, dtype=[("length", ">i4"), ("value", "V16")])
        self._elements["length"], self._elements["value"] = 16, np.frombuffer(packed, dtype="V16")
        super().__init__(self._elements.tobytes(), len(self._elements))

    def spread(self, places_of: Sequence[Sequence[int]], count: int) -> Uuids:
        """Return a column of so many elements in which each id of this one stands at its places."""
        numbers = np.empty(count, dtype=np.intp)
        for number, places in enumerate(places_of):
            for place in places:
                numbers[place] = number
        column = Uuids(())
        Column.__init__(column, self._elements[numbers].tobytes(), count)
        return column


class Texts(Column):
    """``text[]``; ``None`` is null."""

    oid, element_oid = 1009, 25

    def __init__(self, values: Sequence[str | None]) -> None:
        if _is_nothing(values):
            super().__init__(NULL * len(values), len(values), has_null=1)
            return
        # A text that comes often is packed once.
        packed = {value: NULL if value is None else _text(value) for value in set(values)}
        super().__init__(b"".join([packed[value] for value in values]), len(values), has_null=int(None in packed))


def sparse(kind: type[C], values: Sequence[Any]) -> C:
    """Return a column that is empty when it holds nothing: beside longer ones ``unnest`` fills it up with nulls."""
    return kind(()) if _is_nothing(values) else kind(values)


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> Buffer:
        return obj.buffer


def execute(statement: str, columns: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement of which columns are parameters on Django's connection; return its rows. One round trip.

    Django's own cursors write parameters into the statement as text. Here the server binds them, and plans once for
    each connection (``plan_cache_mode`` in the settings): left to itself it would plan anew for every batch, which
    costs more than storing a small one.
    """
    connection.ensure_connection()
    own = connection.connection
    if own not in _taught:
        _teach(own)
    with connection.wrap_database_errors, psycopg.Cursor(own) as cursor:
        with own.pipeline():  # the transaction begins on the same way
            cursor.execute(statement, columns, prepare=True, binary=True)
        return cursor.fetchall()


def _teach(own: psycopg.Connection[Any]) -> None:
    for kind, dumper in _DUMPERS.items():
        own.adapters.register_dumper(kind, dumper)
    own.prepare_threshold = 5  # Django sets none, and then nothing is ever prepared
    _taught.add(own)


def _is_nothing(values: Sequence[object]) -> bool:
    return values.count(None) == len(values)


def _eight_bytes(values: NDArray[Any], kind: str, is_null: NDArray[np.bool_]) -> tuple[bytes, int, int]:
    """Return elements of eight bytes each, how many, and whether some are null: of those only the length is sent."""
    rows = np.empty(len(values), dtype=[("length", ">i4"), ("value", kind)])
    rows["length"], rows["value"] = 8, values
    if not is_null.any():
        return rows.tobytes(), len(values), 0
    rows["length"][is_null] = -1
    is_sent = np.ones((len(values), 12), dtype=np.bool_)
    is_sent[is_null, 4:] = False
    return rows.view(np.uint8).reshape(-1, 12)[is_sent].tobytes(), len(values), 1


def _uuid(value: UUID) -> bytes:
    return b"\x00\x00\x00\x10" + value.bytes


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">i", len(encoded)) + encoded


_DUMPERS: Final[dict[type[Column], type[Dumper]]] = {
    kind: type(f"{kind.__name__}Dumper", (_ColumnDumper,), {"oid": kind.oid})
    for kind in (Floats, Integers, Instants, Uuids, Texts)
}
_taught: Final[WeakSet[psycopg.Connection[Any]]] = WeakSet()
