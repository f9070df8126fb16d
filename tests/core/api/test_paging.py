"""Keyset pages: together they are the whole list, in any order, at any size, while rows come and go."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase
from rest_framework.test import APIRequestFactory

from apps.access.models import Role, User
from apps.core.api import paging
from apps.core.api.paging import SALT, KeysetPaginator, make_cursor, read_limit, with_key
from apps.core.api.views import NounView
from apps.core.types import Invalid
from tests.factories.access import make_role
from tests.factories.core import after

FIELDS = ("description", "version", "changed_at", "name")


def page(query: str, *, ordering: tuple[str, ...] = ("pk",), path: str = "/api/v1/things") -> tuple[list[Any], Any]:
    view = NounView()
    view.ordering, view.sort_fields = ordering, FIELDS
    request = view.initialize_request(APIRequestFactory().get(f"{path}?{query}"))
    paginator = KeysetPaginator()
    rows = paginator.paginate_queryset(Role.objects.all(), request, view)
    return rows, paginator.get_paginated_response(rows).data


def walk(ordering: tuple[str, ...], limit: int) -> list[Role]:
    rows, query = [], f"limit={limit}"
    for _ in range(100):
        found, body = page(query, ordering=ordering)
        rows += found
        if body["next"] is None:
            return rows
        query = body["next"].partition("?")[2]
    raise AssertionError("It never ends.")


class TestWhateverTheOrder(HypothesisTestCase):
    @settings(deadline=None)
    @given(data=st.data())
    def test_pages_are_the_list(self, data: Any) -> None:
        for number in range(data.draw(st.integers(0, 9))):
            Role.objects.create(
                name=f"role {number}",
                description=data.draw(st.sampled_from(["", "a", "b"])),
                version=data.draw(st.integers(1, 3)),
                changed_at=after(data.draw(st.integers(0, 2))),
            )
        names = data.draw(st.lists(st.sampled_from(FIELDS), unique=True))
        ordering = tuple(data.draw(st.sampled_from(["", "-"])) + name for name in names)

        seen = walk(ordering, data.draw(st.integers(1, 4)))

        assert seen == list(Role.objects.order_by(*with_key(ordering)))


@pytest.mark.django_db
def test_the_next_page_is_told_in_body_and_link_and_keeps_the_other_parameters() -> None:
    for number in range(3):
        make_role(name=f"role {number}")
    _, body = page("limit=2&q=a%26b&count=exact")

    assert (len(body["items"]), body["count"]) == (2, 3)
    assert body["next"].startswith("http://testserver/api/v1/things?limit=2&q=a%26b&count=exact&cursor=")


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "count"), [("exact", 3), ("capped", 2)], ids=str)
def test_a_capped_count_goes_no_further_than_its_cap(monkeypatch: pytest.MonkeyPatch, asked: str, count: int) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 2)
    for _ in range(3):
        make_role()
    _, body = page(f"limit=1&count={asked}")
    assert (len(body["items"]), body["count"]) == (1, count)


@pytest.mark.django_db
def test_a_row_that_vanishes_or_appears_shifts_no_page() -> None:
    rows = sorted((make_role() for _ in range(6)), key=lambda row: row.pk)
    first, body = page("limit=2")
    Role.objects.filter(pk__in=[row.pk for row in rows[:2]]).delete()

    second, _ = page(body["next"].partition("?")[2])

    assert (first, second) == (rows[:2], rows[2:4])


def forged(*, path: str = "/api/v1/things", order: str = "pk", values: Any = ("x",), salt: str = SALT) -> str:
    return signing.dumps([path, order, list(values)], salt=salt)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=1e3",
        "limit=٣",
        "limit=" + "9" * 5000,
        "limit=",
        "count=all",
        "sort=secret",
        "sort=--name",
        "sort=name__startswith",
        "cursor=",
        "cursor=abc",
        "cursor=%00",
        "cursor=" + "a" * 5000,
        # Signed cursors carry the second in which they were made, and workers must agree on a test's name.
        pytest.param(f"cursor={forged(salt='other')}", id="another-salt"),
        pytest.param(f"cursor={forged()}", id="forged"),
        pytest.param(f"cursor={forged(values=[])}", id="no-values"),
        pytest.param(f"cursor={forged(path='/api/v1/others')}", id="another-list"),
        pytest.param(f"cursor={forged(order='name,pk', values=['a', 'b'])}", id="another-order"),
        pytest.param(f"cursor={signing.dumps({'a': 1}, salt=SALT)}", id="no-list"),
        pytest.param(f"cursor={signing.dumps(1, salt=SALT)}", id="a-number"),
    ],
)
def test_a_bad_parameter_is_told_and_never_breaks_anything(query: str) -> None:
    with pytest.raises(Invalid) as refused:
        page(query)

    assert refused.value.code == "invalid_parameter"
    assert refused.value.errors[0].pointer == f"?{query.partition('=')[0]}"


@pytest.mark.django_db
def test_a_limit_above_the_maximum_is_the_maximum() -> None:
    make_role()

    assert len(page("limit=999999999")[0]) == 1


def test_a_field_that_may_be_null_cannot_be_paged_by() -> None:
    with pytest.raises(ImproperlyConfigured):
        make_cursor(User(), "/", ["organisation_id"])


@pytest.mark.django_db
def test_a_view_may_have_larger_pages() -> None:
    view = NounView()
    view.max_limit = 1_500
    request = view.initialize_request(APIRequestFactory().get("/api/v1/things?limit=2000"))
    make_role()
    paginator = KeysetPaginator()
    paginator.paginate_queryset(Role.objects.all(), request, view)
    [limit] = [each for each in paginator.get_schema_operation_parameters(view) if each["name"] == "limit"]
    assert (limit["schema"]["maximum"], read_limit(request, maximum=view.max_limit)) == (1_500, 1_500)
