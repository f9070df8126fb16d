"""Rows by statements that are prepared once for each connection: for what every request reads.

The ORM writes a statement afresh each time, and PostgreSQL plans it afresh: for one row by its key that costs ten times
as much as reading it. Only reads belong here, and only those that every request makes, or the clock over and over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import psycopg
from django.db import connection
from django.db.models import Model

M = TypeVar("M", bound=Model)


def first_row(statement: str, parameters: Sequence[object]) -> tuple[Any, ...] | None:
    """Return the first row that a statement finds, as psycopg reads it: JSON is text."""
    with connection.wrap_database_errors, _cursor() as cursor:
        return cursor.execute(statement, parameters, prepare=True).fetchone()


def all_rows(statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """Return all rows that a statement finds, as psycopg reads them: JSON is text."""
    with connection.wrap_database_errors, _cursor() as cursor:
        return cursor.execute(statement, parameters, prepare=True).fetchall()


def read_token(statement: str) -> int:
    """Return the token that a statement reads (``core.models.Token``), 0 before the first."""
    row = first_row(statement, ())
    return row[0] if row else 0


def columns_of(model: type[Model], table: str, only: Collection[str]) -> str:
    """Return some columns of a model, as ``row_of`` takes them, for a statement that calls its table so."""
    return ", ".join(f"{table}.{name}" for name in _attributes(model, only))


def row_of(model: type[M], only: Collection[str], values: Sequence[Any]) -> M:
    """Return a row of which only these columns were read; the others are read when somebody asks for them.

    For fields that convert nothing of what psycopg reads.
    """
    return model.from_db(connection.alias, _attributes(model, only), values)


def _cursor() -> psycopg.Cursor[tuple[Any, ...]]:
    connection.ensure_connection()
    own = connection.connection
    if own.prepare_threshold is None:  # Django sets none, and then nothing is ever prepared
        own.prepare_threshold = 5
    return psycopg.Cursor(own)


def _attributes(model: type[Model], only: Collection[str]) -> list[str]:
    """Return names in the order in which Django takes their values."""
    return [field.attname for field in model._meta.concrete_fields if field.attname in only]
