"""How PostgreSQL runs the statements of tracking when there is much: by index."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH

from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.core.ids import new_id
from apps.tracking.models import Presence
from apps.tracking.queries import _TRACK
from apps.tracking.services import maintain_partitions
from apps.tracking.services.admission import admit
from apps.tracking.services.columns import execute
from apps.tracking.services.known import forget_known
from apps.tracking.services.statements import STORE
from apps.tracking.services.storing import _columns
from apps.tracking.types import Submission
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.tracking import FAR_AWAY, follow, ingest, report
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db


def test_psycopg_remembers_how_it_reads_the_statement_of_ingest() -> None:
    assert len(STORE) <= MAX_CACHED_STATEMENT_LENGTH


@pytest.fixture
def crowd() -> list[Asset]:
    """A thousand assets that have been heard of."""
    pattern = make_asset()
    assets = [
        Asset(id=new_id(), name=f"{number}", kind=pattern.kind, organisation=pattern.organisation)
        for number in range(1000)
    ]
    Asset.objects.bulk_create(assets)
    Presence.objects.bulk_create(
        Presence(asset=asset, due_at=after(minutes=number)) for number, asset in enumerate(assets)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tracking_presence")
    return assets


def test_a_batch_finds_its_presences_by_index(crowd: list[Asset]) -> None:
    submission = Submission(actor=SYSTEM, source="api", received_at=NOON, items=[report(crowd[0])])
    batch = admit([submission], forget_known())
    plan = "\n".join(str(row[0]) for row in execute(f"EXPLAIN {STORE}", _columns(batch)))
    assert "Seq Scan on tracking_presence" not in plan


def test_a_large_batch_compares_nothing_row_by_row(crowd: list[Asset]) -> None:
    items = [report(asset) for asset in crowd]
    batch = admit([Submission(actor=SYSTEM, source="api", received_at=NOON, items=items)], forget_known())
    plan = "\n".join(str(row[0]) for row in execute(f"EXPLAIN (ANALYZE) {STORE}", _columns(batch)))
    assert "Rows Removed by Join Filter" not in plan


def test_the_clock_finds_who_is_due_by_index(crowd: list[Asset]) -> None:
    assert "presence_due" in Presence.objects.filter(due_at__lte=after(minutes=3)).order_by("due_at")[:500].explain()


def test_who_is_inside_is_found_by_index(crowd: list[Asset]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "presence_in_zone" in Presence.objects.filter(zone_ids__contains=[new_id()]).explain()


def test_a_track_reads_only_its_days_and_its_asset() -> None:
    asset = make_asset()
    maintain_partitions(NOON)
    maintain_partitions(NOON + timedelta(days=4))
    follow(asset, [(0, FAR_AWAY), (24 * 60, FAR_AWAY)])
    asked: dict[str, Any] = {"asset_id": asset.pk, "start": NOON, "end": after(hours=1), "most": 10, "windows": ["(,)"]}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {_TRACK}", asked)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "tracking_position_20260630_pkey" in plan
    assert "tracking_position_20260701" not in plan


@pytest.mark.django_db(transaction=True)
def test_a_batch_in_which_nothing_is_found_takes_one_statement_and_the_clock_few() -> None:
    asset, _ = make_asset(), make_zone()
    ingest(report(asset))
    with CaptureQueriesContext(connection) as captured:
        ingest(report(asset, 1))
    assert [query["sql"] for query in captured] == ["BEGIN", "COMMIT"]
