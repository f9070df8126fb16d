"""Bad input to zones over REST: stored as it is, or refused with a clear problem. Never an error of ours."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from apps.access.types import SYSTEM
from apps.zones import services
from apps.zones.api.serializers import ZoneKindChangeSerializer
from apps.zones.models import Zone
from tests.assets.api.test_bad_input import JSON, is_refused, judge, keep, patch
from tests.factories.access import make_cast, signed_in
from tests.factories.conformance import naughty_strings
from tests.factories.core import NOON
from tests.factories.zones import make_zone, make_zone_kind
from tests.zones.rules.test_features import BOW_TIE, SQUARE, feature

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_a_third_of_the_naughty_strings_as_a_text_of_a_zone() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    path = f"/api/v1/zones/{make_zone(organisation=cast.harbour).pk}"
    for text in naughty_strings()[1::3]:
        response = patch(client, path, {"name": text, "description": text})
        judge(response, sent=text, shown=lambda body: body["name"])
        judge(response, sent=text, shown=lambda body: body["description"])


@pytest.mark.slow
def test_every_naughty_string_as_a_text_of_a_kind() -> None:
    kind = make_zone_kind()
    for text in naughty_strings():
        body = {"name": text, "label": text, "colour": "#000000"}
        kept = keep(
            ZoneKindChangeSerializer,
            body,
            lambda fields: services.update_zone_kind(
                kind.pk, name=fields["name"], label=fields["label"], actor=SYSTEM, at=NOON
            ),
        )
        expected = None if is_refused(text, 24) else (text.strip(), text.strip())
        assert (kept and (kept.name, kept.label)) == expected


def test_every_naughty_string_in_a_file() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    make_zone_kind("anchorage")
    path = f"/api/v1/zones:import?organisation_id={cast.harbour.pk}&kind=anchorage"
    texts = [text for text in naughty_strings() if "\0" not in text]

    def send(*features: object) -> Any:
        body = json.dumps({"type": "FeatureCollection", "features": features})
        return client.post(path, body, content_type="application/geo+json")

    refused = send(*(feature(name=text, description=text) for text in texts))
    assert refused.status_code == 422
    faulty = set(refused.json()["faulty"])
    good = [text for index, text in enumerate(texts) if index not in faulty]
    assert 400 < len(good) < len(texts)
    done = send(*(feature(name=text, description=text) for text in good))
    assert done.json()["imported"] == len(good)
    assert sorted(Zone.objects.values_list("name", flat=True)) == sorted(text.strip() for text in good)
    for key in ("kind", "lower_datum", "upper_ref", "valid_from", "valid_to"):
        response = send(*(feature(**{key: text}) for text in texts if text))
        assert response.status_code == 422
        assert len(response.json()["faulty"]) >= len(texts) - 5
    for text in texts[::25]:
        assert client.get("/api/v1/zones", {"q": text, "kind": text}).status_code in (200, 400, 422)
        assert client.get("/api/v1/zones", {"bbox": text or "x"}).status_code in (400, 422)


def ring(*positions: object) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": [list(positions)]}


@pytest.mark.parametrize(
    ("area", "code"),
    [
        (None, "null"),
        (7, "wrong_geometry_type"),
        ("POLYGON((0 0, 1 0, 1 1, 0 0))", "wrong_geometry_type"),
        ({}, "wrong_geometry_type"),
        ({"type": "Polygon"}, "not_coordinates"),
        ({"type": "Polygon", "coordinates": []}, "not_coordinates"),
        ({"type": "MultiPolygon", "coordinates": [[]]}, "not_coordinates"),
        ({"type": "GeometryCollection", "geometries": []}, "wrong_geometry_type"),
        (BOW_TIE, "self_crossing"),
        (ring([0, 0], [1, 0], [1, 91], [0, 0]), "out_of_world"),
        (ring([0, 0], [181, 0], [1, 1], [0, 0]), "out_of_world"),
        (ring([0, 0], [1, 0], [1, 1], [0, 1]), "not_closed"),
        (ring([0, 0], [1, 0], [0, 0]), "too_few_positions"),
        (ring([0, 0], [1, 0], [2, 0], [0, 0]), "no_area"),
        (ring([0, 0], ["1", 0], [1, 1], [0, 0]), "not_a_position"),
        (ring([0, 0], [True, 0], [1, 1], [0, 0]), "not_a_position"),
        (ring([0, 0], [1], [1, 1], [0, 0]), "not_a_position"),
        (ring([0, 0], [1, 0, 0, 0], [1, 1], [0, 0]), "not_a_position"),
        (ring([0, 0], [10**400, 0], [1, 1], [0, 0]), "malformed"),
        (ring(*([[math.cos(n), math.sin(n)] for n in range(10_001)])), "too_many_vertices"),
    ],
)
def test_an_area_that_is_none_is_told_with_its_place(area: object, code: str) -> None:
    cast = make_cast()
    make_zone_kind("anchorage")
    body = {"name": "Z", "kind": "anchorage", "organisation_id": str(cast.harbour.pk), "area": area}
    response = signed_in(cast.alice).post("/api/v1/zones", json.dumps(body), content_type=JSON)
    assert response.status_code in (400, 422)
    errors = response.json()["errors"]
    assert code == "malformed" or code in [error["code"] for error in errors]
    assert all(error["pointer"].startswith("/area") for error in errors)
    assert not Zone.objects.exists()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"lower_m": "10", "lower_datum": "AMSL"}, "/lower_m"),
        ({"lower_m": True, "lower_datum": "AMSL"}, "/lower_m"),
        ({"lower_m": 10}, "/lower_datum"),
        ({"lower_m": 1e7, "lower_datum": "AMSL"}, "/lower_m"),
        ({"lower_datum": "AMSL"}, "/lower_m"),
        ({"lower_m": 10, "lower_datum": "sea"}, "/lower_datum"),
        ({"lower_m": 10, "lower_datum": "AMSL", "upper_m": 9, "upper_datum": "AMSL"}, "/upper_m"),
        ({"valid_from": "yesterday"}, "/valid_from"),
        ({"valid_from": 7}, "/valid_from"),
        ({"valid_from": "2026-07-01T00:00:00"}, "/valid_from"),
        ({"valid_from": "2026-02-30T00:00:00Z"}, "/valid_from"),
        ({"valid_from": "0001-01-01T00:00:00+14:00"}, "/valid_from"),
        ({"valid_from": "2026-07-01T00:00:00Z", "valid_to": "2026-07-01T00:00:00Z"}, "/valid_to"),
        ({"dwell_after_s": -1}, "/dwell_after_s"),
        ({"dwell_after_s": "5"}, "/dwell_after_s"),
        ({"dwell_after_s": 1e99}, "/dwell_after_s"),
        ({"description": None}, "/description"),
        ({"is_active": "x"}, "/is_active"),
        ({"kind": "nothing"}, "/kind"),
        ({"version": 7}, "/version"),
    ],
)
def test_a_field_that_makes_no_sense_is_told_with_its_place(fields: Any, pointer: str) -> None:
    cast = make_cast()
    make_zone_kind("anchorage")
    body = {"name": "Z", "kind": "anchorage", "organisation_id": str(cast.harbour.pk), "area": SQUARE, **fields}
    response = signed_in(cast.alice).post("/api/v1/zones", json.dumps(body), content_type=JSON)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert not Zone.objects.exists()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_has_not_is_refused(number: str) -> None:
    cast = make_cast()
    make_zone_kind("anchorage")
    client = signed_in(cast.alice)
    area = f'{{"type": "Polygon", "coordinates": [[[0, 0], [{number}, 0], [1, 1], [0, 0]]]}}'
    body = f'{{"name": "Z", "kind": "anchorage", "organisation_id": "{cast.harbour.pk}", "area": {area}}}'
    response = client.post("/api/v1/zones", body, content_type=JSON)
    assert response.status_code in (400, 422)
    assert response["Content-Type"] == "application/problem+json"
    assert not Zone.objects.exists()
