"""Incidents in the admin: everybody sees what is theirs, gets the buttons that are theirs, and nothing slips past."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.access.models import User
from apps.access.types import SYSTEM
from apps.incidents import services
from apps.incidents.models import Comment, Incident, PendingFinding, Rule
from tests.factories.access import Cast, assign, make_cast, make_user, signed_in
from tests.factories.core import NOON
from tests.factories.events import logged, new_event
from tests.factories.incidents import make_asset, make_finding, make_incident, make_rule, make_zone

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def url(model: str, page: str = "changelist", *args: object) -> str:
    return reverse(f"admin:{model}_{page}", args=args)


def get(who: User, path: str) -> tuple[int, str]:
    answer = signed_in(who).get(path)
    return answer.status_code, answer.content.decode()


def post(who: User, path: str, **fields: Any) -> str:
    """Send a form as somebody; return the page that they land on."""
    answer = signed_in(who).post(path, fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def buttons(page: str) -> list[str]:
    return re.findall(r'name="transition" value="(\w+)"', page)


def page_of(who: User, incident: Incident) -> str:
    status, page = get(who, url("incidents_incident", "change", incident.pk))
    assert status == 200
    return page


def test_the_list_shows_what_is_theirs_with_badges(cast: Cast) -> None:
    make_incident(cast.harbour, title="in the harbour")
    make_incident(cast.elsewhere, title="elsewhere")
    status, page = get(cast.bob, url("incidents_incident"))
    assert status == 200
    assert "in the harbour" in page
    assert "elsewhere" not in page.replace("Elsewhere", "")
    assert '<span class="state" data-tone="alert">Open</span>' in page
    assert '<span class="severity" data-severity="2">Moderate</span>' in page


def test_a_list_takes_as_many_statements_for_three_as_for_one(cast: Cast) -> None:
    client = signed_in(cast.alice)
    counts = []
    for _ in range(2):
        make_incident(cast.harbour)
        client.get(url("incidents_incident"))
        with CaptureQueriesContext(connection) as captured:
            client.get(url("incidents_incident"))
        counts.append(len(captured))
        make_incident(cast.harbour)
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("query", "expected"), [("?over=no", ["live"]), ("?over=yes", ["done"]), ("", ["done", "live"])]
)
def test_the_list_can_leave_out_what_is_over(cast: Cast, query: str, expected: list[str]) -> None:
    make_incident(cast.harbour, title="one that is live")
    make_incident(cast.harbour, title="one that is done", state="closed")
    _, page = get(cast.alice, url("incidents_incident") + query)
    assert sorted(set(re.findall(r"one that is (live|done)", page))) == expected


def test_everybody_gets_the_buttons_that_are_theirs(cast: Cast) -> None:
    incident = make_incident(cast.harbour, escalate_after=timedelta(minutes=5))
    assert buttons(page_of(cast.alice, incident)) == ["acknowledge", "escalate", "resolve"]
    assert buttons(page_of(cast.bob, incident)) == []
    assign(cast.bob, ["incidents.acknowledge"], cast.harbour)
    assert buttons(page_of(cast.bob, incident)) == ["acknowledge"]
    assert "Escalate due at" in page_of(cast.bob, incident)


def test_a_stranger_finds_no_page_and_no_button(cast: Cast) -> None:
    incident = make_incident(cast.harbour, title="a secret")
    status, page = get(cast.charlie, url("incidents_incident", "change", incident.pk))
    assert (status in (302, 404), "a secret" in page) == (True, False)
    for what in ("transition", "comment"):
        answer = signed_in(cast.charlie).post(url("incidents_incident", what, incident.pk), {"transition": "resolve"})
        assert answer.status_code == 404
    incident.refresh_from_db()
    assert (incident.state, Comment.objects.count()) == ("open", 0)


def test_a_button_makes_its_transition_and_the_timeline_tells_it(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path = url("incidents_incident", "transition", incident.pk)
    page = post(cast.alice, path, transition="acknowledge", reason="On my way.")
    assert "A tug drifts is now acknowledged." in page
    timeline = page[page.index("wf-timeline") :]
    assert timeline.index("Acknowledged") < timeline.index("<strong>Open</strong>")
    assert "On my way." in timeline
    assert "alice, by hand" in timeline


def test_a_button_that_is_no_longer_possible_says_so(cast: Cast) -> None:
    incident = make_incident(cast.harbour, state="closed")
    path = url("incidents_incident", "transition", incident.pk)
    assert "It is closed; «Resolve» is not possible from there." in post(cast.alice, path, transition="resolve")
    assert "«Reopen» needs a reason." in post(cast.alice, path, transition="reopen")
    assert "There is no such transition." in post(cast.alice, path)
    assert "You may see this but not do that to it." in post(cast.bob, path, transition="reopen", reason="x")
    incident.refresh_from_db()
    assert incident.state == "closed"


def test_a_button_is_pressed_not_followed(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    assert get(cast.alice, url("incidents_incident", "transition", incident.pk) + "?transition=resolve")[0] == 405


def test_a_comment_stands_in_the_timeline(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    page = post(cast.alice, url("incidents_incident", "comment", incident.pk), text="<b>Look</b> at\nthis.")
    assert "&lt;b&gt;Look&lt;/b&gt; at<br>this." in page
    assert Comment.objects.get().author == cast.alice
    assert "A comment says something" in post(cast.alice, url("incidents_incident", "comment", incident.pk), text=" ")
    assert "Say something about it" not in page_of(cast.bob, incident)


def test_an_incident_is_opened_by_a_form(cast: Cast) -> None:
    status, page = get(cast.alice, url("incidents_incident", "add"))
    assert (status, buttons(page)) == (200, [])
    fields = {
        "organisation": cast.harbour.pk,
        "title": "Oil on the water",
        "severity": 4,
        "description": "",
        "escalate_after": "00:05:00",
        "place": '{"type": "Point", "coordinates": [-74.0, 40.6]}',
    }
    post(cast.alice, url("incidents_incident", "add"), **fields)
    incident = Incident.objects.get()
    assert (incident.title, incident.severity, incident.state) == ("Oil on the water", 4, "open")
    assert incident.escalate_after == timedelta(minutes=5)
    assert incident.location is not None
    assert (incident.location.x, incident.location.y) == (-74.0, 40.6)


def saved_fields(incident: Incident, **changes: object) -> dict[str, object]:
    """Return what the form of an incident sends."""
    fields: dict[str, object] = {
        "title": incident.title,
        "severity": incident.severity,
        "description": "",
        "assignee": incident.assignee_id or "",
        "escalate_after": "",
    }
    for prefix in ("evidence", "user_grants", "group_grants"):
        fields |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    return fields | changes


def test_an_incident_is_changed_and_assigned_through_the_services(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path = url("incidents_incident", "change", incident.pk)
    post(cast.alice, path, **saved_fields(incident, title="Two tugs", severity=1, assignee=cast.bob.pk))
    incident.refresh_from_db()
    assert (incident.title, incident.severity, incident.assignee, incident.version) == ("Two tugs", 1, cast.bob, 3)


def test_what_a_service_refuses_stands_at_its_field(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path = url("incidents_incident", "change", incident.pk)
    page = post(cast.alice, path, **saved_fields(incident, title="Two tugs", escalate_after="-00:05:00"))
    assert "The time until it escalates is above zero" in page
    assert 'value="Two tugs"' in page
    incident.refresh_from_db()
    assert (incident.title, incident.version) == ("A tug drifts", 1)


def test_what_was_found_is_shown(cast: Cast) -> None:
    make_rule(cast.harbour)
    services.record_findings([make_finding(make_asset(cast.harbour.pk), make_zone(cast.harbour.pk))], at=NOON)
    page = page_of(cast.bob, Incident.objects.get())
    for text in ("Tug 7 · mmsi:367000001", "Pier 9, version 3", "40.47000, -74.03000, 4.5 m/s", "Tug 7 in Pier 9"):
        assert text in page


RULE = {
    "name": "Loiterers",
    "is_enabled": "on",
    "finding": "dwelt",
    "zone_kind": "",
    "zone": "",
    "asset_kind": "",
    "severity": 3,
    "title_template": "{asset} loiters in {zone}",
    "hysteresis": "00:00:30",
    "dedupe_window": "00:10:00",
    "escalate_after": "",
}


def test_a_rule_is_edited(cast: Cast) -> None:
    post(cast.alice, url("incidents_rule", "add"), **RULE, organisation=cast.harbour.pk)
    rule = Rule.objects.get()
    assert (rule.name, rule.finding, rule.hysteresis, rule.organisation) == (
        "Loiterers", "dwelt", timedelta(seconds=30), cast.harbour,
    )  # fmt: skip
    path = url("incidents_rule", "change", rule.pk)
    post(cast.alice, path, **{**RULE, "organisation": cast.harbour.pk, "hysteresis": "00:01:00"})
    rule.refresh_from_db()
    assert (rule.hysteresis, rule.version) == (timedelta(minutes=1), 2)
    page = post(cast.alice, path, **{**RULE, "organisation": cast.harbour.pk, "title_template": "{ship}"})
    assert "There is no {ship} to fill in" in page
    assert "Loiterers" in get(cast.bob, url("incidents_rule"))[1]
    assert "Loiterers" not in get(cast.charlie, url("incidents_rule"))[1]
    post(cast.alice, url("incidents_rule", "delete", rule.pk), post="yes")
    assert not Rule.objects.exists()


def test_what_waits_is_for_who_sees_its_rule(cast: Cast) -> None:
    make_rule(cast.harbour, hysteresis=timedelta(seconds=30))
    services.record_findings(
        [make_finding(make_asset(cast.harbour.pk, name="Tug 42"), make_zone(cast.harbour.pk))], at=NOON
    )
    assert "Tug 42" in get(cast.bob, url("incidents_pendingfinding"))[1]
    assert "Tug 42" not in get(cast.charlie, url("incidents_pendingfinding"))[1]
    pending = PendingFinding.objects.get()
    assert get(cast.bob, url("incidents_pendingfinding", "change", pending.pk))[0] == 200


@pytest.mark.parametrize("model", ["events_event", "lifecycle_transition", "lifecycle_timer"])
def test_the_record_can_be_read_and_not_written(cast: Cast, model: str) -> None:
    make_incident(cast.harbour, escalate_after=timedelta(minutes=5))
    logged(new_event())
    superuser = make_user(is_superuser=True, is_staff=True)
    status, page = get(superuser, url(model))
    assert status == 200
    [first, *_] = re.findall(rf'href="({url(model)}[^"]+/change/)', page)
    assert get(superuser, first)[0] == 200
    assert get(superuser, url(model, "add"))[0] == 403
    assert signed_in(superuser).post(first, {"noun": "x"}).status_code == 403
    assert "incidents" not in get(cast.charlie, url(model))[1].partition('id="result_list"')[2]


def test_services_and_not_the_admin_decide(cast: Cast) -> None:
    """A person who may only look gets no form, and what is sent all the same is refused."""
    incident = make_incident(cast.harbour)
    answer = signed_in(cast.bob).post(
        url("incidents_incident", "change", incident.pk), saved_fields(incident, title="x")
    )
    assert answer.status_code == 403
    services.update_incident(incident.pk, actor=SYSTEM, at=NOON, title="still ours")
    assert Incident.objects.get().title == "still ours"
