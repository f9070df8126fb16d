"""Findings in the database: incidents open by rule, once, with what was found copied in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction

from apps.access import services as access
from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.events.models import Event
from apps.incidents import services
from apps.incidents.models import Evidence, Incident, PendingFinding, Rule
from apps.incidents.rules import Match
from apps.incidents.services import findings as finding_services
from apps.incidents.types import AssetSnapshot, Finding, FindingKind, ZoneSnapshot
from apps.lifecycle import queries as lifecycles
from apps.lifecycle.services import advance
from tests.factories.access import make_organisation
from tests.factories.core import NOON, after
from tests.factories.incidents import make_asset, make_finding, make_rule, make_zone
from tests.factories.lifecycles import DRILL, make_definition

pytestmark = pytest.mark.django_db
ENTERED, LEFT, DWELT = FindingKind.ENTERED, FindingKind.LEFT, FindingKind.DWELT
LOST, REGAINED = FindingKind.LOST_CONTACT, FindingKind.REGAINED_CONTACT
HALF_A_MINUTE = timedelta(seconds=30)


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation()


@pytest.fixture
def tug(harbour: Organisation) -> AssetSnapshot:
    return make_asset(harbour.pk)


@pytest.fixture
def pier(harbour: Organisation) -> ZoneSnapshot:
    return make_zone(harbour.pk)


def record(*findings: Finding, at: datetime = NOON) -> services.Recorded:
    return services.record_findings(findings, at=at)


def counts() -> tuple[int, int, int]:
    """Return how many incidents, pieces of evidence and pending findings there are."""
    return Incident.objects.count(), Evidence.objects.count(), PendingFinding.objects.count()


def test_a_finding_opens_an_incident_by_rule(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    rule = make_rule(harbour, severity=4, escalate_after=timedelta(minutes=5))
    recorded = record(make_finding(tug, pier, at=after(-20)))
    incident = Incident.objects.get()
    assert recorded == services.Recorded(opened=(incident.pk,), joined=())
    assert (incident.title, incident.severity, incident.state) == ("Tug 7 entered Pier 9", 4, "open")
    assert (incident.rule_id, incident.finding, incident.organisation_id) == (rule.pk, "entered", harbour.pk)
    assert (incident.asset_id, incident.asset_name) == (tug.id, "Tug 7")
    assert (incident.zone_id, incident.zone_name) == (pier.id, "Pier 9")
    assert incident.location is not None
    assert (incident.location.x, incident.location.y, incident.location.srid) == (-74.03, 40.47, 4326)
    # True since the fix; open, and so escalating, since we knew.
    assert (incident.opened_at, incident.last_found_at, incident.state_since) == (after(-20), after(-20), NOON)
    assert lifecycles.timers(incident).get().due_at == after(minutes=5)
    assert lifecycles.history(incident).get().cause == "rule"


def test_what_was_found_is_copied_in(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    make_rule(harbour)
    record(make_finding(tug, pier))
    evidence = Evidence.objects.get()
    assert (evidence.finding, evidence.effective_at) == ("entered", NOON)
    assert evidence.asset == {
        "id": str(tug.id),
        "name": "Tug 7",
        "kind_id": str(tug.kind_id),
        "organisation_id": str(harbour.pk),
        "identifiers": ["mmsi:367000001"],
    }
    assert evidence.zone is not None
    assert (evidence.zone["name"], evidence.zone["version"]) == ("Pier 9", 3)
    assert evidence.fix is not None
    assert (evidence.fix["lon"], evidence.fix["speed_mps"], evidence.fix["fixed_at"]) == (
        -74.03, 4.5, "2026-06-30T12:00:00+00:00",
    )  # fmt: skip


def test_it_belongs_to_the_owner_of_what_moved(tug: AssetSnapshot, harbour: Organisation) -> None:
    quay = make_organisation(parent=harbour)
    make_rule(harbour)
    record(make_finding(make_asset(quay.pk), make_zone(harbour.pk)))
    assert Incident.objects.get().organisation_id == quay.pk


def test_without_a_rule_nothing_opens(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    make_rule(make_organisation())
    make_rule(harbour, is_enabled=False)
    make_rule(harbour, finding=LEFT)
    assert record(make_finding(tug, pier)) == services.Recorded()
    assert record() == services.Recorded()
    assert counts() == (0, 0, 0)


def test_every_rule_that_applies_opens_its_own(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    make_rule(harbour, title_template="First: {asset}")
    make_rule(harbour, title_template="Second: {asset}")
    assert len(record(make_finding(tug, pier)).opened) == 2
    assert sorted(Incident.objects.values_list("title", flat=True)) == ["First: Tug 7", "Second: Tug 7"]


def test_what_is_kept_of_the_rules_follows_every_change(harbour: Organisation, pier: ZoneSnapshot) -> None:
    def opened() -> int:
        return len(record(make_finding(make_asset(harbour.pk), pier)).opened)

    assert opened() == 0
    rule = make_rule(harbour)
    assert opened() == 1
    services.update_rule(rule.pk, actor=SYSTEM, at=NOON, is_enabled=False)
    assert opened() == 0
    with transaction.atomic():
        make_rule(harbour)
        assert opened() == 1
        transaction.set_rollback(True)
    assert opened() == 0
    Rule.objects.filter(pk=rule.pk).update(is_enabled=True)
    assert opened() == 1


def test_what_is_kept_of_the_tree_follows_every_change(harbour: Organisation) -> None:
    basin = make_organisation(parent=harbour)
    make_rule(harbour)
    pier = make_zone(basin.pk)
    assert len(record(make_finding(make_asset(basin.pk), pier)).opened) == 1
    access.change_organisation(basin.pk, {"parent_id": None}, actor=SYSTEM, at=NOON)
    assert record(make_finding(make_asset(basin.pk), pier)) == services.Recorded()


def test_rules_that_have_not_changed_are_not_read_again(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot, django_assert_num_queries: Any
) -> None:
    record(make_finding(tug, pier))
    with django_assert_num_queries(2):  # the versions, and what the finding ends
        record(make_finding(tug, pier))


def test_a_further_finding_joins_the_incident(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    make_rule(harbour, dedupe_window=timedelta(0))
    [opened] = record(make_finding(tug, pier)).opened
    recorded = record(make_finding(tug, pier, at=after(hours=9)), at=after(hours=9))
    assert recorded == services.Recorded(opened=(), joined=(opened,))
    incident = Incident.objects.get()
    assert (incident.evidence_count, incident.last_found_at, incident.version) == (2, after(hours=9), 2)
    assert counts() == (1, 2, 0)
    event = Event.objects.latest("seq")
    assert event.type == "watchfloor.incident.updated.v1"
    assert event.data["previous"]["properties"]["evidence_count"] == 1
    assert event.data["object"]["properties"]["evidence_count"] == 2


def test_the_clock_follows_the_last_finding(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    quiet = "  expire: {label: Expire, from: [planned], to: over, timer: {at: last_found_at, offset: PT10M}}\n"
    make_definition(DRILL + quiet)
    make_rule(harbour, lifecycle="drill")
    for minutes in (0, 5):
        record(make_finding(tug, pier, at=after(minutes=minutes)), at=after(minutes=minutes))
        assert lifecycles.timers(Incident.objects.get()).get().due_at == after(minutes=minutes + 10)


def test_a_batch_about_the_same_is_one_incident(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    make_rule(harbour)
    findings = [make_finding(tug, pier, at=after(seconds)) for seconds in (20, 0, 10)]
    assert len(record(*findings).opened) == 1
    incident = Incident.objects.get()
    assert (incident.opened_at, incident.last_found_at, incident.evidence_count) == (NOON, after(20), 3)
    assert [each.effective_at for each in incident.evidence.all()] == [NOON, after(10), after(20)]
    assert Event.objects.filter(noun="incidents").count() == 1


@pytest.mark.parametrize(("seconds", "expected"), [(600, (1, 2, 0)), (-600, (1, 2, 0)), (601, (2, 2, 0))])
def test_an_incident_that_is_over_takes_what_falls_in_its_window(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot, seconds: int, expected: tuple[int, int, int]
) -> None:
    make_rule(harbour, dedupe_window=timedelta(minutes=10))
    record(make_finding(tug, pier))
    advance(Incident.objects.get(), "resolve", actor=SYSTEM, at=NOON)
    record(make_finding(tug, pier, at=after(seconds)), at=after(700))
    assert counts() == expected
    assert Incident.objects.earliest("id").state == "resolved"


def test_the_open_one_takes_before_the_one_that_is_over(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot
) -> None:
    make_rule(harbour, dedupe_window=timedelta(minutes=1))
    record(make_finding(tug, pier))
    advance(Incident.objects.get(), "resolve", actor=SYSTEM, at=NOON)
    [second] = record(make_finding(tug, pier, at=after(90))).opened
    assert record(make_finding(tug, pier, at=after(30))).joined == (second,)


def test_other_things_are_other_incidents(harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot) -> None:
    make_rule(harbour)
    other_tug, other_pier = make_asset(harbour.pk, name="Tug 8"), make_zone(harbour.pk, name="Pier 10")
    record(make_finding(tug, pier), make_finding(other_tug, pier), make_finding(tug, other_pier))
    assert counts() == (3, 3, 0)


def test_many_findings_take_as_many_statements_as_few(
    harbour: Organisation, pier: ZoneSnapshot, django_assert_max_num_queries: Callable[..., AbstractContextManager[Any]]
) -> None:
    make_rule(harbour)
    make_rule(harbour, hysteresis=HALF_A_MINUTE)
    findings = [make_finding(make_asset(harbour.pk, name=f"Tug {number}"), pier) for number in range(40)]
    with django_assert_max_num_queries(20):
        record(*findings)
    assert counts() == (40, 40, 40)
    with django_assert_max_num_queries(18):
        record(*findings)
    assert counts() == (40, 80, 40)


def test_what_must_last_opens_nothing_until_it_has(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot
) -> None:
    make_rule(harbour, hysteresis=HALF_A_MINUTE)
    record(make_finding(tug, pier))
    assert counts() == (0, 0, 1)
    assert services.mature_pending(after(29)) == 0
    assert services.mature_pending(after(30)) == 1
    assert counts() == (1, 1, 0)
    incident = Incident.objects.get()
    assert (incident.opened_at, incident.state_since) == (NOON, after(30))
    assert services.mature_pending(after(60)) == 0


@pytest.mark.parametrize(("kind", "opposite"), [(ENTERED, LEFT), (DWELT, LEFT), (LEFT, ENTERED), (LOST, REGAINED)])
def test_the_opposite_finding_cancels(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot, kind: FindingKind, opposite: FindingKind
) -> None:
    zone = None if kind is LOST else pier
    make_rule(harbour, finding=kind, hysteresis=HALF_A_MINUTE)
    record(make_finding(tug, zone, kind=kind))
    record(make_finding(make_asset(harbour.pk), zone, kind=opposite, at=after(5)))
    assert counts() == (0, 0, 1)
    record(make_finding(tug, zone, kind=opposite, at=after(10)))
    assert counts() == (0, 0, 0)


def test_an_opposite_that_came_too_late_or_from_before_cancels_nothing(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot
) -> None:
    make_rule(harbour, hysteresis=HALF_A_MINUTE)
    record(make_finding(tug, pier))
    record(make_finding(tug, pier, kind=LEFT, at=after(-5)), make_finding(tug, pier, kind=LEFT, at=after(30)))
    assert counts() == (0, 0, 1)
    services.mature_pending(after(31))
    assert counts() == (1, 1, 0)


def test_what_waits_already_is_not_made_to_wait_longer(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot
) -> None:
    make_rule(harbour, hysteresis=HALF_A_MINUTE)
    record(make_finding(tug, pier))
    record(make_finding(tug, pier, at=after(20)))
    assert PendingFinding.objects.get().due_at == after(30)


def test_a_rule_that_was_switched_off_meanwhile_opens_nothing(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot
) -> None:
    rule = make_rule(harbour, hysteresis=HALF_A_MINUTE)
    record(make_finding(tug, pier))
    services.update_rule(rule.pk, actor=SYSTEM, at=NOON, is_enabled=False)
    services.mature_pending(after(30))
    assert counts() == (0, 0, 0)


def test_one_bad_pending_finding_stops_nobody(
    harbour: Organisation, pier: ZoneSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rule(harbour, hysteresis=HALF_A_MINUTE)
    findings = [make_finding(make_asset(harbour.pk, name=f"Tug {number}"), pier) for number in range(5)]
    record(*findings)
    bad = PendingFinding.objects.get(asset_id=findings[2].asset.id)
    PendingFinding.objects.filter(pk=bad.pk).update(finding={"kind": "nonsense"})
    services.mature_pending(after(30))
    assert counts() == (4, 4, 1)
    bad.refresh_from_db()
    assert (bad.attempts, bad.last_error, bad.due_at) == (
        1,
        "ValueError: 'nonsense' is not a valid FindingKind",
        after(32),
    )


@pytest.mark.django_db(transaction=True)
def test_an_incident_reopened_by_hand_in_the_same_instant_is_joined(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reopening takes none of our locks: the unique constraint notices it, and the second look finds it."""
    make_rule(harbour, dedupe_window=timedelta(0))
    record(make_finding(tug, pier))
    over = advance(Incident.objects.get(), "resolve", actor=SYSTEM, at=NOON)
    genuine = finding_services._incidents_of

    def look_and_be_overtaken(by_key: Mapping[str, list[Match]]) -> dict[str, Incident]:
        monkeypatch.setattr(finding_services, "_incidents_of", genuine)
        found = genuine(by_key)
        together(lambda: advance(over, "reopen", actor=SYSTEM, at=NOON, reason="It is back."))
        return found

    monkeypatch.setattr(finding_services, "_incidents_of", look_and_be_overtaken)
    assert record(make_finding(tug, pier, at=after(60))) == services.Recorded(opened=(), joined=(over.pk,))
    assert counts() == (1, 2, 0)


