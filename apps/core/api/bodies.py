"""Objects as REST writes them, kept in the process: what has not changed since it was written is not written again.

A kept text is found by the stamp of its row: the object's id, and PostgreSQL's own name for one state of one row, so no
change can be missed, by whatever way it comes. Who may see an object is asked before, never kept here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, TextField
from django.db.models.sql.compiler import SQLCompiler

MOST_BYTES: Final = 64 * 1024 * 1024
ID_LENGTH: Final = 36


class Kept(NamedTuple):
    """A text, and how many bytes it has."""

    fragment: orjson.Fragment
    size: int


class RowStamp(Func):
    """The stamp of a row: its id, which transaction wrote it, and where it lies; never the same for two states."""

    output_field = TextField()

    def __init__(self) -> None:
        super().__init__(F("pk"))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> tuple[str, tuple[()]]:  # type: ignore[override]  # it takes no template
        """Name the two columns that every table has and no model knows, of the table that the key is read from."""
        key = self.get_source_expressions()[0]
        table, column = (connection.ops.quote_name(name) for name in (key.alias, key.target.column))
        return f"concat({table}.{column}, {table}.xmin, {table}.ctid)", ()


class KeptBodies:
    """The texts of one noun; shared by the threads of a process. The oldest go when there are too many."""

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._texts: dict[str, Kept] = {}
        self._bytes = 0
        self._most_bytes = most_bytes
        self._lock = threading.Lock()

    def page(
        self, stamps: Sequence[str], write: Callable[[Sequence[UUID]], Iterable[tuple[str, bytes]]]
    ) -> list[orjson.Fragment]:
        """Return a page's objects in their order; ``write`` is called once, for those whose state is not known yet.

        It returns each with its stamp. What it does not return is gone, or no longer the caller's to see: left out.
        """
        texts = [self._texts.get(stamp) for stamp in stamps]
        missing = [UUID(stamp[:ID_LENGTH]) for stamp, text in zip(stamps, texts, strict=True) if text is None]
        written = {stamp[:ID_LENGTH]: self._keep(stamp, text) for stamp, text in write(missing)} if missing else {}
        shown = (text or written.get(stamp[:ID_LENGTH]) for stamp, text in zip(stamps, texts, strict=True))
        return [text.fragment for text in shown if text is not None]

    def _keep(self, stamp: str, text: bytes) -> Kept:
        kept = Kept(orjson.Fragment(text), len(text))
        with self._lock:
            self._drop(stamp)
            self._texts[stamp] = kept
            self._bytes += kept.size
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._texts)))
        return kept

    def _drop(self, stamp: str) -> None:
        gone = self._texts.pop(stamp, None)
        self._bytes -= gone.size if gone else 0
