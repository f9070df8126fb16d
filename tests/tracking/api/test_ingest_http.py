"""Ingest over HTTP, by both ways in: what devices and programs send, good and bad."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.access import services as access
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.tracking import reception
from apps.tracking.models import Position, Presence, Quarantine
from apps.tracking.reception import Incoming, Wire, receive
from tests.factories.access import (
    assign,
    give_access_token,
    make_cast,
    make_organisation,
    make_user,
    with_key,
)
from tests.factories.assets import make_asset, make_device
from tests.factories.conformance import naughty_strings
from tests.factories.core import NOON
from tests.tracking.api.doors import Door, front, web

pytestmark = pytest.mark.django_db

POSITIONS = "/api/v1/positions"
both_doors = pytest.mark.parametrize("door", [web, front], ids=["web", "front"])


@pytest.fixture(autouse=True)
def _no_kept_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "_keys", reception._Keys())


def position(at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    fixed_at = (at or now()).isoformat()
    return {"asset": "mmsi:367000001", "fixed_at": fixed_at, "lon": -74.0, "lat": 40.7, **changes}


def device_key(organisation: Any) -> tuple[Any, str]:
    return access.create_device_key(organisation_id=organisation.pk, name="masts", actor=SYSTEM, at=NOON)


def counts(reply: Any) -> tuple[int, int, list[str]]:
    assert reply.status == 200, reply.body
    body = reply.json()
    codes = [reason["code"] for reason in body["reasons"]]
    assert body["quarantined"] == len(codes)
    return body["stored"], body["duplicate"], codes


@both_doors
def test_a_program_reports_with_its_key(door: Door) -> None:
    cast = make_cast()
    make_asset(organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    key = with_key(cast.alice)
    body = json.dumps([position(NOON), position(NOON, lat=95)]).encode()
    assert counts(door("POST", POSITIONS, body, **key)) == (1, 0, ["out_of_range"])
    assert counts(door("POST", POSITIONS, body, **key)) == (0, 1, ["out_of_range"])
    assert (Position.objects.count(), Presence.objects.count(), Quarantine.objects.count()) == (1, 1, 1)


@both_doors
def test_a_device_key_reports_for_its_organisation_and_below_and_nobody_else(door: Door) -> None:
    port = make_organisation()
    pier, stranger = make_organisation(parent=port), make_organisation()
    make_asset(organisation=pier, identifiers=[("mmsi", "367000001")])
    make_asset(organisation=stranger, identifiers=[("mmsi", "367000002")])
    _, token = device_key(port)
    body = json.dumps([position(), position(asset="mmsi:367000002"), position(asset="mmsi:367000003")]).encode()
    reply = door("POST", POSITIONS, body, authorization=f"Bearer {token}")
    assert counts(reply) == (1, 0, ["unknown_asset", "unknown_asset"])
    assert len({reason["detail"] for reason in reply.json()["reasons"]}) == 1


@both_doors
def test_who_may_only_look_may_not_report(door: Door) -> None:
    cast = make_cast()
    make_asset(organisation=cast.harbour, identifiers=[("mmsi", "367000001")])
    for who in (cast.bob, cast.charlie):
        reply = door("POST", POSITIONS, json.dumps([position()]).encode(), **with_key(who))
        assert counts(reply) == (0, 0, ["unknown_asset"])
    assert not Position.objects.exists()


@both_doors
@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wf_nonsense", "Basic !!!", "Bearer wfd_aaaaaaaa_bbbb"])
def test_who_is_nobody_may_not_report(door: Door, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    reply = door("POST", POSITIONS, json.dumps([position()]).encode(), **headers)
    assert (reply.status, reply.code, reply.headers["www-authenticate"]) == (
        401,
        "not_authenticated",
        'Bearer realm="watchfloor"',
    )


@both_doors
def test_a_revoked_key_stores_nothing_more(door: Door) -> None:
    organisation = make_organisation()
    make_asset(organisation=organisation, identifiers=[("mmsi", "367000001")])
    row, token = device_key(organisation)
    body = json.dumps([position()]).encode()
    assert counts(door("POST", POSITIONS, body, authorization=f"Bearer {token}"))[0] == 1
    access.revoke_device_key(row.pk, actor=SYSTEM, at=NOON)
    door("POST", POSITIONS, json.dumps([position()]).encode(), authorization=f"Bearer {token}")
    assert Position.objects.count() == 1


@both_doors
def test_a_program_reports_with_an_oauth_token_until_that_ends(door: Door) -> None:
    organisation = make_organisation()
    make_asset(organisation=organisation, identifiers=[("mmsi", "367000001")])
    robot = access.create_user(username="robot", is_service=True, actor=SYSTEM, at=NOON)
    assign(robot, ["assets.report"], organisation)
    row, text = give_access_token(robot, "assets.report")
    _, narrow = give_access_token(robot, "assets.view")

    def report(token: str) -> Any:
        return door("POST", POSITIONS, json.dumps([position()]).encode(), authorization=f"Bearer {token}")

    assert counts(report(text))[0] == 1
    assert counts(report(narrow)) == (0, 0, ["unknown_asset"])
    row.revoke()
    report(text)
    assert Position.objects.count() == 1
    assert report(text[:-1]).status == 401


@both_doors
def test_a_source_may_be_named_if_it_is_registered(door: Door) -> None:
    make_asset(identifiers=[("mmsi", "367000001")])
    key = with_key(make_user(is_superuser=True))
    body = json.dumps([position()]).encode()
    assert counts(door("POST", POSITIONS, body, query="source=ais", **key))[0] == 1
    for name in ("nowhere", "%00", "a" * 500):
        reply = door("POST", POSITIONS, body, query=f"source={name}", **key)
        assert (reply.status in {400, 422}, reply.code != "internal") == (True, True)


@both_doors
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"[NaN]", 400, "malformed"),
        (b'[{"lat": Infinity}]', 400, "malformed"),
        (b"\xff\xfe\x00\x00", 400, "malformed"),
        (b"[" * 200_000, 400, "malformed"),
        (b'{"a":' * 200_000, 400, "malformed"),
        (b'{"type": "FeatureCollection"}', 422, "invalid"),
        (b"[" + b"1," * 10_001 + b"1]", 413, "too_large"),
        (b"[" + b" " * (5 * 1024 * 1024) + b"]", 413, "too_large"),
        (b"x" * 10_000_000, 413, "too_large"),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else str(value),
)
def test_a_body_that_cannot_be_read_is_a_clear_problem(door: Door, body: bytes, status: int, code: str) -> None:
    reply = door("POST", POSITIONS, body, **with_key(make_user(is_superuser=True)))
    assert (reply.status, reply.code) == (status, code)
    assert not Quarantine.objects.exists()


@both_doors
def test_every_naughty_string_is_stored_or_refused_and_breaks_nothing(door: Door) -> None:
    asset = make_asset(identifiers=[("mmsi", "367000001")])
    key, strings = with_key(make_user(is_superuser=True)), naughty_strings()
    start = now() - timedelta(hours=2)
    items = [position(asset=text) for text in strings]
    items += [position(fixed_at=text) for text in strings]
    items += [
        position(start + timedelta(seconds=number), attributes={"note": text, text[:50]: 1})
        for number, text in enumerate(strings)
    ]
    stored, duplicate, codes = counts(door("POST", POSITIONS, json.dumps(items).encode(), **key))
    assert (duplicate, stored + len(codes)) == (0, len(items))
    assert set(codes) <= {"unknown_asset", "wrong_shape", "bad_attributes"}
    assert Position.objects.filter(asset_id=asset.pk).count() == stored
    kept = [(row or {})["note"] for row in Position.objects.order_by("fixed_at").values_list("attributes", flat=True)]
    assert kept == [text for text in strings if "\0" not in text and len(text) < 4000]


@pytest.mark.parametrize("known", [True, False], ids=["in a known device's report", "as a device"])
def test_every_naughty_string_over_osmand_is_taken_or_refused(*, known: bool) -> None:
    make_device(make_asset(), "boat-1", protocol="osmand", is_open=True)
    queries = [
        urlencode({"id": "boat-1" if known else text, "lat": text, "lon": text, "timestamp": text, "batt": text})
        for text in naughty_strings()
    ]
    requests = [Incoming(wire=Wire.OSMAND, body=b"", query=query, received_at=now()) for query in queries]
    assert {answer.status for answer in receive(requests)} == ({200} if known else {400})


@both_doors
def test_a_clock_in_the_future_is_kept_aside(door: Door) -> None:
    make_asset(identifiers=[("mmsi", "367000001")])
    key = with_key(make_user(is_superuser=True))
    items = [position(now() + timedelta(minutes=6)), position(now() + timedelta(minutes=4))]
    assert counts(door("POST", POSITIONS, json.dumps(items).encode(), **key)) == (1, 0, ["future"])
    ends_of_time = [position(fixed_at="9999-12-31T23:59:59-23:59"), position(fixed_at="0001-01-01T00:00:00+23:59")]
    reply = door("POST", POSITIONS, json.dumps(ends_of_time).encode(), **key)
    assert counts(reply) == (0, 0, ["clock_not_set", "clock_not_set"])


def osmand_fields(**changes: str) -> dict[str, str]:
    return {
        "id": "boat-1",
        "timestamp": str(int(now().timestamp())),
        "lat": "40.7",
        "lon": "-74",
        "speed": "10",
        **changes,
    }


@both_doors
@pytest.mark.parametrize("path", ["/ingest/osmand", "/ingest/osmand/", "/ingest/osmand/any/thing"])
@pytest.mark.parametrize("form", ["query", "post query", "form", "json"])
def test_an_open_device_reports_over_osmand_in_every_form(door: Door, form: str, path: str) -> None:
    asset = make_asset()
    make_device(asset, "boat-1", protocol="osmand", is_open=True)
    fields = osmand_fields()
    coords = {"latitude": 40.7, "longitude": -74, "speed": 10 * 1852 / 3600}
    as_json = {"device_id": "boat-1", "location": {"timestamp": now().isoformat(), "coords": coords}}
    reply = {
        "query": lambda: door("GET", path, query=urlencode(fields)),
        "post query": lambda: door("POST", path, query=urlencode(fields)),
        "form": lambda: door(
            "POST", path, urlencode(fields).encode(), content_type="application/x-www-form-urlencoded"
        ),
        "json": lambda: door("POST", path, json.dumps(as_json).encode()),
    }[form]()
    assert (reply.status, reply.body) == (200, b"")
    stored = Position.objects.get()
    assert (stored.asset_id, stored.lon, stored.lat) == (asset.pk, -74.0, 40.7)
    assert stored.speed_mps == pytest.approx(5.1444, abs=1e-3)


@both_doors
def test_a_device_that_nobody_knows_or_that_needs_a_key_gets_the_same_answer(door: Door) -> None:
    make_device(make_asset(), "closed", protocol="osmand")
    replies = [door("GET", "/ingest/osmand", query=urlencode(osmand_fields(id=name))) for name in ("closed", "nobody")]
    assert [(reply.status, reply.code, reply.json()["detail"]) for reply in replies] == [
        (400, "unknown_device", "There is no device of this id, or it needs another key.")
    ] * 2
    assert not Position.objects.exists()


@both_doors
def test_a_device_with_a_key_reports_with_that_key_however_it_is_sent(door: Door) -> None:
    organisation = make_organisation()
    row, token = device_key(organisation)
    _, other = device_key(organisation)
    asset = make_asset(organisation=organisation)
    make_device(asset, "boat-1", protocol="osmand", key=row)
    basic = base64.b64encode(f"anybody:{token}".encode()).decode()

    def report(path: str = "/ingest/osmand", **headers: str) -> int:
        at = str(now().timestamp() * 1000 + Position.objects.count())
        return door("GET", path, query=urlencode(osmand_fields(timestamp=at)), **headers).status

    assert report(authorization=f"Bearer {token}") == 200
    assert report(authorization=f"Basic {basic}") == 200
    assert report(f"/ingest/osmand/{token}") == 200
    assert Position.objects.count() == 3
    assert report() == 400
    assert report(authorization=f"Bearer {other}") == 400
    assert report(authorization="Bearer wfd_wrongwro_ng") == 401
    assert Position.objects.count() == 3


@both_doors
def test_a_report_that_a_retry_cannot_mend_is_taken(door: Door) -> None:
    make_device(make_asset(), "boat-1", protocol="osmand", is_open=True)
    make_device(make_asset(), "alice/phone", protocol="owntracks", is_open=True)
    assert door("GET", "/ingest/osmand", query=urlencode(osmand_fields(lat="95"))).status == 200
    message = {"_type": "location", "topic": "owntracks/alice/phone", "lat": 95, "lon": 0, "tst": 1_772_366_400}
    reply = door("POST", "/ingest/owntracks", json.dumps(message).encode())
    assert (reply.status, reply.body) == (200, b"[]")
    reply = door("POST", "/ingest/owntracks", b"{", x_limit_u="alice", x_limit_d="phone")
    assert (reply.status, reply.body) == (200, b"[]")
    assert sorted(Quarantine.objects.values_list("source__slug", "code")) == [
        ("osmand", "out_of_range"),
        ("owntracks", "malformed"),
        ("owntracks", "out_of_range"),
    ]


@both_doors
def test_owntracks_reports_in_kilometres_per_hour(door: Door) -> None:
    organisation = make_organisation()
    _, token = device_key(organisation)
    make_device(make_asset(organisation=organisation), "alice/phone", protocol="owntracks")
    basic = base64.b64encode(f"alice:{token}".encode()).decode()
    at = int(now().timestamp())
    message = {"_type": "location", "topic": "owntracks/alice/phone", "lat": 40.7, "lon": -74, "tst": at, "vel": 36}
    reply = door("POST", "/ingest/owntracks", json.dumps(message).encode(), authorization=f"Basic {basic}")
    assert (reply.status, reply.body, reply.content_type) == (200, b"[]", "application/json")
    assert Position.objects.get().speed_mps == pytest.approx(10)
    reply = door("POST", "/ingest/owntracks", b'{"_type": "lwt", "tst": 1}')
    assert (reply.status, reply.body) == (200, b"[]")


@both_doors
@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/ingest/osmand"), ("GET", "/ingest/owntracks"), ("DELETE", "/ingest/osmand/x")]
)
def test_other_methods_are_not_allowed(door: Door, method: str, path: str) -> None:
    assert door(method, path).status == 405


@both_doors
def test_a_device_body_has_a_smaller_limit(door: Door) -> None:
    reply = door("POST", "/ingest/owntracks", b"x" * 100_000)
    assert (reply.status, reply.code) == (413, "too_large")
