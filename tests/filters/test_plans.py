"""Conditions that an index can serve are served by it, behind a filter as without one."""

from __future__ import annotations

import pytest
from django.db import connection

from apps.filters.queries import compile_sql, parse
from apps.filters.registry import queryables_of
from apps.incidents.models import Incident
from apps.zones.models import Zone

pytestmark = pytest.mark.django_db

PLANS = {
    "box": (Zone, "zones", "S_INTERSECTS(geometry, BBOX(0, 0, 1, 1)) AND is_active", "area"),
    "polygon": (Zone, "zones", "S_WITHIN(geometry, POLYGON((0 0, 1 0, 1 1, 0 0)))", "area"),
    "id": (Zone, "zones", "id = '0198c1f0-0000-7000-8000-000000000001'", "id"),
    "name": (Zone, "zones", "name = 'Pier 9' AND lower_m IS NULL", "name"),
    "in": (Incident, "incidents", "id IN ('0198c1f0-0000-7000-8000-000000000001')", "id"),
    "point": (Incident, "incidents", "S_INTERSECTS(geometry, BBOX(0, 0, 1, 1))", "location"),
}


@pytest.mark.parametrize("name", PLANS)
def test_an_index_serves_the_filter(name):
    model, noun, text, column = PLANS[name]
    rows = model._default_manager.filter(compile_sql(parse(text, queryables=queryables_of(noun))))
    with connection.cursor() as cursor:
        # With no rows a scan of the table would always be cheaper.
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = rows.order_by().explain()

    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert any(column in line for line in conditions), plan
