"""Rows by prepared statements are the rows of the ORM, and what was not read is read when asked."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.db import DatabaseError, connection, transaction

from apps.access.models import Role
from apps.core.prepared import all_rows, columns_of, first_row, row_of
from tests.factories.access import make_role

pytestmark = pytest.mark.django_db
ONLY: Final = ("name", "id", "actions")
STATEMENT: Final = f"SELECT {columns_of(Role, 'held', ONLY)} FROM access_role AS held WHERE name = %s"


def test_a_row_is_the_orms_row_and_the_rest_is_read_when_asked(django_assert_num_queries: Any) -> None:
    role = make_role(name="Pilot")
    found = first_row(STATEMENT, ["Pilot"])
    assert found is not None
    row = row_of(Role, ONLY, found)
    with django_assert_num_queries(0):
        assert (row, row.name, row.actions) == (role, "Pilot", role.actions)
    with django_assert_num_queries(1):
        assert row.version == role.version


def test_all_rows_are_found_in_their_order() -> None:
    for name in ("Pilot", "Agent"):
        make_role(name=name)
    assert all_rows("SELECT name FROM access_role ORDER BY name", []) == [("Agent",), ("Pilot",)]


def test_nothing_is_found_where_nothing_is() -> None:
    make_role(name="Pilot")
    assert first_row(STATEMENT, ["Nobody"]) is None


def test_it_is_prepared_once_for_a_connection() -> None:
    for _ in range(3):
        first_row(STATEMENT, ["Pilot"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%access_role AS held%%'")
        assert cursor.fetchone() == (1,)


def test_an_error_is_djangos() -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        first_row("SELECT FROM nowhere", [])
    assert first_row("SELECT 1", []) == (1,)
