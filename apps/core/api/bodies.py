"""Objects as REST writes them, kept in the process: what has not changed since it was written is not written again.

A kept text is found by the object's id and the stamp of its row. A stamp is PostgreSQL's own name for one state of one
row, so no change can be missed, by whatever way it comes. Who may see an object is asked before, never kept here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, TextField
from django.db.models.sql.compiler import SQLCompiler

MOST_BYTES = 64 * 1024 * 1024


class Kept(NamedTuple):
    """Which object, in which state."""

    id: UUID
    stamp: str


class RowStamp(Func):
    """The stamp of a row: which transaction wrote it, and where it lies. Both are never the same for two states."""

    output_field = TextField()

    def __init__(self) -> None:
        super().__init__(F("pk"))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> tuple[str, tuple[()]]:  # type: ignore[override]  # it takes no template
        """Name the two columns that every table has and no model knows, of the table that the key is read from."""
        key = self.get_source_expressions()[0]
        table = connection.ops.quote_name(key.alias)
        return f"concat({table}.xmin, {table}.ctid)", ()


class KeptBodies:
    """The texts of one noun; shared by the threads of a process. The oldest go when there are too many."""

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._texts: dict[Kept, bytes] = {}
        self._bytes = 0
        self._most_bytes = most_bytes
        self._lock = threading.Lock()

    def page(
        self, wanted: Sequence[Kept], write: Callable[[Sequence[UUID]], Iterable[tuple[Kept, bytes]]]
    ) -> list[orjson.Fragment]:
        """Return a page's objects in their order; ``write`` is called once, for those whose state is not known yet.

        What ``write`` does not return is gone, or no longer the caller's to see, and is left out.
        """
        found = {kept.id: text for kept in wanted if (text := self._texts.get(kept)) is not None}
        if missing := [kept.id for kept in wanted if kept.id not in found]:
            for kept, text in write(missing):
                found[kept.id] = text
                self._keep(kept, text)
        return [orjson.Fragment(found[kept.id]) for kept in wanted if kept.id in found]

    def _keep(self, kept: Kept, text: bytes) -> None:
        with self._lock:
            self._bytes += len(text) - len(self._texts.pop(kept, b""))
            self._texts[kept] = text
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._texts.pop(next(iter(self._texts))))
