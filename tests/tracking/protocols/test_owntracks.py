"""The words of the wire form OwnTracks, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.core.types import Datum, Fix, Malformed
from apps.tracking.protocols.osmand import DeviceReport
from apps.tracking.protocols.owntracks import parse
from apps.tracking.types import Refused

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGE: dict[str, Any] = {
    "_type": "location",
    "topic": "owntracks/alice/phone",
    "tid": "AP",
    "tst": 1772366400,
    "lat": 40.7,
    "lon": -74.0,
    "alt": 12,
    "vel": 36,
    "cog": 90,
    "acc": 5,
    "batt": 80,
}
FIX = Fix(
    fixed_at=NOON,
    lon=-74.0,
    lat=40.7,
    altitude_m=12.0,
    altitude_datum=Datum.AMSL,
    speed_mps=10.0,
    course_deg=90.0,
    accuracy_m=5.0,
    attributes={"battery_pct": 80.0},
)


def sent(**changes: Any) -> DeviceReport | None:
    return parse("", json.dumps({**MESSAGE, **changes}).encode())


def test_a_location_in_kilometres_per_hour() -> None:
    assert sent() == DeviceReport(device_id="alice/phone", outcome=FIX)


@pytest.mark.parametrize("kind", ["transition", "lwt", "waypoint", "encrypted", "something new", None])
def test_what_is_no_location_is_none_of_our_business(kind: str | None) -> None:
    assert sent(_type=kind) is None


def test_negatives_mean_unknown() -> None:
    fix = Fix(fixed_at=NOON, lon=-74.0, lat=40.7, altitude_m=12.0, altitude_datum=Datum.AMSL)
    assert sent(vel=-1, cog=-1, acc=-1, batt=-1) == DeviceReport(device_id="alice/phone", outcome=fix)


def test_the_device_may_be_named_by_headers_query_or_tracker_id() -> None:
    body = json.dumps({key: value for key, value in MESSAGE.items() if key != "topic"}).encode()
    named = [parse("", body, user="bob", device="tablet"), parse("u=bob&d=tablet", body), parse("", body)]
    assert [each.device_id if each else None for each in named] == ["bob/tablet", "bob/tablet", "AP"]


def test_who_names_no_device_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse("", b'{"_type": "location", "lat": 1, "lon": 2}')


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lat": 95}, "out_of_range"),
        ({"lat": None}, "no_position"),
        ({"lat": "north"}, "wrong_shape"),
        ({"tst": None}, "bad_time"),
        ({"tst": 1e300}, "bad_time"),
        ({"tst": 0}, "clock_not_set"),
    ],
    ids=str,
)
def test_a_bad_location_is_refused_so_that_the_app_lets_go_of_it(changes: dict[str, Any], code: str) -> None:
    report = sent(**changes)
    assert report is not None
    assert isinstance(report.outcome, Refused)
    assert (report.device_id, report.outcome.code) == ("alice/phone", code)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused_for_the_device_of_the_headers(body: bytes) -> None:
    report = parse("", body, user="alice", device="phone")
    assert report is not None
    assert isinstance(report.outcome, Refused)
    assert (report.device_id, report.outcome.code) == ("alice/phone", "malformed")
