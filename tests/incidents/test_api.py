"""Incidents and rules over REST, by the conventions: problems, versions, idempotency, transitions, paging."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.gis.geos import Point
from django.test import Client

from apps.access.models import User
from apps.access.services import grant_access, revoke_access
from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.events.models import Event
from apps.incidents import services
from apps.incidents.models import Comment, Incident, Rule
from tests.factories.access import Cast, assign, make_cast, signed_in
from tests.factories.core import NOON, after
from tests.factories.incidents import make_asset, make_finding, make_incident, make_rule, make_zone

pytestmark = pytest.mark.django_db
PROBLEM = "urn:watchfloor:problem:"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def call(
    who: User, method: str, path: str, body: object = None, *, if_match: str | None = None, key: str | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Send one request as somebody; return status, body and headers."""
    headers = {"If-Match": if_match, "Idempotency-Key": key}
    kind = "application/merge-patch+json" if method == "patch" else "application/json"
    answer = getattr(signed_in(who), method)(
        f"/api/v1/{path}",
        **({} if body is None else {"data": body, "content_type": kind}),
        headers={name: value for name, value in headers.items() if value is not None},
    )
    return answer.status_code, answer.json() if answer.content else None, dict(answer.headers)


def titles(who: User, query: str = "") -> list[str]:
    status, page, _ = call(who, "get", f"incidents{query}")
    assert status == 200, page
    return [item["title"] for item in page["items"]]


def test_an_incident_is_shown_whole(cast: Cast) -> None:
    make_rule(cast.harbour, escalate_after=timedelta(minutes=5))
    tug, pier = make_asset(cast.harbour.pk), make_zone(cast.harbour.pk)
    services.record_findings([make_finding(tug, pier)], at=NOON)
    incident = Incident.objects.get()
    status, body, headers = call(cast.bob, "get", f"incidents/{incident.pk}")
    assert (status, headers["ETag"]) == (200, '"1"')
    del body["recorded_at"], body["changed_at"]
    assert body == {
        "id": str(incident.pk),
        "version": 1,
        "organisation_id": str(cast.harbour.pk),
        "title": "Tug 7 entered Pier 9",
        "description": "",
        "severity": 3,
        "state": "open",
        "state_category": "open",
        "state_since": "2026-06-30T12:00:00Z",
        "finding": "entered",
        "rule_id": str(incident.rule_id),
        "asset_id": str(tug.id),
        "asset_name": "Tug 7",
        "zone_id": str(pier.id),
        "zone_name": "Pier 9",
        "assignee_id": None,
        "escalate_after_s": 300.0,
        "evidence_count": 1,
        "opened_at": "2026-06-30T12:00:00Z",
        "last_found_at": "2026-06-30T12:00:00Z",
        "acknowledged_at": None,
        "escalated_at": None,
        "resolved_at": None,
        "closed_at": None,
        "location": {"type": "Point", "coordinates": [-74.03, 40.47]},
    }
    status, page, _ = call(cast.bob, "get", f"incidents/{incident.pk}/evidence")
    assert (status, [each["asset"]["name"] for each in page["items"]]) == (200, ["Tug 7"])


def test_everybody_lists_what_is_theirs(cast: Cast) -> None:
    make_incident(cast.harbour, title="in the harbour")
    make_incident(cast.elsewhere, title="elsewhere")
    assert titles(cast.alice) == titles(cast.bob) == ["in the harbour"]
    assert titles(cast.charlie) == ["elsewhere"]


