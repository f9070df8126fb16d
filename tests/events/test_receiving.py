"""Events from outside: who may say what about which object, once, and who hears of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.core.ids import new_id
from apps.events import services
from apps.events.models import Event
from tests.factories.access import Cast, assign, make_cast, make_policy, make_user, signed_in
from tests.factories.assets import make_asset
from tests.factories.core import NOON
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def event(subject: str, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:lock:west",
        "type": "lock.gate.opened",
        "subject": subject,
        "time": "2026-03-01T09:00:00Z",
        "lane": "west",
        "data": {"level_m": 1.5},
        **changes,
    }


def send(client: Client, body: Any, kind: str = STRUCTURED, **headers: str) -> tuple[int, Any]:
    answer = client.post("/api/v1/events", json.dumps(body), content_type=kind, headers=headers)
    return answer.status_code, answer.json()


def heard_by(client: Client) -> list[dict[str, Any]]:
    services.relay(NOON)
    items = client.get("/api/v1/events?type=lock.*").json()["items"]
    return [{key: each[key] for key in ("id", "source", "type", "subject", "time", "lane", "data")} for each in items]


def test_it_stands_in_the_log_as_it_came(cast: Cast) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    alice = signed_in(cast.alice)
    assert send(alice, event(f"assets/{asset.pk}")) == (202, {"accepted": 1, "duplicates": 0})
    expected = {
        "id": "1",
        "source": "urn:lock:west",
        "type": "lock.gate.opened",
        "subject": f"assets/{asset.pk}",
        "time": "2026-03-01T09:00:00Z",
        "lane": "west",
        "data": {"level_m": 1.5},
    }
    assert heard_by(alice) == [expected]
    assert heard_by(signed_in(cast.bob)) == [expected]
    assert heard_by(signed_in(cast.charlie)) == []


def test_sent_again_it_has_no_effect_and_others_keep_their_own_ids(cast: Cast) -> None:
    subject = f"assets/{make_asset('Tug', organisation=cast.harbour).pk}"
    other = make_user("other", organisation=cast.harbour)
    assign(other, ["assets.view", "events.send"], cast.harbour)
    alice = signed_in(cast.alice)
    both = [event(subject), event(subject, id="2"), event(subject)]
    assert send(alice, both, BATCH) == (202, {"accepted": 2, "duplicates": 1})
    assert send(alice, event(subject, data="something else")) == (202, {"accepted": 0, "duplicates": 1})
    assert send(signed_in(other), event(subject)) == (202, {"accepted": 1, "duplicates": 0})
    assert list(Event.objects.filter(source__isnull=False).order_by("seq").values_list("source_id", flat=True)) == [
        "1", "2", "1",
    ]  # fmt: skip


def test_binary_mode_says_the_same_in_headers(cast: Cast) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "caf%C3%A9",
        "ce-source": "urn:lock:west",
        "ce-type": "lock.gate.opened",
        "ce-subject": f"assets/{asset.pk}",
        "ce-time": "2026-03-01T09:00:00Z",
        "ce-lane": "west",
    }
    alice = signed_in(cast.alice)
    assert send(alice, {"level_m": 2}, "application/json", **headers) == (202, {"accepted": 1, "duplicates": 0})
    [heard] = heard_by(alice)
    assert (heard["id"], heard["lane"], heard["data"]) == ("café", "west", {"level_m": 2})
    status, problem = send(alice, {"level_m": 2}, "application/json")
    assert (status, problem["type"]) == (400, "urn:watchfloor:problem:not_a_cloud_event")


def test_unknown_and_invisible_objects_get_the_same_answer(cast: Cast) -> None:
    hidden = make_asset("Hidden", organisation=cast.elsewhere)
    answers = [
        send(signed_in(cast.alice), event(subject))
        for subject in (f"assets/{hidden.pk}", f"assets/{new_id()}", f"ghosts/{hidden.pk}", f"positions/{hidden.pk}")
    ]
    for status, problem in answers:
        problem.pop("trace_id", None)
        assert (status, problem) == (404, answers[0][1])
    assert answers[0][1]["errors"] == [
        {"pointer": "/0/subject", "code": "unknown_subject", "detail": answers[0][1]["detail"]}
    ]
    assert not Event.objects.filter(source__isnull=False).exists()


def test_who_only_sees_an_object_says_nothing_about_it(cast: Cast) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    status, problem = send(signed_in(cast.bob), event(f"assets/{asset.pk}"))
    assert (status, problem["type"]) == (403, "urn:watchfloor:problem:not_allowed")


def test_a_batch_is_taken_whole_or_not_at_all(cast: Cast) -> None:
    asset, zone = make_asset("Tug", organisation=cast.harbour), make_zone("Basin", organisation=cast.elsewhere)
    batch = [event(f"assets/{asset.pk}"), event(f"zones/{zone.pk}", id="2")]
    status, problem = send(signed_in(cast.alice), batch, BATCH)
    assert (status, problem["errors"][0]["pointer"]) == (404, "/1/subject")
    assert not Event.objects.filter(source__isnull=False).exists()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"type": "Watchfloor.zone.updated.v1"}, "/type"),
        ({"source": "urn:watchfloor"}, "/source"),
        ({"specversion": "0.3"}, "/specversion"),
        ({"id": ""}, "/id"),
        ({"id": None}, "/id"),
        ({"subject": "assets/7"}, "/subject"),
        ({"time": "yesterday"}, "/time"),
        ({"time": "2126-03-01T09:00:00Z"}, "/0/time"),
        ({"datacontenttype": "text/xml"}, "/datacontenttype"),
        ({"data_base64": "AAAA"}, "/data_base64"),
        ({"sequence": "1"}, "/sequence"),
        ({"Lane": "1"}, "/Lane"),
        ({"lane": [1]}, "/lane"),
        ({"data": {"depth": 2**70}}, "/data/depth"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode() if isinstance(value, dict) else "",
)
def test_what_is_no_event_is_refused_with_its_place(cast: Cast, changes: dict[str, Any], pointer: str) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    status, problem = send(signed_in(cast.alice), {**event(f"assets/{asset.pk}"), **changes})
    assert (status, [each["pointer"] for each in problem["errors"]]) == (422, [pointer])


def test_what_policies_hide_something_of_is_told_without_what_others_say(cast: Cast) -> None:
    asset = make_asset("Tug", organisation=cast.harbour)
    make_policy("require", ["assets.view"], "name = 'Tug'", users=[cast.bob])
    send(signed_in(cast.alice), event(f"assets/{asset.pk}"))
    [seen] = heard_by(signed_in(cast.bob))
    assert seen["data"] == {"level_m": 1.5}
    make_policy("limit", ["assets.view"], users=[cast.bob], hidden_fields=["name"])
    [kept] = heard_by(signed_in(cast.bob))
    assert (kept["subject"], kept["data"]) == (f"assets/{asset.pk}", None)
    make_policy("require", ["assets.view"], "name = 'Barge'", users=[cast.bob])
    assert heard_by(signed_in(cast.bob)) == []
