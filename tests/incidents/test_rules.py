"""What findings lead to, as timelines: no database, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.ids import new_id
from apps.core.types import Datum
from apps.incidents.rules import (
    Ending,
    Match,
    Plan,
    applies,
    dedupe_key,
    ending_of,
    finding_json,
    finding_of_json,
    joins,
    plan,
    template_errors,
    title,
)
from apps.incidents.types import AssetSnapshot, Finding, FindingKind, RuleTerms, ZoneSnapshot
from tests.factories.core import NOON, after
from tests.factories.incidents import SECURITY_ZONE, VESSEL, make_asset, make_finding, make_zone

ROOT, HARBOUR, QUAY, ELSEWHERE = (UUID(int=number) for number in range(1, 5))
LINEAGES = {
    ROOT: frozenset({ROOT}),
    HARBOUR: frozenset({ROOT, HARBOUR}),
    QUAY: frozenset({ROOT, HARBOUR, QUAY}),
    ELSEWHERE: frozenset({ELSEWHERE}),
}
TUG: AssetSnapshot = make_asset(HARBOUR)
PIER: ZoneSnapshot = make_zone(HARBOUR)
HALF_A_MINUTE = timedelta(seconds=30)
ENTERED, LEFT, DWELT = FindingKind.ENTERED, FindingKind.LEFT, FindingKind.DWELT
LOST, REGAINED = FindingKind.LOST_CONTACT, FindingKind.REGAINED_CONTACT


def rule(finding: FindingKind = ENTERED, organisation_id: UUID = HARBOUR, **terms: object) -> RuleTerms:
    return replace(RuleTerms(id=UUID(int=99), organisation_id=organisation_id, finding=finding), **terms)  # type: ignore[arg-type]


def found(kind: FindingKind, seconds: float, zone: ZoneSnapshot | None = PIER) -> Finding:
    return make_finding(TUG, zone, kind=kind, at=after(seconds))


def outline(result: Plan) -> dict[str, list[tuple[str, float]]]:
    """Return a plan in brief: kinds and seconds after noon."""

    def brief(matches: Sequence[Match]) -> list[tuple[str, float]]:
        return [(each.finding.kind.value, (each.finding.effective_at - NOON).total_seconds()) for each in matches]

    return {"acting": brief(result.acting), "waiting": brief(result.waiting)}


@pytest.mark.parametrize(
    ("owner", "asset", "zone", "expected"),
    [
        (HARBOUR, HARBOUR, HARBOUR, True),
        (ROOT, HARBOUR, QUAY, True),
        (HARBOUR, QUAY, QUAY, True),
        (QUAY, HARBOUR, QUAY, False),
        (QUAY, QUAY, HARBOUR, False),
        (HARBOUR, ELSEWHERE, HARBOUR, False),
        (HARBOUR, HARBOUR, ELSEWHERE, False),
    ],
)
def test_a_rule_reaches_down_its_own_branch(owner: UUID, asset: UUID, zone: UUID, expected: bool) -> None:
    finding = make_finding(make_asset(asset), make_zone(zone))
    assert applies(rule(organisation_id=owner), finding, LINEAGES) is expected


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, True),
        ({"finding": LEFT}, False),
        ({"asset_kind_id": VESSEL}, True),
        ({"asset_kind_id": new_id()}, False),
        ({"zone_kind_id": SECURITY_ZONE}, True),
        ({"zone_kind_id": new_id()}, False),
        ({"zone_id": PIER.id}, True),
        ({"zone_id": new_id()}, False),
    ],
)
def test_every_selector_narrows(terms: dict[str, object], expected: bool) -> None:
    assert applies(rule(**terms), found(ENTERED, 0), LINEAGES) is expected  # type: ignore[arg-type]


def test_a_rule_about_zones_is_not_about_what_has_none() -> None:
    lost = found(LOST, 0, zone=None)
    assert applies(rule(LOST), lost, LINEAGES)
    assert not applies(rule(LOST, zone_id=PIER.id), lost, LINEAGES)
    assert not applies(rule(LOST, zone_kind_id=SECURITY_ZONE), lost, LINEAGES)


def test_an_organisation_that_nobody_knows_has_no_rules() -> None:
    finding = make_finding(make_asset(new_id()), PIER)
    assert not applies(rule(), finding, LINEAGES)


def test_without_hysteresis_a_rule_acts_at_once() -> None:
    result = plan([found(ENTERED, 0), found(LEFT, 10)], [rule()], LINEAGES)
    assert outline(result) == {"acting": [("entered", 0)], "waiting": []}


def test_with_hysteresis_a_rule_waits() -> None:
    result = plan([found(ENTERED, 0)], [rule(hysteresis=HALF_A_MINUTE)], LINEAGES)
    assert outline(result) == {"acting": [], "waiting": [("entered", 0)]}
    assert result.waiting[0].due_at == after(30)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(ENTERED, 0), (LEFT, 10)], {"acting": [], "waiting": []}),
        ([(ENTERED, 0), (LEFT, 29.9)], {"acting": [], "waiting": []}),
        ([(ENTERED, 0), (LEFT, 30)], {"acting": [("entered", 0)], "waiting": []}),
        ([(ENTERED, 0), (LEFT, 10), (ENTERED, 20)], {"acting": [], "waiting": [("entered", 20)]}),
        ([(ENTERED, 0), (LEFT, 40), (ENTERED, 50)], {"acting": [("entered", 0)], "waiting": [("entered", 50)]}),
        ([(LEFT, 0), (ENTERED, 10)], {"acting": [], "waiting": [("entered", 10)]}),
        ([(ENTERED, 0), (ENTERED, 5)], {"acting": [], "waiting": [("entered", 0)]}),
        ([(ENTERED, 0), (DWELT, 10)], {"acting": [], "waiting": [("entered", 0)]}),
    ],
)
def test_only_what_lasts_counts(
    story: list[tuple[FindingKind, float]], expected: dict[str, list[tuple[str, float]]]
) -> None:
    findings = [found(kind, seconds) for kind, seconds in story]
    assert outline(plan(findings, [rule(hysteresis=HALF_A_MINUTE)], LINEAGES)) == expected


def test_the_end_elsewhere_is_not_the_end_here() -> None:
    other_zone = make_zone(HARBOUR, name="Pier 10")
    other_tug = make_finding(make_asset(HARBOUR, name="Tug 8"), PIER, kind=LEFT, at=after(10))
    findings = [found(ENTERED, 0), found(LEFT, 10, zone=other_zone), other_tug]
    result = plan(findings, [rule(hysteresis=HALF_A_MINUTE)], LINEAGES)
    assert outline(result) == {"acting": [], "waiting": [("entered", 0)]}


@pytest.mark.parametrize(
    ("kind", "ended"),
    [
        (ENTERED, {LEFT}),
        (LEFT, {ENTERED, DWELT}),
        (LOST, {REGAINED}),
        (REGAINED, {LOST}),
    ],
)
def test_a_finding_ends_its_opposite(kind: FindingKind, ended: set[FindingKind]) -> None:
    assert ending_of(found(kind, 7)) == Ending(kinds=frozenset(ended), asset_id=TUG.id, place_id=PIER.id, at=after(7))


def test_a_dwell_ends_nothing() -> None:
    assert ending_of(found(DWELT, 7)) is None


STORIES = st.lists(st.tuples(st.sampled_from([ENTERED, LEFT]), st.integers(0, 120)), max_size=12)


@given(STORIES, st.randoms())
def test_the_order_in_which_findings_are_handed_over_does_not_matter(
    story: list[tuple[FindingKind, int]], random: object
) -> None:
    distinct = {seconds: kind for kind, seconds in story}
    findings = [found(kind, seconds) for seconds, kind in distinct.items()]
    shuffled = findings.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    rules = [rule(hysteresis=HALF_A_MINUTE)]
    assert outline(plan(shuffled, rules, LINEAGES)) == outline(plan(findings, rules, LINEAGES))


@given(STORIES)
def test_what_acts_has_lasted_and_what_waits_has_not_ended(story: list[tuple[FindingKind, int]]) -> None:
    distinct = {seconds: kind for kind, seconds in story}
    lefts = [seconds for seconds, kind in distinct.items() if kind is LEFT]
    findings = [found(kind, seconds) for seconds, kind in distinct.items()]
    result = outline(plan(findings, [rule(hysteresis=HALF_A_MINUTE)], LINEAGES))
    for _, entered in result["acting"]:
        assert min(left for left in lefts if left > entered) >= entered + 30
    for _, entered in result["waiting"]:
        assert not [left for left in lefts if left > entered]


@pytest.mark.parametrize(
    ("is_over", "seconds", "expected"),
    [
        (False, 10_000, True),
        (True, 600, True),
        (True, -600, True),
        (True, 601, False),
        (True, -601, False),
    ],
)
def test_what_joins_an_incident(is_over: bool, seconds: float, expected: bool) -> None:
    match = Match(rule=rule(dedupe_window=timedelta(minutes=10)), finding=found(ENTERED, seconds))
    assert joins(match, is_over=is_over, last_found_at=NOON) is expected


def test_an_incident_is_about_one_rule_asset_and_zone() -> None:
    key = dedupe_key(UUID(int=99), found(ENTERED, 0))
    assert key == f"{UUID(int=99)}:{TUG.id}:{PIER.id}"
    assert dedupe_key(UUID(int=99), found(LOST, 0, zone=None)) == f"{UUID(int=99)}:{TUG.id}:-"
    assert len(key) <= 120


@pytest.mark.parametrize(
    ("template", "finding", "expected"),
    [
        ("{asset} {finding} {zone}", found(ENTERED, 0), "Tug 7 entered Pier 9"),
        ("{asset} {finding} {zone}", found(DWELT, 0), "Tug 7 stays in Pier 9"),
        ("{asset} {finding} {zone}", found(LOST, 0, zone=None), "Tug 7 lost contact"),
        ("Look at {zone}!", found(ENTERED, 0), "Look at Pier 9!"),
        ("{zone}", found(LOST, 0, zone=None), "lost contact"),
        ("{asset.__class__}", found(ENTERED, 0), "{asset.__class__}"),
        ("{asset", found(ENTERED, 0), "{asset"),
    ],
)
def test_a_title_is_filled_in(template: str, finding: Finding, expected: str) -> None:
    assert title(template, finding) == expected


def test_a_title_is_no_longer_than_its_column_and_names_are_not_templates() -> None:
    tug = make_asset(HARBOUR, name="{zone} " * 60)
    filled = title("{asset}", make_finding(tug, PIER))
    assert filled.startswith("{zone} {zone}")
    assert len(filled) == 300


def test_a_placeholder_that_does_not_exist_is_told() -> None:
    assert [error.detail for error in template_errors("{asset} in {place}")] == [
        "There is no {place} to fill in; there are {asset}, {zone}, {finding}."
    ]
    assert not list(template_errors("{asset} {finding} {zone}"))


@given(
    st.sampled_from(FindingKind),
    st.booleans(),
    st.none() | st.floats(-500, 9000),
    st.none() | st.sampled_from(Datum),
    st.none() | st.datetimes(timezones=st.just(NOON.tzinfo)),
)
def test_a_finding_survives_as_json(
    kind: FindingKind, has_zone: bool, altitude_m: float | None, datum: Datum | None, since: datetime | None
) -> None:
    finding = found(kind, 0, zone=PIER if has_zone else None)
    assert finding.fix is not None
    fix = replace(finding.fix, altitude_m=altitude_m, altitude_datum=datum, attributes={"cargo": "gravel"})
    finding = replace(finding, fix=fix, since=since)
    assert finding_of_json(finding_json(finding)) == finding
    without_fix = replace(finding, fix=None)
    assert finding_of_json(finding_json(without_fix)) == without_fix
