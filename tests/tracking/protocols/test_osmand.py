"""The words of the wire form OsmAnd, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.core.types import Fix, Malformed
from apps.tracking.protocols.osmand import DeviceReport, parse
from apps.tracking.types import Refused

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
FIELDS = {
    "id": "boat-1",
    "timestamp": str(int(NOON.timestamp())),
    "lat": "40.7",
    "lon": "-74.0",
    "speed": "10",
    "bearing": "90",
    "altitude": "3",
    "accuracy": "5",
    "batt": "80.0",
}
FIX = Fix(
    fixed_at=NOON,
    lon=-74.0,
    lat=40.7,
    altitude_m=3.0,
    speed_mps=10 * 1852 / 3600,
    course_deg=90.0,
    accuracy_m=5.0,
    attributes={"battery_pct": "80.0"},
)


def by_query(**fields: str) -> DeviceReport:
    return parse(urlencode({**FIELDS, **fields}), b"", RECEIVED)


def by_json(location: object, **named: Any) -> DeviceReport:
    return parse("", json.dumps({"device_id": "boat-1", "location": location, **named}).encode(), RECEIVED)


def location(**coords: Any) -> dict[str, Any]:
    return {
        "timestamp": "2026-03-01T12:00:00.000Z",
        "coords": {"latitude": 40.7, "longitude": -74.0, **coords},
        "battery": {"level": 0.8, "is_charging": False},
        "is_moving": True,
        "odometer": 12.5,
        "activity": {"type": "still"},
        "extras": {},
    }


def code_of(report: DeviceReport) -> str:
    assert isinstance(report.outcome, Refused)
    return report.outcome.code


def test_a_query_string_in_knots() -> None:
    assert by_query() == DeviceReport(device_id="boat-1", outcome=FIX)


def test_a_form_body_is_the_same() -> None:
    assert parse("", urlencode(FIELDS).encode(), RECEIVED) == DeviceReport(device_id="boat-1", outcome=FIX)


def test_json_in_metres_per_second() -> None:
    fix = Fix(
        fixed_at=NOON,
        lon=-74.0,
        lat=40.7,
        speed_mps=5.0,
        course_deg=90.0,
        accuracy_m=5.0,
        attributes={"battery_pct": 80},
    )
    assert by_json(location(speed=5.0, heading=90.0, accuracy=5)) == DeviceReport(device_id="boat-1", outcome=fix)


def test_negatives_in_json_mean_unknown() -> None:
    fix = Fix(fixed_at=NOON, lon=-74.0, lat=40.7, attributes={"battery_pct": 80})
    assert by_json(location(speed=-1, heading=-1.0, accuracy=-1)).outcome == fix


@pytest.mark.parametrize(
    "timestamp",
    [
        "1772366400",
        "1772366400000",
        "2026-03-01T12:00:00Z",
        "2026-03-01T13:00:00+01:00",
        "2026-03-01T13:00:00 01:00",
        "2026-03-01 12:00:00",
    ],
)
def test_every_way_to_write_an_instant(timestamp: str) -> None:
    outcome = by_query(timestamp=timestamp).outcome
    assert isinstance(outcome, Fix)
    assert outcome.fixed_at == NOON


def test_without_an_instant_it_is_now() -> None:
    outcome = by_query(timestamp="").outcome
    assert isinstance(outcome, Fix)
    assert outcome.fixed_at == RECEIVED


def test_other_names_for_the_same_fields() -> None:
    query = "deviceid=boat-1&timestamp=1772366400&location=40.7,-74.0&heading=90"
    fix = Fix(fixed_at=NOON, lon=-74.0, lat=40.7, course_deg=90.0)
    assert parse(query, b"", RECEIVED) == DeviceReport(device_id="boat-1", outcome=fix)


@pytest.mark.parametrize("body", [b"", b"lat=1&lon=2", b"{}", b'{"device_id": null}', b"{", b"\xff\xfe", b"&" * 500])
def test_who_names_no_device_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse("", body, RECEIVED)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"lat": "91"}, "no_position"),
        ({"lat": "0", "lon": "0"}, "no_position"),
        ({"lat": "95"}, "out_of_range"),
        ({"lat": "nan"}, "out_of_range"),
        ({"lon": "-inf"}, "out_of_range"),
        ({"lat": "north"}, "out_of_range"),
        ({"lat": ""}, "no_position"),
        ({"location": "1"}, "no_position"),
        ({"valid": "false"}, "no_position"),
        ({"timestamp": "yesterday"}, "bad_time"),
        ({"timestamp": "nan"}, "bad_time"),
        ({"timestamp": "1e300"}, "bad_time"),
        ({"timestamp": "0"}, "clock_not_set"),
        ({"speed": "1e9"}, "out_of_range"),
    ],
    ids=str,
)
def test_a_bad_report_of_a_device_is_refused_not_malformed(fields: dict[str, str], code: str) -> None:
    assert code_of(by_query(**fields)) == code


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (None, "wrong_shape"),
        ([], "wrong_shape"),
        ({"timestamp": "2026-03-01T12:00:00Z"}, "wrong_shape"),
        ({**location(), "timestamp": 1e300}, "bad_time"),
        ({**location(), "timestamp": "now"}, "wrong_shape"),
        (location(latitude=95), "out_of_range"),
        (location(latitude=None), "no_position"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_location_in_json_is_refused(sent: object, code: str) -> None:
    assert code_of(by_json(sent)) == code
