"""Volumes and operational intents of ASTM F3548-21: read, written, and the same after both."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from shapely import MultiPolygon, Polygon

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum
from apps.events.rules import instant
from apps.operations.models import Operation
from apps.operations.rules.shapes import footprint_of
from apps.operations.services import move_operation
from apps.operations.types import Area, Corridor, Recurrence, VolumeDraft
from tests.factories.access import assign, make_organisation, make_policy, make_user, signed_in
from tests.factories.operations import band, make_operation, make_operation_kind, submit, volume
from tests.factories.zones import square

pytestmark = pytest.mark.django_db

OPERATIONS = "/api/v1/operations"
ACTIONS = [f"operations.{verb}" for verb in ("view", "add", "change", "submit")]
W84 = {"reference": "W84", "units": "M"}
CIRCLE = {"outline_circle": {"center": {"lng": -74.02, "lat": 40.68}, "radius": {"value": 300.0, "units": "M"}}}
CORNERS = [(-74.02, 40.68), (-74.01, 40.68), (-74.01, 40.69), (-74.02, 40.69)]


def vertices_of(*corners: tuple[float, float]) -> list[dict[str, float]]:
    """Return the vertices of a polygon of F3548."""
    return [{"lng": lng, "lat": lat} for lng, lat in corners]


POLYGON = {"outline_polygon": {"vertices": vertices_of(*CORNERS)}}
ABOVE_ELLIPSOID = band(0, 50, Datum.WGS84)


@pytest.fixture
def harbour() -> Organisation:
    return make_organisation("Harbour")


@pytest.fixture
def client(harbour: Organisation) -> Client:
    person = make_user("alice")
    assign(person, ACTIONS, harbour)
    return signed_in(person)


def at(hours: float) -> dict[str, str]:
    """Return an instant tomorrow, as F3548 says it."""
    moment = now().replace(microsecond=0) + timedelta(days=1, hours=hours)
    return {"value": instant(moment), "format": "RFC3339"}


def volume4d(outline: dict[str, Any] = CIRCLE, **changes: Any) -> dict[str, Any]:
    """Return a volume as F3548 writes it, tomorrow for an hour."""
    altitudes = {"altitude_lower": {"value": 30.0, **W84}, "altitude_upper": {"value": 120.0, **W84}}
    return {"volume": {**outline, **altitudes}, "time_start": at(0), "time_end": at(1), **changes}


def plan(harbour: Organisation, *volumes: object, **given: object) -> dict[str, object]:
    """Return the body of a new operation."""
    kind = make_operation_kind()
    return {"title": "Flight", "kind": kind.slug, "organisation_id": str(harbour.pk), "volumes": volumes, **given}


@pytest.mark.parametrize("outline", [CIRCLE, POLYGON], ids=["circle", "polygon"])
def test_what_is_read_is_written_again(client: Client, harbour: Organisation, outline: dict[str, Any]) -> None:
    given = volume4d(outline)
    made = client.post(OPERATIONS, plan(harbour, given), content_type="application/json")
    assert made.status_code == 201, made.content
    assert made.json()["volumes"][0]["upper_datum"] == "WGS84"
    operation = submit(Operation.objects.get())
    answer = client.get(f"{OPERATIONS}/{operation.pk}/operational-intent")
    assert answer.status_code == 200, answer.content
    intent = answer.json()["operational_intent"]
    assert intent["reference"] == {
        "id": str(operation.pk),
        "manager": str(harbour.pk),
        "uss_availability": "Unknown",
        "version": operation.version,
        "state": "Accepted",
        "time_start": given["time_start"],
        "time_end": given["time_end"],
    }
    assert (intent["details"]["priority"], intent["details"]["off_nominal_volumes"]) == (0, [])
    (written,) = intent["details"]["volumes"]
    if outline is POLYGON:
        vertices = written["volume"]["outline_polygon"]["vertices"]
        # On the edges from west to east there are more: they are the shortest ways there, and straight in degrees here.
        assert [each for each in vertices if (each["lng"], each["lat"]) in CORNERS] == vertices_of(*CORNERS)
        written["volume"]["outline_polygon"] = given["volume"]["outline_polygon"]
    assert written == given


def test_a_check_takes_them_beside_ours(client: Client, harbour: Organisation) -> None:
    begins = now().replace(microsecond=0) + timedelta(days=1)
    taken = VolumeDraft(
        shape=Area(polygons=square(-75, 40)),
        footprint=square(-75, 40),
        starts_at=begins,
        ends_at=begins + timedelta(hours=1),
    )
    submit(make_operation("In the way", volumes=[taken], organisation=harbour))
    asked = plan(harbour, volume4d())
    del asked["title"]
    answer = client.post(f"{OPERATIONS}:check", asked, content_type="application/json").json()
    assert (answer["accepted"], [each["verdict"] for each in answer["conflicts"]]) == (False, ["refused"])


@pytest.mark.parametrize(
    ("broken", "pointer"),
    [
        ({"time_start": {"value": "2030-01-01T00:00:00Z", "format": "UNIX"}}, "/volumes/0/time_start/format"),
        ({"time_end": None}, "/volumes/0/time_end"),
        ({"volume": {**CIRCLE, **POLYGON}}, "/volumes/0/volume"),
        ({"volume": {}}, "/volumes/0/volume"),
        ({"volume": 7}, "/volumes/0/volume"),
        ({"volume": {**CIRCLE, "altitude_lower": {"value": 1, "reference": "SFC", "units": "M"}}},
         "/volumes/0/volume/altitude_lower/reference"),
        ({"volume": {**CIRCLE, "altitude_upper": {"value": 400, "reference": "W84", "units": "FT"}}},
         "/volumes/0/volume/altitude_upper/units"),
        ({"volume": {**CIRCLE, "altitude_upper": {"value": True, **W84}}}, "/volumes/0/volume/altitude_upper/value"),
        ({"volume": {"outline_polygon": {"vertices": [{"lng": 0, "lat": 0}]}}},
         "/volumes/0/volume/outline_polygon/vertices"),
        ({"volume": {"outline_circle": {"center": {"lng": "0", "lat": 0}, "radius": {"value": 1, "units": "M"}}}},
         "/volumes/0/volume/outline_circle/center/lng"),
        ({"colour": "red"}, "/volumes/0/colour"),
        ({"time_start": {"value": "noon", "format": "RFC3339"}}, "/volumes/0/time_start/value"),
        ({"time_end": at(-2)}, "/volumes/0/time_end/value"),
        ({"volume": {**CIRCLE, "altitude_lower": {"value": 9, **W84}, "altitude_upper": {"value": 8, **W84}}},
         "/volumes/0/volume/altitude_upper/value"),
        ({"volume": {"outline_circle": {"center": {"lng": 0, "lat": 91}, "radius": {"value": 1, "units": "M"}}}},
         "/volumes/0/volume/outline_circle/center"),
        ({"volume": {"outline_circle": {"center": {"lng": 0, "lat": 0}, "radius": {"value": 0, "units": "M"}}}},
         "/volumes/0/volume/outline_circle/radius/value"),
        ({"volume": {"outline_polygon": {"vertices": [{"lng": lng, "lat": 99 * lng} for lng in range(3)]}}},
         "/volumes/0/volume/outline_polygon/vertices/1"),
    ],
    ids=["time format", "no end", "both", "neither", "no object", "datum", "feet", "bool", "corners", "text", "more",
         "no time", "backwards", "heights", "no place", "too small", "off the earth"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(
    client: Client, harbour: Organisation, broken: dict[str, Any], pointer: str
) -> None:
    refused = client.post(OPERATIONS, plan(harbour, {**volume4d(), **broken}), content_type="application/json")
    assert (refused.status_code, refused["Content-Type"]) == (422, "application/problem+json"), refused.content
    assert pointer in [each["pointer"] for each in refused.json()["errors"]]
    assert not Operation.objects.exists()


def test_what_recurs_and_what_is_wide_is_written_out(client: Client, harbour: Organisation) -> None:
    line = Corridor(line=((-74.05, 40.62), (-74.04, 40.6)), width_m=200)
    begins = now().replace(microsecond=0) + timedelta(days=1)
    days = "MO,TU,WE,TH,FR,SA,SU"
    planned = VolumeDraft(
        shape=line,
        footprint=footprint_of(line),
        band=ABOVE_ELLIPSOID,
        starts_at=begins,
        ends_at=begins + timedelta(hours=1),
        recurrence=Recurrence(rule=f"FREQ=WEEKLY;BYDAY={days};COUNT=3", time_zone="UTC"),
    )
    operation = submit(make_operation(volumes=[planned], organisation=harbour))
    move_operation(operation, "activate", actor=SYSTEM, at=now())
    intent = client.get(f"{OPERATIONS}/{operation.pk}/operational-intent").json()["operational_intent"]
    volumes = intent["details"]["volumes"]
    assert intent["reference"]["state"] == "Activated"
    starts = [instant(begins + timedelta(days=day)) for day in range(3)]
    assert [each["time_start"]["value"] for each in volumes] == starts
    for each in volumes:
        ring = [(corner["lng"], corner["lat"]) for corner in each["volume"]["outline_polygon"]["vertices"]]
        assert Polygon(ring).equals(planned.footprint)


HOLED = Polygon(square(size=3).geoms[0].exterior, [square(1, 1).geoms[0].exterior])


@pytest.mark.parametrize(
    ("planned", "pointer"),
    [
        (volume(heights=band(0, 50, Datum.AGL)), "/volumes/0/lower_datum"),
        (volume(heights=band(None, 50, Datum.WGS84)), "/volumes/0/lower_m"),
        (volume(heights=band(0, None, Datum.WGS84)), "/volumes/0/upper_m"),
        (volume(heights=band(0, 100_001, Datum.WGS84)), "/volumes/0/upper_m"),
        (volume(heights=band(-8_001, 0, Datum.WGS84)), "/volumes/0/lower_m"),
        (volume(MultiPolygon([HOLED]), heights=ABOVE_ELLIPSOID), "/volumes/0/shape"),
    ],
    ids=["above ground", "open below", "open above", "too high", "too low", "a hole"],
)
def test_what_cannot_be_said_is_refused_and_not_said_wrong(
    client: Client, harbour: Organisation, planned: VolumeDraft, pointer: str
) -> None:
    operation = submit(make_operation(volumes=[planned], organisation=harbour))
    refused = client.get(f"{OPERATIONS}/{operation.pk}/operational-intent")
    assert (refused.status_code, refused["Content-Type"]) == (422, "application/problem+json")
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]


def test_f3548_has_no_word_for_a_draft_and_a_hidden_plan_is_not_told(client: Client, harbour: Organisation) -> None:
    operation = make_operation(organisation=harbour, volumes=[volume(heights=ABOVE_ELLIPSOID)])
    path = f"{OPERATIONS}/{operation.pk}/operational-intent"
    assert "state" not in client.get(path).json()["operational_intent"]["reference"]
    submit(operation)
    assert client.get(path).json()["operational_intent"]["reference"]["state"] == "Accepted"
    make_policy("limit", ["operations.*"], organisation=harbour, hidden_fields=["geometry"])
    hidden = client.get(path)
    assert hidden.status_code == 403
    assert "vertices" not in json.dumps(hidden.json())


def test_f3548_wants_more_of_what_does_not_conform_than_anybody_plans(client: Client, harbour: Organisation) -> None:
    operation = submit(make_operation(organisation=harbour, volumes=[volume(heights=ABOVE_ELLIPSOID)]))
    path = f"{OPERATIONS}/{operation.pk}/operational-intent"
    for move, status in (("activate", 200), ("declare", 422), ("recover", 200), ("end", 200)):
        operation = move_operation(operation, move, actor=SYSTEM, at=now())
        answer = client.get(path)
        assert (move, answer.status_code) == (move, status)
        assert status == 200 or [each["pointer"] for each in answer.json()["errors"]] == ["/state"]
    assert "state" not in answer.json()["operational_intent"]["reference"]
