"""Partitions are made ahead, dropped by age, and never lose a fix."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from apps.tracking.models import Position, Quarantine, Stay
from apps.tracking.services import PartitionReport, existing_partitions, maintain_partitions
from apps.tracking.types import Refused
from tests.factories.assets import make_asset
from tests.factories.core import NOON, after
from tests.factories.tracking import FAR_AWAY, IN_SQUARE, follow, ingest, report
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db

DAYS = ("20260630", "20260701", "20260702", "20260703")


def names(*days: str) -> tuple[str, ...]:
    return tuple(f"tracking_position_{day}" for day in days)


def in_default() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tracking_position_default")
        return int(cursor.fetchone()[0])


def indexes(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT regexp_replace(indexdef, '^.* USING ', '') FROM pg_indexes WHERE tablename = %s", [table]
        )
        return {row[0] for row in cursor.fetchall()}


def test_partitions_are_made_ahead_and_only_once() -> None:
    assert maintain_partitions(NOON) == PartitionReport(created=names(*DAYS))
    assert maintain_partitions(NOON) == PartitionReport()
    assert maintain_partitions(after(days=1)) == PartitionReport(created=names("20260704"))
    first = existing_partitions()[0]
    assert (first.start, first.end) == (datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


def test_a_hot_partition_has_its_key_and_a_brin_and_nothing_else() -> None:
    maintain_partitions(NOON)
    assert indexes("tracking_position_20260630") == {"btree (asset_id, fixed_at, source_id)", "brin (fixed_at)"}


def test_a_fix_outside_of_every_partition_is_kept_and_moved_on() -> None:
    asset = make_asset()
    maintain_partitions(NOON)
    follow(asset, [(-3 * 24 * 60, FAR_AWAY), (0, FAR_AWAY)])
    assert in_default() == 1
    assert maintain_partitions(NOON) == PartitionReport(created=names("20260627"), moved=1)
    assert (in_default(), Position.objects.count()) == (0, 2)
    assert ingest(report(asset, -3 * 24 * 60), received_at=NOON).duplicate == 1


def test_what_is_older_than_we_keep_goes(settings_keep_days) -> None:
    settings_keep_days(2)
    asset, _ = make_asset(), make_zone()
    maintain_partitions(after(days=-5))
    follow(asset, [(-5 * 24 * 60, IN_SQUARE), (-5 * 24 * 60 + 1, FAR_AWAY), (-10 * 24 * 60, FAR_AWAY), (0, IN_SQUARE)])
    ingest(Refused(code="x", detail="x"), received_at=after(days=-31))
    report_ = maintain_partitions(NOON)
    assert report_.dropped == names("20260625", "20260626", "20260627", "20260628")[:3]
    assert report_.forgotten == 3
    assert list(Position.objects.values_list("fixed_at", flat=True)) == [NOON]
    assert list(Stay.objects.values_list("entered_at", flat=True)) == [NOON]
    assert not Quarantine.objects.exists()


def test_hours_may_follow_days_without_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    maintain_partitions(NOON)
    monkeypatch.setattr(settings, "WATCHFLOOR", replace(settings.WATCHFLOOR, position_partition="hour"))
    assert maintain_partitions(NOON) == PartitionReport()
    ingest(report(make_asset(), 4 * 24 * 60), received_at=after(days=4))
    assert maintain_partitions(NOON).created == ("tracking_position_20260704_12",)


def test_the_stay_of_a_deleted_asset_goes_too() -> None:
    asset, _ = make_asset(), make_zone()
    ingest(report(asset, 0, IN_SQUARE))
    asset.delete()
    assert maintain_partitions(NOON).forgotten == 1


def test_the_command_says_what_it_did() -> None:
    out = StringIO()
    call_command("maintain_partitions", stdout=out)
    assert out.getvalue() == "4 made, 0 dropped, 0 fixes moved, 0 rows forgotten\n"


@pytest.fixture
def settings_keep_days(monkeypatch: pytest.MonkeyPatch):
    def keep(days: float) -> None:
        kept = replace(settings.WATCHFLOOR, position_retention=timedelta(days=days))
        monkeypatch.setattr(settings, "WATCHFLOOR", kept)

    return keep