@pytest.mark.django_db(transaction=True)
def test_two_that_find_the_same_at_once_open_one_incident(
    harbour: Organisation, tug: AssetSnapshot, pier: ZoneSnapshot
) -> None:
    make_rule(harbour)
    results: list[services.Recorded] = []
    together(*[lambda: results.append(record(make_finding(tug, pier)))] * 4)
    assert sorted(len(result.opened) for result in results) == [0, 0, 0, 1]
    assert sorted(len(result.joined) for result in results) == [0, 1, 1, 1]
    assert counts() == (1, 4, 0)
    assert Incident.objects.get().evidence_count == 4


@pytest.mark.django_db(transaction=True)
def test_batches_that_overlap_in_any_order_do_not_deadlock(harbour: Organisation, pier: ZoneSnapshot) -> None:
    make_rule(harbour)
    tugs = [make_asset(harbour.pk, name=f"Tug {number}") for number in range(12)]
    findings = [make_finding(each, pier) for each in tugs]
    orders: list[Sequence[Finding]] = [findings, findings[::-1], findings[6:] + findings[:6]]
    done: list[services.Recorded] = []
    together(*[lambda order=order: done.append(record(*order)) for order in orders])
    assert len(done) == 3
    assert counts() == (12, 36, 0)


@pytest.mark.django_db(transaction=True)
def test_two_clocks_act_once_on_what_has_lasted(harbour: Organisation, pier: ZoneSnapshot) -> None:
    make_rule(harbour, hysteresis=HALF_A_MINUTE)
    record(*[make_finding(make_asset(harbour.pk, name=f"Tug {number}"), pier) for number in range(10)])
    together(*[lambda: services.mature_pending(after(30))] * 3)
    assert counts() == (10, 10, 0)


def together(*works: Callable[[], object]) -> None:
    """Run each piece of work in a thread with a database connection of its own, and wait for all."""

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
