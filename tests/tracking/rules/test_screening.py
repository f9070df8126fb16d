"""What cannot be a fix, and which values mean nothing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from apps.core.types import Datum, Fix
from apps.tracking.rules.screening import Unusable, fix_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_whole_report_becomes_a_fix_in_utc() -> None:
    ahead = timezone(timedelta(hours=2))
    assert fix_of(
        fixed_at=NOON.astimezone(ahead),
        lon=-74.0,
        lat=40.7,
        altitude_m=12.0,
        altitude_datum=Datum.AMSL,
        speed_mps=5.0,
        course_deg=360.0,
        heading_deg=90.0,
        accuracy_m=3.0,
        attributes={"a": 1},
    ) == Fix(
        fixed_at=NOON,
        lon=-74.0,
        lat=40.7,
        altitude_m=12.0,
        altitude_datum=Datum.AMSL,
        speed_mps=5.0,
        course_deg=0.0,
        heading_deg=90.0,
        accuracy_m=3.0,
        attributes={"a": 1},
    )


def test_sentinels_are_not_reported_rather_than_out_of_range() -> None:
    fix = fix_of(fixed_at=NOON, lon=1.0, lat=1.0, speed_mps=1023.0, course_deg=3600.0, heading_deg=511.0)
    assert fix == Fix(fixed_at=NOON, lon=1.0, lat=1.0)


def test_a_datum_without_a_height_says_nothing() -> None:
    assert fix_of(fixed_at=NOON, lon=1.0, lat=1.0, altitude_datum=Datum.AGL) == Fix(fixed_at=NOON, lon=1.0, lat=1.0)


@pytest.mark.parametrize(
    ("lon", "lat"), [(181.0, 91.0), (181.0, 1.0), (1.0, 91.0), (0.0, 0.0), (None, 1.0), (1.0, None)]
)
def test_a_report_without_a_position_is_no_fix(lon: float | None, lat: float | None) -> None:
    with pytest.raises(Unusable) as caught:
        fix_of(fixed_at=NOON, lon=lon, lat=lat)
    assert caught.value.code == "no_position"


@pytest.mark.parametrize(
    "wrong",
    [
        {"lon": 180.01},
        {"lon": -180.01},
        {"lat": 90.01},
        {"lat": 95.0},
        {"lat": math.nan},
        {"lon": math.inf},
        {"speed_mps": -0.1},
        {"speed_mps": math.nan},
        {"course_deg": 360.1},
        {"heading_deg": -1.0},
        {"altitude_m": 1e7},
        {"accuracy_m": math.inf},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(wrong: dict[str, float]) -> None:
    values: dict[str, float] = {"lon": 1.0, "lat": 1.0, **wrong}
    with pytest.raises(Unusable) as caught:
        fix_of(fixed_at=NOON, **values)  # type: ignore[arg-type]
    assert (caught.value.code, next(iter(wrong)) in caught.value.message) == ("out_of_range", True)


@pytest.mark.parametrize(
    "edge", [{"lon": 180.0}, {"lon": -180.0}, {"lat": 90.0}, {"lat": -90.0}, {"lon": 0.0, "lat": 1.0}], ids=str
)
def test_the_edges_of_the_world_belong_to_it(edge: dict[str, float]) -> None:
    values = {"lon": 1.0, "lat": 1.0, **edge}
    fix = fix_of(fixed_at=NOON, lon=values["lon"], lat=values["lat"])
    assert (fix.lon, fix.lat) == (values["lon"], values["lat"])


@pytest.mark.parametrize(
    "fixed_at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=23))),
    ],
)
def test_a_clock_that_is_not_set_makes_no_fix(fixed_at: datetime) -> None:
    with pytest.raises(Unusable) as caught:
        fix_of(fixed_at=fixed_at, lon=1.0, lat=1.0)
    assert caught.value.code == "clock_not_set"
