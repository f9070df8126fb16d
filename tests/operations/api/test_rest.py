"""Operations over REST: from a plan to an approval, and what is said on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.operations.models import Operation
from apps.operations.services import move_operation, update_operation
from tests.factories.access import Cast, make_cast, make_policy, signed_in
from tests.factories.assets import make_asset
from tests.factories.operations import make_operation, make_operation_kind, submit, volume
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db
START = now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
CIRCLE = {"type": "Circle", "centre": [10.0, 50.0], "radius_m": 500.0}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def body_of(cast: Cast, **members: Any) -> dict[str, Any]:
    """Return a plan: a circle below 120 m for an hour."""
    kind = members.pop("kind", None) or make_operation_kind().slug
    volume = {
        "shape": CIRCLE,
        "upper_m": 120,
        "upper_datum": "AGL",
        "starts_at": START.isoformat(),
        "ends_at": (START + timedelta(hours=1)).isoformat(),
        **members.pop("volume", {}),
    }
    return {"organisation_id": str(cast.harbour.pk), "title": "Survey", "kind": kind, "volumes": [volume], **members}


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(path, data=body, content_type="application/json", headers=headers)


def test_a_plan_is_made_shown_changed_submitted_and_cancelled(cast, alice) -> None:
    asset = make_asset(organisation=cast.harbour)
    made = post(alice, "/api/v1/operations", body_of(cast, asset_ids=[str(asset.pk)], contact="Desk 1"))
    assert made.status_code == 201, made.content
    assert (made.headers["ETag"], made.json()["state"], made.json()["asset_ids"]) == ('"1"', "draft", [str(asset.pk)])
    assert made.json()["volumes"][0]["shape"] == CIRCLE
    assert made.json()["area"]["type"] == "MultiPolygon"
    path = made.headers["Location"]
    assert alice.get(path).json() == made.json()
    changed = alice.patch(
        path,
        data={"title": "Survey 2"},
        content_type="application/merge-patch+json",
        headers={"If-Match": '"1"'},
    )
    assert (changed.status_code, changed.json()["title"], changed.json()["version"]) == (200, "Survey 2", 2)
    assert changed.json()["volumes"] == made.json()["volumes"]
    moved = post(alice, f"{path}/transitions", {"transition": "submit"}, **{"If-Match": '"2"'})
    assert (moved.status_code, moved.json()["state"]) == (200, "approved")
    cancelled = post(alice, f"{path}/transitions", {"transition": "cancel"}, **{"If-Match": "*"})
    assert cancelled.json()["state"] == "cancelled"
    assert [each["transition"] for each in alice.get(f"{path}/history").json()["items"]] == [
        "begin",
        "submit",
        "approve",
        "cancel",
    ]


def test_a_refusal_says_what_is_in_the_way_and_where_there_is_room(cast, alice) -> None:
    theirs = post(alice, "/api/v1/operations", body_of(cast)).headers["Location"]
    post(alice, f"{theirs}/transitions", {"transition": "submit"}, **{"If-Match": "*"})
    mine = post(alice, "/api/v1/operations", body_of(cast)).headers["Location"]
    answer = post(alice, f"{mine}/transitions", {"transition": "submit"}, **{"If-Match": "*"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:watchfloor:problem:space_conflict")
    (conflict,) = answer.json()["conflicts"]
    assert (conflict["verdict"], conflict["operation"]["id"]) == ("refused", theirs.rpartition("/")[2])
    assert [each["later_s"] for each in answer.json()["free"]] == [3_660]
    assert alice.get(mine).json()["state"] == "draft"


def test_a_check_tells_the_same_and_writes_nothing(cast, alice) -> None:
    submit(make_operation(organisation=cast.elsewhere, volumes=[volume(square(9.5, 49.5), starts_at=START)]))
    plan = body_of(cast)
    del plan["title"]
    answer = post(alice, "/api/v1/operations:check", plan)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["accepted"], answer.json()["conflicts"][0]["operation"]) == (False, None)
    assert len(answer.json()["free"]) == 1
    assert Operation.objects.count() == 1
    assert post(signed_in(cast.bob), "/api/v1/operations:check", plan).status_code == 403
    assert post(signed_in(cast.charlie), "/api/v1/operations:check", plan).status_code == 404


@pytest.mark.parametrize(
    ("member", "pointer"),
    [
        ({"volumes": []}, "/volumes"),
        ({"volume": {"shape": {"type": "Circle", "centre": [0, 0], "radius_m": -1}}}, "/volumes/0/shape/radius_m"),
        ({"volume": {"upper_datum": None}}, "/volumes/0/upper_datum"),
        ({"volume": {"ends_at": START.isoformat()}}, "/volumes/0/ends_at"),
        (
            {"volume": {"recurrence": {"rule": "FREQ=DAILY;COUNT=2", "time_zone": "UTC"}}},
            "/volumes/0/recurrence/rule",
        ),
        ({"kind": "no-such-kind"}, "/kind"),
        ({"priority": 101}, "/priority"),
        ({"asset_ids": ["00000000-0000-7000-8000-000000000000"]}, "/asset_ids"),
        ({"state": "approved"}, "/state"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_plan_is_told_with_its_place(cast, alice, member, pointer) -> None:
    answer = post(alice, "/api/v1/operations", body_of(cast, **member))
    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [pointer])


def test_an_approval_is_found_in_the_inbox_and_decided(cast, alice) -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"), area=square(9.5, 49.5), organisation=cast.elsewhere)
    path = post(alice, "/api/v1/operations", body_of(cast)).headers["Location"]
    post(alice, f"{path}/transitions", {"transition": "submit"}, **{"If-Match": "*"})
    assert alice.get(path).json()["state"] == "in_review"
    (waiting,) = alice.get(f"{path}/approvals").json()["items"]
    assert waiting == {
        "id": waiting["id"],
        "organisation_id": str(cast.elsewhere.pk),
        "reason": "zone",
        "rule_name": "",
        "decision": "open",
        "note": "",
        "decided_at": None,
    }
    assert alice.get("/api/v1/approvals").json()["items"] == []
    charlie = signed_in(cast.charlie)
    (asked,) = charlie.get("/api/v1/approvals?decision=open").json()["items"]
    for other in ("decision=approved", f"operation_id={cast.harbour.pk}", f"organisation_id={cast.harbour.pk}"):
        assert charlie.get(f"/api/v1/approvals?{other}").json()["items"] == []
    assert (asked["operation_title"], asked["geometry"]["type"]) == ("Survey", "MultiPolygon")
    answer = charlie.patch(
        f"/api/v1/approvals/{asked['id']}",
        data={"decision": "approved", "note": "Mind the crane."},
        content_type="application/merge-patch+json",
        headers={"If-Match": '"1"'},
    )
    assert (answer.status_code, answer.json()["decision"]) == (200, "approved")
    assert alice.get(path).json()["state"] == "approved"


def test_whoever_sees_an_area_coarsely_sees_no_volume(cast, alice) -> None:
    operation = make_operation(organisation=cast.harbour)
    path = f"/api/v1/operations/{operation.pk}"
    make_policy("limit", ["operations.view"], organisation=cast.harbour, users=[cast.bob], coarsen_m=5_000.0)
    make_policy("limit", ["operations.view"], organisation=cast.harbour, users=[cast.alice], hidden_fields=["geometry"])
    seen = signed_in(cast.bob).get(path).json()
    assert ("area" in seen, "volumes" in seen) == (True, False)
    assert seen["area"]["coordinates"][0][0][0] != [1.0, 0.0]
    kept = alice.get(path).json()
    assert ("area" in kept, "volumes" in kept) == (False, False)
    listed = alice.get("/api/v1/operations").json()["items"][0]
    assert ("area" in listed, "volumes" in listed) == (False, False)


def test_a_list_takes_a_fixed_number_of_statements(cast, alice, django_assert_max_num_queries) -> None:
    kind = make_operation_kind()
    for number in range(3):
        make_operation(organisation=cast.harbour, kind=kind, volumes=[volume(square(number * 3))])
    with django_assert_max_num_queries(12):
        assert len(alice.get("/api/v1/operations").json()["items"]) == 3


def test_only_a_draft_is_deleted(cast, alice) -> None:
    draft, submitted = make_operation(organisation=cast.harbour), submit(make_operation(organisation=cast.harbour))
    gone = alice.delete(f"/api/v1/operations/{draft.pk}", headers={"If-Match": "*"})
    kept = alice.delete(f"/api/v1/operations/{submitted.pk}", headers={"If-Match": "*"})
    assert (gone.status_code, kept.status_code, kept.json()["type"]) == (
        204,
        409,
        "urn:watchfloor:problem:not_a_draft",
    )


def test_the_list_is_narrowed(cast, alice) -> None:
    tug, barge = (make_asset(name, organisation=cast.harbour) for name in ("Tug 7", "Barge 2"))
    kind, hour = make_operation_kind(), timedelta(hours=1)
    make_operation(
        "Survey", organisation=cast.harbour, kind=kind, asset_ids=[tug.pk], volumes=[volume(starts_at=START)]
    )
    planned = [volume(square(178), starts_at=START + 5 * hour, lasting=hour)]
    late = make_operation("Tow", organisation=cast.harbour, asset_ids=[barge.pk], volumes=planned)
    update_operation(late.pk, description="A barge", actor=SYSTEM, at=now())
    over = make_operation("Over", organisation=cast.harbour, volumes=[volume(square(-180, 40), starts_at=START - hour)])
    move_operation(over, "cancel", actor=SYSTEM, at=now())
    make_operation("Theirs", organisation=cast.elsewhere, volumes=[volume(starts_at=START)])

    def titles(**query: Any) -> list[str]:
        answer = alice.get("/api/v1/operations", query)
        assert answer.status_code == 200, answer.content
        return sorted(each["title"] for each in answer.json()["items"])

    assert titles() == ["Over", "Survey", "Tow"]
    assert titles(state="cancelled") == titles(is_over="true") == ["Over"]
    assert titles(is_over="false") == ["Survey", "Tow"]
    assert titles(kind=kind.slug) == titles(asset_id=str(tug.pk)) == ["Survey"]
    assert titles(organisation_id=str(cast.elsewhere.pk)) == []
    assert titles(valid_at=(START + hour / 2).isoformat()) == ["Survey"]
    # Both ends belong to it.
    assert titles(valid_at=START.isoformat()) == ["Over", "Survey"]
    assert titles(valid_at=(START + hour).isoformat()) == ["Survey"]
    assert titles(valid_at=(START + 2 * hour).isoformat()) == []
    assert titles(bbox="0.5,0.5,3,3") == ["Survey"]
    assert titles(bbox="170,0,-170,50") == ["Over", "Tow"]
    assert titles(q="urv") == ["Survey"]
    assert titles(q="barge") == ["Tow"]
