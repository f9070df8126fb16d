"""Columns say to PostgreSQL exactly what psycopg's own parameters would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.tracking.services.columns import Column, Floats, Instants, Integers, Texts, Uuids, execute

pytestmark = pytest.mark.django_db

floats = st.floats(allow_nan=False)
instants = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def back(column: Column) -> list[object]:
    (row,) = execute("SELECT %(column)s", {"column": column})
    return list(row[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_every_column_arrives_as_it_was(data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.one_of(st.none(), floats)))
    moments = data.draw(st.lists(st.one_of(st.none(), instants)))
    words = data.draw(st.lists(st.one_of(st.none(), texts)))
    ids = data.draw(st.lists(st.uuids()))
    places = data.draw(st.lists(st.integers(-(2**31), 2**31 - 1)))
    arrived = [back(each) for each in (Floats(numbers), Instants(moments), Texts(words), Uuids(ids), Integers(places))]
    assert arrived == [numbers, moments, words, ids, places]


def test_an_instant_in_another_zone_is_the_same_instant() -> None:
    at = datetime(2026, 7, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert back(Instants([at])) == [datetime(2026, 7, 1, 12, tzinfo=UTC)]


def test_not_a_number_is_nothing() -> None:
    assert back(Floats([1.0, float("nan"), None])) == [1.0, None, None]


def test_a_column_may_be_nothing_but_nulls_or_empty() -> None:
    assert [back(Floats([None, None])), back(Texts([None])), back(Uuids([])), back(Uuids([UUID(int=1)] * 2))] == [
        [None, None],
        [None],
        [],
        [UUID(int=1)] * 2,
    ]
