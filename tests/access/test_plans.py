"""The condition of ``visible`` is answered from indexes, also when there is much that one may not see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection

from apps.access import services
from apps.access.queries import actor_of_user, visible
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from tests.access.test_doors import make_asset
from tests.factories.access import assign, make_organisation, make_user
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db


def nodes(plan: dict[str, Any]) -> list[str]:
    return [plan["Node Type"], *(name for inner in plan.get("Plans", []) for name in nodes(inner))]


def test_a_selective_person_is_served_by_two_index_lookups() -> None:
    many, few = make_organisation(), make_organisation()
    kind = make_asset(few).kind
    Asset.objects.bulk_create(Asset(kind=kind, organisation=many, name=f"a{number}") for number in range(5_000))
    granted = make_asset(many)
    bob = make_user("bob")
    assign(bob, ["assets.view"], few)
    services.grant_access(granted, "assets.view", to=bob, actor=SYSTEM, at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE assets_asset")

    rows = visible(Asset.objects.order_by(), actor_of_user(bob), "assets.view")
    plan = json.loads(rows.explain(format="json"))[0]["Plan"]

    assert rows.count() == 2
    assert "Seq Scan" not in nodes(plan)
    assert nodes(plan).count("Bitmap Index Scan") == 2
