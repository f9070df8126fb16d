"""The recorded hour is read whole, and what the radio calls "not available" is nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from apps.console.demo import cast
from apps.console.demo.dataset import (
    PUBLISHED_ZONES,
    WATCH_AREAS,
    Vessel,
    _kind,
    _number,
    broadcasts,
    vessels,
    zone_collection,
)


def test_the_hour_is_all_there():
    assert (len(broadcasts()), len(vessels())) == (8689, 295)
    assert {each.mmsi for each in broadcasts()} == {each.mmsi for each in vessels()}


def test_broadcasts_are_in_order_and_inside_the_hour():
    seconds = [each.second for each in broadcasts()]
    assert seconds == sorted(seconds)
    assert (seconds[0], seconds[-1]) == (0.0, 3599.0)


def test_a_vessel_is_described_as_it_described_itself():
    vessel = next(each for each in vessels() if each.mmsi == "367370920")
    assert vessel == Vessel(
        mmsi="367370920",
        name="DONNA LYNN",
        kind="fishing",
        attributes={"callsign": "WDE5734", "length_m": 17.0, "width_m": 5.0},
    )


def test_every_kind_has_a_desk():
    assert {each.kind for each in vessels()} == {kind.slug for kind in cast.KINDS}


@pytest.mark.parametrize(
    ("vessel_type", "kind"),
    [
        ("31.0", "tug"),
        ("52.0", "tug"),
        ("60.0", "passenger"),
        ("69", "passenger"),
        ("", "unclassified"),
        ("0", "unclassified"),
    ],
)
def test_the_type_that_a_vessel_sends_decides_its_kind(vessel_type: str, kind: str):
    assert _kind(vessel_type) == kind


@pytest.mark.parametrize(
    ("text", "number"), [("", None), ("511.0", None), ("510.9", 510.9), ("0.0", 0.0), ("-1", None)]
)
def test_what_is_not_available_is_nothing(text: str, number: float | None):
    assert _number(text, missing_from=511.0) == number


def test_the_zones_fall_into_two_waters():
    new_york = zone_collection(PUBLISHED_ZONES, west=cast.NEW_YORK_FROM)
    roads = zone_collection(PUBLISHED_ZONES, east=cast.NEW_YORK_FROM)
    counts = Counter({"new york": len(new_york["features"]), "hampton roads": len(roads["features"])})
    assert counts == {"new york": 6, "hampton roads": 8}


def test_what_was_drawn_for_the_show_says_so():
    notes = {each["properties"]["note"] for each in zone_collection(WATCH_AREAS)["features"]}
    assert notes == {"Drawn for this demonstration; not a published area."}