@pytest.mark.parametrize("path", ["", "/transitions", "/history", "/comments", "/evidence"])
def test_a_stranger_finds_nothing(cast: Cast, path: str) -> None:
    incident = make_incident(cast.harbour)
    status, problem, _ = call(cast.charlie, "get", f"incidents/{incident.pk}{path}")
    assert (status, problem["type"]) == (404, f"{PROBLEM}not_found")
    assert "tug" not in str(problem).lower()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=open", ["minor"]),
        ("?is_over=true", ["over"]),
        ("?is_over=false", ["grave", "minor"]),
        ("?severity=4", ["grave"]),
        ("?q=GRAV", ["grave"]),
        ("?sort=severity", ["minor", "over", "grave"]),
        ("?bbox=-75,40,-73,41", ["grave"]),
        ("?bbox=170,40,-170,41", []),
        (f"?asset_id={UUID(int=1)}", []),
        ("?organisation_id={harbour}", ["grave", "over", "minor"]),
    ],
)
def test_a_list_is_narrowed(cast: Cast, query: str, expected: list[str]) -> None:
    make_incident(cast.harbour, title="minor", at=NOON)
    make_incident(cast.harbour, title="over", state="resolved", at=after(1))
    grave = make_incident(cast.harbour, title="grave", state="escalated", at=after(2))
    Incident.objects.filter(pk=grave.pk).update(severity=4, location=Point(-74, 40.5, srid=4326))
    Incident.objects.filter(title="minor").update(severity=1)
    assert titles(cast.alice, query.format(harbour=cast.harbour.pk)) == expected


@pytest.mark.parametrize("query", ["?severity=5", "?is_over=maybe", "?bbox=1,2", "?colour=red", "?rule_id=x"])
def test_a_filter_that_makes_no_sense_is_refused(cast: Cast, query: str) -> None:
    status, problem, _ = call(cast.alice, "get", f"incidents{query}")
    assert (status, problem["type"]) == (422, f"{PROBLEM}invalid_parameter")
    assert problem["errors"][0]["pointer"] == query.partition("=")[0]


def test_a_list_takes_as_many_statements_for_three_as_for_one(cast: Cast, django_assert_max_num_queries: Any) -> None:
    client = signed_in(cast.alice)
    make_incident(cast.harbour)
    client.get("/api/v1/incidents")
    for _ in range(2):
        with django_assert_max_num_queries(6):
            assert client.get("/api/v1/incidents").status_code == 200
        make_incident(cast.harbour)
        make_incident(cast.harbour)


def test_pages_follow_each_other(cast: Cast) -> None:
    for number in range(5):
        make_incident(cast.harbour, title=str(number), at=after(number))
    seen, url = [], "/api/v1/incidents?limit=2"
    while url:
        page = signed_in(cast.alice).get(url).json()
        seen += [item["title"] for item in page["items"]]
        url = page["next"]
    assert seen == ["4", "3", "2", "1", "0"]


def test_somebody_opens_an_incident(cast: Cast) -> None:
    body = {
        "organisation_id": str(cast.harbour.pk),
        "title": "Oil on the water",
        "severity": 4,
        "escalate_after_s": 60,
        "location": {"type": "Point", "coordinates": [-74.0, 40.6]},
    }
    status, shown, headers = call(cast.alice, "post", "incidents", body, key="one")
    assert (status, shown["title"], shown["state"], headers["ETag"]) == (201, "Oil on the water", "open", '"1"')
    assert (shown["escalate_after_s"], shown["location"]["coordinates"]) == (60.0, [-74.0, 40.6])
    assert headers["Location"] == f"/api/v1/incidents/{shown['id']}"
    again = call(cast.alice, "post", "incidents", body, key="one")
    assert (again[0], again[1]["id"]) == (201, shown["id"])
    assert Incident.objects.count() == 1


def test_who_may_not_open_is_told_as_much_as_they_may_know(cast: Cast) -> None:
    body = {"organisation_id": str(cast.harbour.pk), "title": "Oil"}
    assert call(cast.bob, "post", "incidents", body)[0] == 403
    assert call(cast.charlie, "post", "incidents", body)[0] == 404
    assert call(cast.alice, "post", "incidents", {**body, "organisation_id": str(new_id())})[0] in (404, 422)
    assert Incident.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": None}, "/title"),
        ({"title": "a\x01b"}, "/title"),
        ({"severity": 9}, "/severity"),
        ({"severity": "bad"}, "/severity"),
        ({"escalate_after_s": -1}, "/escalate_after_s"),
        ({"escalate_after_s": 1e300}, "/escalate_after_s"),
        ({"location": {"type": "Point", "coordinates": [1, 91]}}, "/location"),
        ({"location": "here"}, "/location"),
        ({"organisation_id": "x"}, "/organisation_id"),
        ({"titel": "x"}, "/titel"),
    ],
)
def test_a_body_that_is_no_incident_is_refused_with_a_pointer(
    cast: Cast, change: dict[str, object], pointer: str
) -> None:
    body = {"organisation_id": str(cast.harbour.pk), "title": "Oil", **change}
    status, problem, _ = call(cast.alice, "post", "incidents", body)
    assert status == 422, problem
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert Incident.objects.count() == 0


