"""Parts of texts are looked for in an index, however many rows there are."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from apps.assets.models import Asset
from apps.assets.queries import assets_matching
from apps.zones.models import Zone
from apps.zones.queries import zones_matching
from tests.factories.assets import make_asset
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db


def plan_of(rows: QuerySet[Any]) -> str:
    """Return how PostgreSQL would find the rows if reading the whole table were dear, as it is with many rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"
        )
        return rows.explain()


def test_assets_are_found_by_a_part_of_their_name_or_of_an_identifier() -> None:
    named = make_asset("Harbour Tug Seven", identifiers=[("mmsi", "367000001")])
    known = make_asset("Ferry", identifiers=[("plate", "XTUGX")])
    make_asset("Barge", identifiers=[("mmsi", "367000002")])
    found = assets_matching(Asset.objects.all(), q="tug")
    assert set(found) == {named, known}
    assert {"asset_name_parts", "identifier_value_parts"} <= set(plan_of(found).replace("\n", " ").split())


def test_zones_are_found_by_a_part_of_their_name_or_of_their_description() -> None:
    named, described, other = make_zone("Naval depot"), make_zone("Basin"), make_zone("Pier")
    Zone.objects.filter(pk=described.pk).update(description="Keep off the depot")
    found = zones_matching(Zone.objects.all(), q="DEPOT")
    assert set(found) == {named, described}
    assert other not in found
    assert {"zone_name_parts", "zone_description_parts"} <= set(plan_of(found.order_by()).replace("\n", " ").split())


def test_zones_are_sorted_by_name_by_an_index() -> None:
    make_zone()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    assert "zone_by_name" in Zone.objects.order_by("name", "pk").only("pk")[:10].explain()
