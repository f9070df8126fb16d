"""Bad input of every sort: a clear error with its place, never a fault of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.factories.access import Cast, make_cast, make_user, signed_in
from tests.factories.operations import make_operation, make_operation_kind, submit
from tests.factories.zones import make_zone, make_zone_kind
from tests.operations.api.test_rest import START, body_of, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = signed_in(cast.alice)
    client.raise_request_exception = False
    return client


def recurring(rule: str, time_zone: str = "America/New_York", **times: str) -> dict[str, Any]:
    return {"volume": {"recurrence": {"rule": rule, "time_zone": time_zone}, **times}}


DAY = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][START.weekday()]
OLD = {"starts_at": "0001-01-01T00:00:00Z", "ends_at": "0001-01-02T00:00:00Z"}
LAST = {"starts_at": "9999-12-20T00:00:00Z", "ends_at": "9999-12-30T00:00:00Z"}


@pytest.mark.parametrize(
    ("member", "pointer"),
    [
        (recurring("FREQ=WEEKLY;BYDAY=\u017fU;COUNT=2"), "/volumes/0/recurrence/rule"),
        (recurring("FREQ=WEEKLY;\u0131NTERVAL=2;COUNT=2"), "/volumes/0/recurrence/rule"),
        (recurring("FREQ=WEEKLY;UNTIL=00010101T000000Z"), "/volumes/0/recurrence/rule"),
        (recurring("FREQ=WEEKLY;UNTIL=99991231T235959Z", "Asia/Tokyo"), "/volumes/0/recurrence/rule"),
        (recurring("FREQ=WEEKLY;COUNT=2", **OLD), "/volumes/0/starts_at"),
        (recurring("FREQ=WEEKLY;COUNT=2", **LAST), "/volumes/0/starts_at"),
        (recurring("FREQ=WEEKLY;COUNT=2", "Asia/Tokyo", **LAST), "/volumes/0/starts_at"),
        ({"volume": OLD}, "/volumes/0/starts_at"),
        (recurring("FREQ=WEEKLY;COUNT=2", "../../etc/passwd"), "/volumes/0/recurrence/time_zone"),
        (recurring("FREQ=WEEKLY;COUNT=2", "Europe"), "/volumes/0/recurrence/time_zone"),
    ],
    ids=str,
)
def test_times_that_nobody_can_reckon_with(cast, alice, member, pointer) -> None:
    answer = post(alice, "/api/v1/operations", body_of(cast, **member))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.content
    plan = {name: value for name, value in body_of(cast, **member).items() if name != "title"}
    assert post(alice, "/api/v1/operations:check", plan).status_code == 422


def test_a_volume_of_long_ago_beside_one_of_tomorrow(cast, alice) -> None:
    body = body_of(cast)
    body["volumes"].append({**body["volumes"][0], **OLD})
    answer = post(alice, "/api/v1/operations", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/volumes/1/starts_at")


def test_a_few_numbers_do_not_become_an_answer_of_many_megabytes(cast, alice) -> None:
    body = body_of(cast)
    circles = [{"type": "Circle", "centre": [lon * 3, 0], "radius_m": 50_000} for lon in range(6)]
    body["volumes"] = [{**body["volumes"][0], "shape": each} for each in circles]
    answer = post(alice, "/api/v1/operations", body)
    told = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert (answer.status_code, told) == (422, [("/volumes", "too_many_vertices")])


@pytest.mark.parametrize(
    "rule", ["freq=weekly;count=2", "FREQ=WEEKLY;COUNT=0002", "FREQ=WEEKLY;BYDAY={day},{day};COUNT=2;WKST=SU"]
)
def test_a_rule_that_is_taken_is_written_in_a_calendar(cast, alice, rule) -> None:
    made = post(alice, "/api/v1/operations", body_of(cast, **recurring(rule.format(day=DAY), "UTC")))
    assert made.status_code == 201, made.content
    assert alice.get(f"{made.headers['Location']}.ics").status_code == 200
    assert alice.get("/api/v1/operations.ics").status_code == 200


def test_a_shape_that_cannot_be_read_again_as_it_is_kept_is_refused(cast, alice) -> None:
    """Cut at the antimeridian an outline has more vertices; whoever follows what runs reads it again."""
    lons = [179 + each / 2_500 for each in range(4_999)]
    south = [[lon if lon <= 180 else lon - 360, each % 2 * 0.001] for each, lon in enumerate(lons)]
    ring = [*south, *([lon, lat + 1] for lon, lat in reversed(south)), south[0]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    answer = post(alice, "/api/v1/operations", body_of(cast, volume={"shape": shape}))
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/volumes/0/shape", "too_many_vertices")


@pytest.mark.parametrize(
    "volumes",
    [
        "x",
        1,
        {},
        {"0": {}},
        [None],
        [[]],
        ["x"],
        [{"volume": None}],
        [{"volume": {}}],
        [{"volume": []}],
        [{"volume": {"outline_circle": {"center": {"lng": 10**400, "lat": 0}, "radius": {"value": 1, "units": "M"}}}}],
        [{"volume": {"outline_polygon": {"vertices": [{"lng": True, "lat": 1}] * 3}}}],
        [{"shape": {"type": []}}],
        [{"shape": {"type": {}}}],
        [{"shape": {"type": "Circle", "centre": [10**400, 0], "radius_m": 10**400}}],
        [{"shape": {"type": "Corridor", "coordinates": [[0, 0]] * 1000, "width_m": 1}}],
        [{"shape": {"type": "Corridor", "coordinates": [[0, 90], [90, 90]], "width_m": 100}}],
        [{"shape": {"type": "Circle", "centre": [0, 90], "radius_m": 100}}],
        [{"shape": {"type": "Circle", "centre": [180, 89.9999], "radius_m": 50_000}}],
        [{"shape": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}],
    ],
    ids=lambda each: str(each)[:60],
)
def test_shapes_that_are_none(cast, alice, volumes) -> None:
    body = body_of(cast)
    plan = (
        [{**body["volumes"][0], **each} if isinstance(each, dict) and "shape" in each else each for each in volumes]
        if isinstance(volumes, list)
        else volumes
    )
    for each in [volumes, plan]:
        answer = post(alice, "/api/v1/operations", {**body, "volumes": each})
        assert answer.status_code in (400, 422), answer.content[:500]
        assert answer.json()["errors"] or answer.status_code == 400


@pytest.mark.parametrize(
    "patch",
    [
        "[]",
        "1",
        "null",
        '"x"',
        '{"volumes": null}',
        '{"volumes": {"0": 1}}',
        '{"volumes": [{"shape": {"type": "Circle", "centre": [0, 0], "radius_m": 1e999}}]}',
        '{"asset_ids": null}',
        '{"asset_ids": [null]}',
        '{"asset_ids": "x"}',
        '{"priority": 1e400}',
        '{"priority": NaN}',
        '{"title": null}',
        '{"title": "a\\u0000b"}',
        '{"title": "\\ud800"}',
        "[" * 5000,
    ],
)
def test_patches_that_are_none(cast, alice, patch) -> None:
    operation = make_operation(organisation=cast.harbour)
    answer = alice.patch(
        f"/api/v1/operations/{operation.pk}",
        data=patch,
        content_type="application/merge-patch+json",
        headers={"If-Match": "*"},
    )
    assert answer.status_code in (200, 400, 422), answer.content[:500]


@pytest.mark.parametrize(
    "query",
    [
        "bbox=nan,0,1,1",
        "bbox=1,2",
        "valid_at=0001-01-01T00:00:00%2B14:00",
        "valid_at=x",
        "asset_id=x",
        "q=%00",
        "state=%00",
        "kind=%ff",
        "datetime=0001-01-01/..",
        "datetime=9999-12-31T23:59:59Z/..",
        "sort=asset_ids",
        "sort=geometry",
        "filter=volumes=1",
        "limit=99999999999999999999",
    ],
)
@pytest.mark.parametrize("path", ["operations", "operations.ics", "approvals"])
def test_queries_that_are_none(cast, alice, query, path) -> None:
    make_operation(organisation=cast.harbour)
    answer = alice.get(f"/api/v1/{path}?{query}")
    if answer.status_code != 200:
        assert answer["Content-Type"] == "application/problem+json"
        told = [each["pointer"][:1] for each in answer.json()["errors"]]
        assert answer.status_code == 400 or (answer.status_code == 422 and set(told) == {"?"}), answer.content[:500]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "null",
        "1",
        "[1]",
        "[" * 100_000,
        '[{"shape": NaN}]',
        "9" * 10_000,
        '"\\ud800"',
        '[{"shape": {"type": "Circle", "centre": [1e999, 0], "radius_m": 1}}]',
        json.dumps(
            [
                {
                    "shape": {"type": "Circle", "centre": [0, 0], "radius_m": 1},
                    "starts_at": "0001-01-01T00:00:00+14:00",
                    "ends_at": "0001-01-01T00:00:00Z",
                }
            ]
        ),
        json.dumps(
            [
                {
                    "shape": {"type": "Circle", "centre": [0, 0], "radius_m": 1},
                    **LAST,
                    "recurrence": {"rule": "FREQ=WEEKLY;COUNT=2", "time_zone": "Asia/Tokyo"},
                }
            ]
        ),
    ],
    ids=lambda each: each[:40],
)
def test_forms_that_are_none(cast, alice, text) -> None:
    kind, operation = make_operation_kind(), make_operation(organisation=cast.harbour)
    planned = {"kind": str(kind.pk), "organisation": str(cast.harbour.pk), "title": "x", "volumes": text}
    assert alice.post("/admin/operations/operation/add/", planned).status_code == 200
    assert alice.post(f"/admin/operations/operation/{operation.pk}/change/", planned).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "from=0001-01-01",
        "from=9999-12-31",
        "from=%00",
        "organisation=%7B%7D",
        "organisation=x",
        "show=%00",
        "state=%00",
        "over=%00",
        "from=2026-W01-1",
    ],
)
def test_timelines_that_are_none(cast, alice, query) -> None:
    make_operation(organisation=cast.harbour)
    assert alice.get(f"/admin/operations/operation/timeline/?{query}").status_code in (200, 400)


@pytest.mark.parametrize(
    "body",
    [
        {"slug": "x", "name": "x", "tolerance_m": 1e308},
        {"slug": "x", "name": "x", "nonconforming_after_s": 1e308},
        {"slug": "x", "name": "x", "contingent_after_s": 0},
        {"slug": "x", "name": "x", "contingent_after_s": 1e-9},
        {"slug": "x", "name": "x", "nonconforming_after_s": 1e-9},
        {"slug": "x" * 64, "name": "x", "lifecycle": "nope"},
        {"slug": "x", "name": "x", "lifecycle": "incident"},
        {"slug": "x", "name": "x", "default_priority": True},
    ],
)
def test_kinds_that_are_none(body) -> None:
    client = signed_in(make_user("root", is_superuser=True))
    client.raise_request_exception = False
    answer = post(client, "/api/v1/operation-kinds", body)
    assert answer.status_code in (201, 422), answer.content


@pytest.mark.parametrize(
    "patch",
    [
        {"decision": None},
        {"decision": "open"},
        {"decision": "maybe"},
        {"decision": []},
        {"note": None},
        {"note": "x" * 2_001},
        {"note": "\x00"},
        {"operation_title": "x"},
    ],
    ids=lambda each: str(each)[:40],
)
def test_decisions_that_are_none(cast, alice, patch) -> None:
    make_zone(kind=make_zone_kind(constraint="authorisation"), organisation=cast.elsewhere)
    kind = make_operation_kind(is_reviewed=True)
    approval = submit(make_operation(organisation=cast.harbour, kind=kind)).approvals.get(reason="organisation")
    for each in [{"decision": "approved"}, patch]:
        answer = alice.patch(
            f"/api/v1/approvals/{approval.pk}",
            data=each,
            content_type="application/merge-patch+json",
            headers={"If-Match": "*"},
        )
        assert answer.status_code in (200, 422), answer.content
        page = {"decision": each.get("decision") or "", "note": each.get("note") or ""}
        assert alice.post(f"/admin/operations/approval/{approval.pk}/change/", page).status_code in (200, 302)