def test_a_change_names_the_version_that_it_changes(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path = f"incidents/{incident.pk}"
    assert call(cast.alice, "patch", path, {"title": "x"})[0] == 428
    assert call(cast.alice, "patch", path, {"title": "x"}, if_match='"9"')[0] == 412
    status, body, headers = call(cast.alice, "patch", path, {"title": "Two tugs"}, if_match='"1"')
    assert (status, body["title"], body["version"], headers["ETag"]) == (200, "Two tugs", 2, '"2"')
    assert call(cast.bob, "patch", path, {"title": "x"}, if_match="*")[0] == 403
    assert call(cast.charlie, "patch", path, {"title": "x"}, if_match="*")[0] == 404
    status, problem, _ = call(cast.alice, "patch", path, {"state": "closed"}, if_match='"2"')
    assert (status, problem["errors"][0]["pointer"]) == (422, "/state")


def test_transitions_say_what_is_possible_for_whom(cast: Cast) -> None:
    incident = make_incident(cast.harbour, escalate_after=timedelta(minutes=5))
    path = f"incidents/{incident.pk}/transitions"
    status, body, headers = call(cast.alice, "get", path)
    assert (status, headers["ETag"]) == (200, '"1"')
    ways = body.pop("ways")
    assert body == {
        "lifecycle": {"key": "incident", "version": 1, "title": "Incident"},
        "state": {"name": "open", "label": "Open", "tone": "alert", "category": "open", "is_final": False},
        "since": "2026-06-30T12:00:00Z",
        "allowed": [
            {"name": name, "label": label, "target": target, "needs_reason": False, "form": None}
            for name, label, target in (
                ("acknowledge", "Acknowledge", "acknowledged"),
                ("escalate", "Escalate", "escalated"),
                ("resolve", "Resolve", "resolved"),
            )
        ],
        "due": [{"name": "escalate", "due_at": "2026-06-30T12:05:00Z"}],
        "history": f"/api/v1/incidents/{incident.pk}/history",
    }
    assert [(way["name"], way["may"], way["due_at"]) for way in ways] == [
        ("acknowledge", True, None),
        ("escalate", True, "2026-06-30T12:05:00Z"),
        ("resolve", True, None),
    ]
    assert call(cast.bob, "get", path)[1]["allowed"] == []


def test_a_transition_is_made_once(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path, body = f"incidents/{incident.pk}/transitions", {"transition": "acknowledge", "reason": "Mine."}
    assert call(cast.alice, "post", path, body)[0] == 428
    status, shown, headers = call(cast.alice, "post", path, body, if_match='"1"', key="mine")
    assert (status, shown["state"], shown["version"], headers["ETag"]) == (200, "acknowledged", 2, '"2"')
    replayed = call(cast.alice, "post", path, body, if_match='"1"', key="mine")
    assert (replayed[0], replayed[1], replayed[2]["Idempotency-Replayed"]) == (200, shown, "true")
    status, page, _ = call(cast.bob, "get", f"incidents/{incident.pk}/history")
    assert [(each["transition"], each["actor"], each["reason"]) for each in page["items"]] == [
        ("begin", "system", ""),
        ("acknowledge", "alice", "Mine."),
    ]


def test_a_transition_that_is_not_possible_says_what_is(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path = f"incidents/{incident.pk}/transitions"
    events = Event.objects.count()
    status, problem, _ = call(cast.alice, "post", path, {"transition": "close"}, if_match='"1"')
    assert (status, problem["type"]) == (409, f"{PROBLEM}illegal_transition")
    assert problem["allowed"] == ["acknowledge", "escalate", "resolve"]
    assert call(cast.alice, "post", path, {"transition": "explode"}, if_match='"1"')[0] == 422
    assert call(cast.alice, "post", path, {}, if_match='"1"')[0] == 422
    assert call(cast.bob, "post", path, {"transition": "resolve"}, if_match='"1"')[0] == 403
    assert call(cast.charlie, "post", path, {"transition": "resolve"}, if_match='"1"')[0] == 404
    assert call(cast.alice, "post", path, {"transition": "resolve"}, if_match='"7"')[0] == 412
    assert Event.objects.count() == events


def test_an_incident_is_assigned(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path = f"incidents/{incident.pk}/assignee"
    status, body, _ = call(cast.alice, "put", path, {"user_id": str(cast.bob.pk)}, if_match='"1"')
    assert (status, body["assignee_id"], body["version"]) == (200, str(cast.bob.pk), 2)
    assert titles(cast.bob, f"?assignee_id={cast.bob.pk}") == ["A tug drifts"]
    for user_id in (str(cast.charlie.pk), str(new_id())):
        status, problem, _ = call(cast.alice, "put", path, {"user_id": user_id}, if_match='"2"')
        assert (status, len(problem["errors"])) == (422, 1)
    assert call(cast.alice, "put", path, {"user_id": None}, if_match='"2"')[1]["assignee_id"] is None


def test_somebody_says_something(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    path = f"incidents/{incident.pk}/comments"
    status, said, _ = call(cast.alice, "post", path, {"text": "On my way.\nTwo minutes."}, key="said")
    assert (status, said["author"], said["text"]) == (201, "alice", "On my way.\nTwo minutes.")
    call(cast.alice, "post", path, {"text": "On my way.\nTwo minutes."}, key="said")
    assert Comment.objects.count() == 1
    assert call(cast.bob, "post", path, {"text": "x"})[0] == 403
    assert [each["id"] for each in call(cast.bob, "get", path)[1]["items"]] == [said["id"]]


def test_a_rule_is_made_shown_changed_and_deleted(cast: Cast) -> None:
    body = {"organisation_id": str(cast.harbour.pk), "name": "Loiterers", "finding": "dwelt", "hysteresis_s": 0}
    status, shown, headers = call(cast.alice, "post", "rules", body)
    assert status == 201, shown
    path = f"rules/{shown['id']}"
    assert headers["Location"] == f"/api/v1/{path}"
    assert (shown["hysteresis_s"], shown["dedupe_window_s"], shown["escalate_after_s"]) == (0.0, 600.0, None)
    assert call(cast.bob, "get", path)[1] == shown
    assert call(cast.charlie, "get", path)[0] == 404
    change = {"hysteresis_s": 30, "escalate_after_s": 120, "is_enabled": False}
    status, changed, _ = call(cast.alice, "patch", path, change, if_match='"1"')
    assert (status, {name: changed[name] for name in change}, changed["version"]) == (200, change, 2)
    assert call(cast.alice, "patch", path, {"escalate_after_s": None}, if_match='"2"')[1]["escalate_after_s"] is None
    assert call(cast.bob, "delete", path, if_match='"3"')[0] == 403
    assert call(cast.alice, "delete", path, if_match='"3"')[0] == 204
    assert not Rule.objects.exists()


@pytest.mark.parametrize("name", ["zone_id", "zone_kind_id", "asset_kind_id"])
def test_a_rule_about_what_does_not_exist_is_refused(cast: Cast, name: str) -> None:
    body = {"organisation_id": str(cast.harbour.pk), "name": "x", "finding": "left", name: str(new_id())}
    status, problem, _ = call(cast.alice, "post", "rules", body)
    assert (status, problem["errors"][0]["pointer"]) == (422, f"/{name}")
    assert not Rule.objects.exists()


def test_nobody_is_asked_to_sign_in(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    for path in ("incidents", f"incidents/{incident.pk}", "rules"):
        assert Client().get(f"/api/v1/{path}").status_code == 401


def test_a_grant_on_one_incident_is_for_that_one(cast: Cast) -> None:
    shared, _ = make_incident(cast.harbour, title="shared"), make_incident(cast.harbour, title="kept")
    grant_access(shared, "incidents.view", to=cast.charlie, actor=SYSTEM, at=NOON)
    assert titles(cast.charlie) == ["shared"]
    assert call(cast.charlie, "get", f"incidents/{shared.pk}/transitions")[1]["allowed"] == []
    assign(cast.charlie, ["incidents.view"], cast.elsewhere)
    revoke_access(shared, "incidents.view", to=cast.charlie, actor=SYSTEM, at=NOON)
    assert titles(cast.charlie) == []
