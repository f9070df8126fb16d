"""Positions as JSON, NDJSON and GeoJSON, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from apps.core.types import Datum, Fix, Invalid, Malformed, TooLarge
from apps.tracking.protocols import positions
from apps.tracking.protocols.positions import parse
from apps.tracking.types import Item, Refused, Report

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = "2026-03-01T12:00:00Z"
GOOD = {"asset": "mmsi:367000001", "fixed_at": AT, "lon": -74.0, "lat": 40.7, "speed_mps": 5.0}
REPORT = Report("mmsi:367000001", Fix(fixed_at=NOON, lon=-74.0, lat=40.7, speed_mps=5.0))
FEATURE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-74.0, 40.7]},
    "properties": {"asset": "mmsi:367000001", "fixed_at": AT, "speed_mps": 5.0},
}


def sent(value: object, content_type: str = "application/json") -> list[Item]:
    return parse(json.dumps(value).encode(), content_type)


def codes(items: list[Item]) -> list[str]:
    return [item.code if isinstance(item, Refused) else "report" for item in items]


def test_a_json_array_of_positions() -> None:
    assert sent([GOOD, GOOD]) == [REPORT, REPORT]


def test_nothing_sent_is_nothing_to_do() -> None:
    assert sent([]) == []


def test_ndjson_by_its_content_type() -> None:
    body = (json.dumps(GOOD) + "\n\n" + json.dumps(GOOD) + "\r\n").encode()
    assert parse(body, "application/x-ndjson; charset=utf-8") == [REPORT, REPORT]


def test_ndjson_by_its_looks() -> None:
    assert parse(b"\n".join([json.dumps(GOOD).encode()] * 2), "application/json") == [REPORT, REPORT]


def test_one_position_alone() -> None:
    assert sent(GOOD) == [REPORT]
    assert parse(json.dumps(GOOD, indent=1).encode(), "application/json") == [REPORT]


def test_a_feature_collection() -> None:
    assert sent({"type": "FeatureCollection", "features": [FEATURE, FEATURE]}) == [REPORT, REPORT]


def test_one_feature_alone() -> None:
    assert sent(FEATURE, "application/geo+json") == [REPORT]


def test_the_third_coordinate_is_a_height_above_the_ellipsoid() -> None:
    high = {**FEATURE, "geometry": {"type": "Point", "coordinates": [-74.0, 40.7, 100.0]}}
    fix = Fix(fixed_at=NOON, lon=-74.0, lat=40.7, altitude_m=100.0, altitude_datum=Datum.WGS84, speed_mps=5.0)
    assert sent(high) == [Report("mmsi:367000001", fix)]


def test_a_height_in_the_properties_goes_before_the_third_coordinate() -> None:
    said = {**FEATURE["properties"], "altitude_m": 30.0, "altitude_datum": "AGL"}  # type: ignore[dict-item]
    high = {**FEATURE, "geometry": {"type": "Point", "coordinates": [-74.0, 40.7, 100.0]}, "properties": said}
    fix = Fix(fixed_at=NOON, lon=-74.0, lat=40.7, altitude_m=30.0, altitude_datum=Datum.AGL, speed_mps=5.0)
    assert sent(high) == [Report("mmsi:367000001", fix)]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({**GOOD, "lat": 91.0}, "no_position"),
        ({**GOOD, "lat": 95.0}, "out_of_range"),
        ({**GOOD, "lon": "west"}, "wrong_shape"),
        ({**GOOD, "fixed_at": "2026-03-01T12:00:00"}, "wrong_shape"),
        ({**GOOD, "fixed_at": 1772366400}, "wrong_shape"),
        ({**GOOD, "fixed_at": "1970-01-01T00:00:00Z"}, "clock_not_set"),
        ({"fixed_at": AT, "lon": 1.0, "lat": 1.0}, "wrong_shape"),
        ({**GOOD, "asset": 367000001}, "wrong_shape"),
        ({**GOOD, "asset": "x" * 201}, "unknown_asset"),
        ({**GOOD, "attributes": {"a": "x" * 5000}}, "bad_attributes"),
        ({**GOOD, "attributes": {"a": "\0"}}, "bad_attributes"),
        ({**GOOD, "attributes": {"a": 2**70}}, "bad_attributes"),
        ({**GOOD, "attributes": {"a": json.loads("[" * 300 + "]" * 300)}}, "bad_attributes"),
        ({**GOOD, "attributes": [1]}, "wrong_shape"),
        ({**GOOD, "altitude_m": 1.0, "altitude_datum": "sea"}, "wrong_shape"),
        ("text", "wrong_shape"),
        (None, "wrong_shape"),
        ([], "wrong_shape"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_wrong_item_is_refused_and_stops_nothing(wrong: object, code: str) -> None:
    items = sent([GOOD, wrong, GOOD])
    assert (codes(items), items[0], items[2]) == (["report", code, "report"], REPORT, REPORT)


def test_a_refusal_keeps_what_was_sent() -> None:
    (item,) = sent([{**GOOD, "lat": 95}])
    assert isinstance(item, Refused)
    assert (item.asset, json.loads(item.payload)["lat"]) == ("mmsi:367000001", 95)


def test_numbers_beyond_all_bounds_are_refused() -> None:
    body = json.dumps([GOOD, GOOD]).encode().replace(b"40.7", b"1e999", 1)
    assert codes(parse(body, "application/json")) == ["wrong_shape", "report"]


def test_a_broken_line_spoils_only_itself() -> None:
    body = json.dumps(GOOD).encode() + b'\n{"asset": \n' + json.dumps(GOOD).encode() + b"\n\xff\xfe"
    assert codes(parse(body, "application/x-ndjson")) == ["report", "malformed", "report", "malformed"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"null",
        b"42",
        b'"text"',
        b"{",
        b"[",
        b"[{]",
        b'{"asset": "x"',
        b"[NaN]",
        b"[Infinity]",
        b"\xff\xfe\x00",
        b"\x1f\x8b\x08" + bytes(20),
        b"<xml/>",
        b"[" * 100_000,
        b'{"type":' * 50_000,
        b'[{"asset": "\\ud800"}]',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, "application/json")


def test_a_collection_without_features_is_invalid() -> None:
    with pytest.raises(Invalid):
        sent({"type": "FeatureCollection"})


def test_an_object_that_is_no_position_is_refused() -> None:
    assert codes(sent({"type": "Topology", "objects": {}})) == ["wrong_shape"]


def test_another_geometry_is_refused() -> None:
    line = {**FEATURE, "geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}
    assert codes(sent({"type": "FeatureCollection", "features": [FEATURE, line]})) == ["report", "wrong_shape"]


def test_too_many_at_once_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_ITEMS", 2)
    with pytest.raises(TooLarge):
        sent([GOOD, GOOD, GOOD])
