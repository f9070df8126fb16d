"""What a GeoJSON feature means as a zone, and everything that can be wrong with one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.core.types import Datum, Invalid, TimeWindow
from apps.zones.rules.features import MOST_FEATURES, features_of, read_feature
from apps.zones.types import AltitudeBand, ZoneDraft
from tests.factories.zones import square

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


def feature(geometry: object = SQUARE, **properties: object) -> dict[str, object]:
    """Return a feature with a name and these properties."""
    return {"type": "Feature", "geometry": geometry, "properties": {"name": "Depot", **properties}}


def faults(value: object) -> list[tuple[str, str]]:
    """Return where a feature is wrong and how."""
    return [(error.pointer, error.code) for error in read_feature(value).errors]


def draft(value: object) -> ZoneDraft:
    """Return what a feature means; it must be right."""
    read = read_feature(value)
    assert read.errors == ()
    assert read.draft is not None
    return read.draft


def test_a_feature_with_a_name_is_a_zone_always_and_at_every_height() -> None:
    read = draft(feature())
    assert read.area.equals(square())
    assert (read.name, read.description, read.band, read.validity, read.dwell_after, read.is_active) == (
        "Depot",
        "",
        AltitudeBand(),
        TimeWindow(),
        None,
        True,
    )


def test_every_property_is_read() -> None:
    read = draft(
        feature(
            description=" 33 CFR 165.130 ",
            lower_m=10,
            lower_datum="AMSL",
            upper_m=500.5,
            upper_datum="WGS84",
            valid_from="2026-07-01T02:00:00+02:00",
            valid_to="2026-08-01T00:00:00Z",
            dwell_after_s=90,
        )
    )
    assert read.description == "33 CFR 165.130"
    assert read.band == AltitudeBand(lower_m=10, lower_datum=Datum.AMSL, upper_m=500.5, upper_datum=Datum.WGS84)
    assert read.validity == TimeWindow(start=datetime(2026, 7, 1, tzinfo=UTC), end=datetime(2026, 8, 1, tzinfo=UTC))
    assert read.dwell_after == timedelta(seconds=90)


def test_published_airspace_is_understood_as_it_is_published() -> None:
    read = draft(feature(lower_m=0.0, lower_ref="SFC", upper_m=3505.2, upper_ref="STD", note="class D"))
    assert (read.band, read.description) == (AltitudeBand(upper_m=3505.2, upper_datum=Datum.BARO), "class D")


def test_the_kind_is_named_by_a_property_that_may_be_chosen() -> None:
    assert read_feature(feature(kind="anchorage")).kind == "anchorage"
    assert read_feature(feature(zone_type="anchorage"), kind_property="zone_type").kind == "anchorage"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [("", "wrong_type")]),
        ([], [("", "wrong_type")]),
        ({"type": "Polygon"}, [("", "wrong_type")]),
        (feature(None), [("/geometry", "wrong_geometry_type")]),
        (feature({"type": "Point", "coordinates": [0, 0]}), [("/geometry", "wrong_geometry_type")]),
        (feature(BOW_TIE), [("/geometry/coordinates", "self_crossing")]),
        (feature(name=""), [("/properties/name", "bad_text")]),
        (feature(name="a\0b"), [("/properties/name", "bad_text")]),
        (feature(name=7), [("/properties/name", "not_a_text")]),
        (feature(name="x" * 201), [("/properties/name", "bad_text")]),
        (feature(lower_m="10"), [("/properties/lower_m", "not_a_number")]),
        (feature(lower_m=True), [("/properties/lower_m", "not_a_number")]),
        (feature(lower_m=10), [("/properties/lower_datum", "required")]),
        (feature(lower_m=float("nan"), lower_datum="AMSL"), [("/properties/lower_m", "out_of_range")]),
        (feature(lower_m=1e9, lower_datum="AMSL"), [("/properties/lower_m", "out_of_range")]),
        (feature(lower_datum="AMSL"), [("/properties/lower_m", "required")]),
        (feature(lower_m=10, lower_datum="sea"), [("/properties/lower_datum", "unknown_datum")]),
        (
            feature(lower_m=10, lower_datum="AMSL", upper_m=10, upper_datum="AMSL"),
            [("/properties/upper_m", "out_of_order")],
        ),
        (feature(valid_from="yesterday"), [("/properties/valid_from", "unreadable")]),
        (feature(valid_from="2026-07-01T00:00:00"), [("/properties/valid_from", "unreadable")]),
        (feature(valid_from="0001-01-01T00:00:00+14:00"), [("/properties/valid_from", "unreadable")]),
        (
            feature(valid_from="2026-07-01T00:00:00Z", valid_to="2026-07-01T00:00:00Z"),
            [("/properties/valid_to", "out_of_order")],
        ),
        (feature(dwell_after_s=0), [("/properties/dwell_after_s", "out_of_range")]),
        (feature(dwell_after_s=1e300), [("/properties/dwell_after_s", "unreadable")]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(value: object, expected: list[tuple[str, str]]) -> None:
    assert faults(value) == expected


def test_all_faults_of_a_row_are_told_at_once() -> None:
    assert faults(feature(BOW_TIE, name=7, lower_m="low", valid_to="never")) == [
        ("/properties/name", "not_a_text"),
        ("/properties/lower_m", "not_a_number"),
        ("/properties/valid_to", "unreadable"),
        ("/geometry/coordinates", "self_crossing"),
    ]


def test_a_height_above_another_datum_may_be_lower() -> None:
    band = draft(feature(lower_m=500, lower_datum="AMSL", upper_m=450, upper_datum="BARO")).band
    assert (band.lower_m, band.upper_m) == (500, 450)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (None, ""),
        ([], ""),
        ("FeatureCollection", ""),
        ({"type": "Feature"}, ""),
        ({"type": "FeatureCollection"}, "/features"),
        ({"type": "FeatureCollection", "features": []}, "/features"),
        ({"type": "FeatureCollection", "features": {}}, "/features"),
        ({"type": "FeatureCollection", "features": [None] * (MOST_FEATURES + 1)}, "/features"),
    ],
)
def test_what_is_no_collection_is_refused(value: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        features_of(value)
    assert [error.pointer for error in refused.value.errors] == [pointer]
