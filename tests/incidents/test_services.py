"""Incidents and rules by hand: who may, what is refused, and what is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db.models import ProtectedError

from apps.core.types import Conflict, Invalid, NotAllowed, NotFound, VersionConflict
from apps.events.models import Event
from apps.incidents import services
from apps.incidents.models import Comment, Incident, Rule
from apps.incidents.types import FindingKind, Severity
from apps.lifecycle.models import Timer
from tests.factories.access import Cast, assign, make_cast, make_organisation, make_user
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def told() -> list[str]:
    return list(Event.objects.order_by("seq").values_list("type", flat=True))


def pointers(refusal: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [error.pointer for error in refusal.value.errors]


def test_somebody_opens_an_incident_by_hand(cast: Cast) -> None:
    incident = services.open_incident(
        organisation=cast.harbour,
        title="  Oil on the water ",
        severity=Severity.CRITICAL,
        location=Point(-74.0, 40.6, srid=4326),
        actor=cast.actor("alice"),
        at=NOON,
    )
    incident.refresh_from_db()
    assert (incident.title, incident.severity, incident.state, incident.opened_at) == (
        "Oil on the water", 4, "open", NOON,
    )  # fmt: skip
    assert (incident.rule_id, incident.dedupe_key, incident.evidence_count) == (None, None, 0)
    assert told() == ["watchfloor.incident.created.v1"]


@pytest.mark.parametrize(("name", "error"), [("bob", NotAllowed), ("charlie", NotFound)])
def test_who_may_not_open_opens_nothing(cast: Cast, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        services.open_incident(organisation=cast.harbour, title="Oil", actor=cast.actor(name), at=NOON)
    assert (Incident.objects.count(), told()) == (0, [])


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"title": "  "}, "/title"),
        ({"title": "x" * 301}, "/title"),
        ({"title": "a\x00b"}, "/title"),
        ({"description": "a\x00b"}, "/description"),
        ({"severity": 5}, "/severity"),
        ({"escalate_after": timedelta(0)}, "/escalate_after_s"),
        ({"escalate_after": timedelta(days=400)}, "/escalate_after_s"),
    ],
)
def test_what_is_no_incident_is_refused(cast: Cast, terms: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refusal:
        services.open_incident(
            **{"organisation": cast.harbour, "title": "Oil", **terms}, actor=cast.actor("alice"), at=NOON
        )
    assert pointers(refusal) == [pointer]


def test_a_change_is_told_with_what_was_before(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    changed = services.update_incident(
        incident.pk, actor=cast.actor("alice"), at=after(5), expected_version=1, title="Two tugs drift", severity=4
    )
    assert (changed.title, changed.severity, changed.version, changed.changed_at) == ("Two tugs drift", 4, 2, after(5))
    event = Event.objects.latest("seq")
    assert event.type == "watchfloor.incident.updated.v1"
    assert event.data["previous"]["properties"]["title"] == "A tug drifts"
    assert event.data["object"]["properties"]["title"] == "Two tugs drift"


def test_no_change_is_not_told(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    same = services.update_incident(incident.pk, actor=cast.actor("alice"), at=NOON, title=incident.title)
    assert (same.version, told()) == (1, ["watchfloor.incident.created.v1"])


def test_a_change_of_an_old_version_is_refused(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    with pytest.raises(VersionConflict):
        services.update_incident(incident.pk, actor=cast.actor("alice"), at=NOON, expected_version=7, title="x")


def test_a_new_patience_moves_the_timer(cast: Cast) -> None:
    incident = make_incident(cast.harbour, escalate_after=timedelta(minutes=5))
    services.update_incident(incident.pk, actor=cast.actor("alice"), at=after(60), escalate_after=timedelta(minutes=20))
    assert Timer.objects.get().due_at == after(minutes=20)
    services.update_incident(incident.pk, actor=cast.actor("alice"), at=after(60), escalate_after=None)
    assert not Timer.objects.exists()


def test_an_incident_is_put_into_somebodys_hands(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    alice = cast.actor("alice")
    assert services.assign_incident(incident.pk, cast.bob, actor=alice, at=NOON).assignee == cast.bob
    assert services.assign_incident(incident.pk, None, actor=alice, at=NOON).assignee is None
    assert told()[1:] == ["watchfloor.incident.updated.v1"] * 2


def test_who_may_not_see_it_cannot_be_given_it(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    with pytest.raises(Invalid) as refusal:
        services.assign_incident(incident.pk, cast.charlie, actor=cast.actor("alice"), at=NOON)
    assert pointers(refusal) == ["/assignee_id"]


def test_a_comment_is_kept_with_its_author_and_changes_nothing_else(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    assign(cast.bob, ["incidents.comment"], cast.harbour)
    services.comment_on_incident(incident.pk, " On my way.\nTwo minutes. ", actor=cast.actor("bob"), at=after(3))
    comment = Comment.objects.get()
    assert (comment.incident_id, comment.author, comment.author_label, comment.text, comment.said_at) == (
        incident.pk, cast.bob, "bob", "On my way.\nTwo minutes.", after(3),
    )  # fmt: skip
    assert Incident.objects.get().version == 1
    assert told()[1:] == ["watchfloor.incident.commented.v1"]


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "x" * 20_001])
def test_what_is_no_comment_is_refused(cast: Cast, text: str) -> None:
    incident = make_incident(cast.harbour)
    with pytest.raises(Invalid) as refusal:
        services.comment_on_incident(incident.pk, text, actor=cast.actor("alice"), at=NOON)
    assert pointers(refusal) == ["/text"]
    assert Comment.objects.count() == 0


@pytest.mark.parametrize(("name", "error"), [("bob", NotAllowed), ("charlie", NotFound)])
def test_every_service_keeps_out_who_may_only_look_and_hides_from_strangers(
    cast: Cast, name: str, error: type[Exception]
) -> None:
    incident, rule = make_incident(cast.harbour), make_rule(cast.harbour)
    by: Any = {"actor": cast.actor(name), "at": NOON}
    before = told()
    for attempt in (
        lambda: services.update_incident(incident.pk, title="x", **by),
        lambda: services.assign_incident(incident.pk, None, **by),
        lambda: services.comment_on_incident(incident.pk, "x", **by),
        lambda: services.create_rule(organisation=cast.harbour, name="x", finding="left", **by),
        lambda: services.update_rule(rule.pk, name="x", **by),
        lambda: services.delete_rule(rule.pk, **by),
    ):
        with pytest.raises(error):
            attempt()
    assert told() == before


def test_a_rule_is_made_changed_and_deleted(cast: Cast) -> None:
    alice = cast.actor("alice")
    rule = services.create_rule(
        organisation=cast.harbour, actor=alice, at=NOON, name=" Loiterers ", finding=FindingKind.DWELT
    )
    assert (rule.name, rule.finding, rule.severity, rule.is_enabled) == ("Loiterers", "dwelt", 2, True)
    changed = services.update_rule(rule.pk, actor=alice, at=NOON, expected_version=1, is_enabled=False)
    assert (changed.is_enabled, changed.version) == (False, 2)
    with pytest.raises(VersionConflict):
        services.delete_rule(rule.pk, actor=alice, at=NOON, expected_version=1)
    services.delete_rule(rule.pk, actor=alice, at=NOON, expected_version=2)
    assert not Rule.objects.exists()
    assert told() == [f"watchfloor.rule.{change}.v1" for change in ("created", "updated", "deleted")]
    deleted = Event.objects.latest("seq")
    assert (deleted.data["object"], deleted.data["previous"]["properties"]["name"]) == (None, "Loiterers")


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"finding": "vanished"}, "/finding"),
        ({"severity": 0}, "/severity"),
        ({"hysteresis": timedelta(seconds=-1)}, "/hysteresis_s"),
        ({"dedupe_window": timedelta(days=366)}, "/dedupe_window_s"),
        ({"escalate_after": timedelta(0)}, "/escalate_after_s"),
        ({"title_template": "{ship} is here"}, "/title_template"),
        ({"title_template": " "}, "/title_template"),
    ],
)
def test_what_is_no_rule_is_refused(cast: Cast, terms: dict[str, Any], pointer: str) -> None:
    filled = {"name": "Loiterers", "finding": "dwelt", **terms}
    with pytest.raises(Invalid) as refusal:
        services.create_rule(organisation=cast.harbour, actor=cast.actor("alice"), at=NOON, **filled)
    assert pointers(refusal) == [pointer]
    assert not Rule.objects.exists()


def test_moving_a_rule_needs_the_right_on_both_sides_and_says_whence(cast: Cast) -> None:
    rule = make_rule(cast.harbour)
    there = make_organisation()
    with pytest.raises(NotFound):
        services.update_rule(rule.pk, actor=cast.actor("alice"), at=NOON, organisation=there)
    assign(cast.alice, ["rules.add", "rules.change"], there)
    services.update_rule(rule.pk, actor=cast.actor("alice"), at=NOON, organisation=there)
    event = Event.objects.latest("seq")
    assert (event.organisation_id, event.previous_organisation_id) == (there.pk, cast.harbour.pk)


def test_what_an_incident_names_is_not_deleted_under_it(cast: Cast) -> None:
    rule, incident = make_rule(cast.harbour), make_incident(cast.harbour)
    Incident.objects.filter(pk=incident.pk).update(rule=rule, assignee=cast.bob)
    author = make_user()
    Comment.objects.create(incident=incident, author=author, author_label="", text="Look.", said_at=NOON)

    with pytest.raises(Conflict, match="Switch it off instead"):
        services.delete_rule(rule.pk, actor=cast.actor("alice"), at=NOON)
    for user in (cast.bob, author):
        with pytest.raises(ProtectedError):
            user.delete()

    incident.refresh_from_db()
    assert (incident.rule, incident.assignee) == (rule, cast.bob)
    assert not Event.objects.filter(type="watchfloor.rule.deleted.v1").exists()
