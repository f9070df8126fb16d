"""What late fixes correct, told as timelines."""

from __future__ import annotations

import pytest

from apps.incidents.types import FindingKind
from apps.tracking.rules.lateness import Gap, corrections, retell
from apps.tracking.types import Correction, Stay
from tests.tracking.rules.timeline import fact, minute, stay, zone, zone_id

ENTERED, LEFT, DWELT = FindingKind.ENTERED, FindingKind.LEFT, FindingKind.DWELT
A = zone("A")
BETWEEN_0_AND_10 = Gap(before=minute(0), late=[(minute(5), (A,))], after=minute(10))
OUTSIDE_AT_5 = Gap(before=minute(0), late=[(minute(5), ())], after=minute(10))
ZONES = {A.id: A}.get
LATEST = minute(20)


@pytest.mark.parametrize(
    ("gap", "known", "expected"),
    [
        pytest.param(OUTSIDE_AT_5, [], [], id="outside, outside, outside"),
        pytest.param(BETWEEN_0_AND_10, [stay("A", -5, 20)], [stay("A", -5, 20)], id="inside, inside, inside"),
        pytest.param(BETWEEN_0_AND_10, [stay("A", 10, 20)], [stay("A", 5, 20)], id="outside, inside, inside"),
        pytest.param(BETWEEN_0_AND_10, [stay("A", -5, 10)], [stay("A", -5, 10)], id="inside, inside, outside"),
        pytest.param(BETWEEN_0_AND_10, [], [stay("A", 5, 10)], id="outside, inside, outside"),
        pytest.param(OUTSIDE_AT_5, [stay("A", -5, 10)], [stay("A", -5, 5)], id="inside, outside, outside"),
        pytest.param(
            OUTSIDE_AT_5, [stay("A", -5, 20)], [stay("A", -5, 5), stay("A", 10, 20)], id="inside, outside, inside"
        ),
        pytest.param(OUTSIDE_AT_5, [stay("A", 10, 20)], [stay("A", 10, 20)], id="outside, outside, inside"),
        pytest.param(BETWEEN_0_AND_10, [stay("A", 10)], [stay("A", 5)], id="the open stay began earlier"),
        pytest.param(OUTSIDE_AT_5, [stay("A", -5)], [stay("A", -5, 5), stay("A", 10)], id="the open stay was two"),
        pytest.param(OUTSIDE_AT_5, [stay("A", -5, 3)], [stay("A", -5, 3)], id="what the clock saw ended stands"),
    ],
)
def test_stays_are_told_again_with_the_late_fix_in_its_place(gap: Gap, known: list[Stay], expected: list[Stay]) -> None:
    assert retell(known, gap, ZONES, latest=LATEST) == tuple(expected)


def test_before_the_first_fix_known_nothing_is_assumed() -> None:
    gap = Gap(before=None, late=[(minute(5), (A,))], after=minute(10))
    assert retell([stay("A", 10)], gap, ZONES, latest=LATEST) == (stay("A", 5),)


def test_a_dwell_is_found_late_when_the_stay_turns_out_to_be_longer() -> None:
    zones = {zone_id("A"): zone("A", dwell=12)}
    gap = Gap(before=minute(0), late=[(minute(5), tuple(zones.values()))], after=minute(10))
    told = retell([stay("A", 10, 20)], gap, zones.get, latest=LATEST)
    assert told == (stay("A", 5, 20, dwelt=17),)


def test_a_dwell_that_never_was_is_withdrawn() -> None:
    zones = {zone_id("A"): zone("A", dwell=12)}
    gap = Gap(before=minute(0), late=[(minute(5), ())], after=minute(10))
    known = [stay("A", 0, 15, dwelt=12)]
    assert corrections(known, retell(known, gap, zones.get, latest=LATEST)) == (
        Correction(before=fact(DWELT, 12, "A", since=0), after=None),
        Correction(before=None, after=fact(ENTERED, 10, "A")),
        Correction(before=fact(LEFT, 15, "A", since=0), after=fact(LEFT, 5, "A", since=0)),
        Correction(before=None, after=fact(LEFT, 15, "A", since=10)),
    )


def test_a_missed_visit_is_found_whole() -> None:
    told = retell([], BETWEEN_0_AND_10, ZONES, latest=LATEST)
    assert corrections([], told) == (
        Correction(before=None, after=fact(ENTERED, 5, "A")),
        Correction(before=None, after=fact(LEFT, 10, "A", since=5)),
    )


def test_a_late_fix_after_the_end_of_a_zone_does_not_prolong_the_stay() -> None:
    zones = {zone_id("A"): zone("A", ends=3)}
    known = [stay("A", -5, 3)]
    assert retell(known, OUTSIDE_AT_5, zones.get, latest=LATEST) == tuple(known)


def test_what_is_the_same_needs_no_correction() -> None:
    known = [stay("A", -5, 20)]
    assert corrections(known, retell(known, BETWEEN_0_AND_10, ZONES, latest=LATEST)) == ()


def test_an_open_stay_dwells_only_as_far_as_fixes_show_it() -> None:
    zones = {zone_id("A"): zone("A", dwell=12)}
    gap = Gap(before=minute(0), late=[(minute(5), tuple(zones.values()))], after=minute(10))
    assert retell([stay("A", 10)], gap, zones.get, latest=minute(16)) == (stay("A", 5),)
    assert retell([stay("A", 10)], gap, zones.get, latest=minute(17)) == (stay("A", 5, dwelt=17),)
    assert retell([stay("A", 10, dwelt=22)], gap, zones.get, latest=minute(16)) == (stay("A", 5, dwelt=17),)
