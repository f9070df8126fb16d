"""How many statements go to the database: those of Django, and those that are prepared and go past it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import psycopg


@contextmanager
def statements_sent() -> Iterator[mock.MagicMock]:
    """Count statements: ``call_count`` of what is yielded."""
    with mock.patch.object(psycopg.Cursor, "execute", autospec=True, side_effect=psycopg.Cursor.execute) as executed:
        yield executed
