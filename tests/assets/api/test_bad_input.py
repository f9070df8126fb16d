"""Bad input to assets over REST: stored as it is, or refused with a clear problem. Never an error of ours."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.access.types import SYSTEM
from apps.assets import services
from apps.assets.api.serializers import AssetKindChangeSerializer, DeviceSerializer
from apps.assets.models import Asset, AssetKind, Device, Identifier
from apps.core.types import Invalid
from tests.factories.access import make_cast, signed_in
from tests.factories.assets import make_asset, make_asset_kind, make_device
from tests.factories.conformance import naughty_strings
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db

JSON = "application/json"
PATCH = "application/merge-patch+json"


def is_refused(text: str, longest: int) -> bool:
    """Say whether a text is nothing, too long, or holds what no line of text holds. Outer space is taken off first."""
    stripped = text.strip()
    return not stripped or len(stripped) > longest or any(unicodedata.category(each) == "Cc" for each in stripped)


def judge(response: Any, *, sent: str, shown: Any, longest: int = 200) -> None:
    """Require that a text was kept as it is, or refused for a reason that a person sees."""
    if is_refused(sent, longest):
        assert response.status_code in (400, 422), (sent, response.status_code, response.content)
        assert response["Content-Type"] == "application/problem+json"
    else:
        assert response.status_code == 200, (sent, response.content)
        assert shown(response.json()) == sent.strip()


def patch(client: Client, path: str, body: object) -> Any:
    return client.patch(path, body, content_type=PATCH, headers={"If-Match": "*"})


@pytest.mark.slow
def test_a_third_of_the_naughty_strings_as_a_name_and_an_identifier() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    path = f"/api/v1/assets/{make_asset(organisation=cast.harbour).pk}"
    for text in naughty_strings()[::3]:
        body = {"name": text, "identifiers": [{"scheme": "note", "value": text}]}
        judge(patch(client, path, body), sent=text, shown=lambda body: body["name"])
        if not is_refused(text, 200):
            assert Identifier.objects.get().value == text.strip()


@pytest.mark.slow
def test_every_naughty_string_as_the_id_of_a_device() -> None:
    asset = make_asset()
    device = make_device(asset)
    for text in naughty_strings():
        body = {"protocol": "osmand", "device_id": text}
        kept = keep(
            DeviceSerializer,
            body,
            lambda fields: services.update_device(
                asset.pk, device.pk, device_id=fields["device_id"], actor=SYSTEM, at=NOON
            ),
        )
        assert (kept and kept.device_id) == (None if is_refused(text, 200) else text.strip())


@pytest.mark.slow
def test_every_naughty_string_as_a_text_of_a_kind() -> None:
    kind = make_asset_kind()
    for text in naughty_strings():
        body = {"name": text, "icon": text}
        kept = keep(
            AssetKindChangeSerializer,
            body,
            lambda fields: services.update_asset_kind(
                kind.pk, name=fields["name"], icon=fields["icon"], actor=SYSTEM, at=NOON
            ),
        )
        expected = None if is_refused(text, 64) else (text.strip(), text.strip())
        assert (kept and (kept.name, kept.icon)) == expected


def keep(shape: Any, body: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> Any:
    """Return what a service made of a body that the serializer let in, ``None`` when either refused it."""
    serializer = shape(data=body)
    if not serializer.is_valid():
        return None
    try:
        return change(serializer.validated_data)
    except Invalid:
        return None


def test_every_naughty_string_in_attributes_and_in_a_schema() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    asset = make_asset(organisation=cast.harbour)
    storable = [text for text in naughty_strings() if "\0" not in text]
    for name, texts in (("value", storable), ("key", storable)):
        attributes = dict.fromkeys(texts, name) if name == "key" else {"all": texts}
        response = client.patch(
            f"/api/v1/assets/{asset.pk}", {"attributes": attributes}, content_type=PATCH, headers={"If-Match": "*"}
        )
        assert response.status_code == 200, response.content
    assert Asset.objects.get().attributes == {"all": storable, **dict.fromkeys(storable, "key")}
    schema = {"type": "object", "properties": {text: {"title": text} for text in storable}}
    assert patch(client, f"/api/v1/asset-kinds/{asset.kind_id}", {"attributes_schema": schema}).status_code == 200


def test_every_naughty_string_as_a_slug_and_a_scheme() -> None:
    cast = make_cast()
    client = signed_in(cast.alice)
    make_asset_kind("vessel")
    for text in naughty_strings()[::10]:
        body = {"slug": text, "name": "x"}
        assert client.post("/api/v1/asset-kinds", body, content_type=JSON).status_code in (201, 400, 409, 422)
        asset = {
            "name": "x",
            "kind": text,
            "organisation_id": text,
            "identifiers": [{"scheme": text, "value": "1"}],
        }
        assert client.post("/api/v1/assets", asset, content_type=JSON).status_code in (400, 422)
        query = {"q": text, "kind": text, "identifier": f"note:{text}"}
        assert client.get("/api/v1/assets", query).status_code in (200, 400, 422)


GOOD = {"name": "Tug", "kind": "vessel"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"7", 422),
        (b"\xff\xfe\x00", 400),
        (b'{"name": NaN}', 400),
        (b'{"name": Infinity}', 400),
        (b'{"name": "\\ud800"}', 400),
        (b'{"name": "\\u0000"}', 422),
        (b'{"attributes": {"a\\u0000": 1}}', 422),
        (b'{"attributes": ' + b'{"a":' * 200 + b"1" + b"}" * 201, 400),
        (b"[" * 100_000, 400),
        (b'{"name": "' + b"x" * (11 * 1024 * 1024) + b'"}', 413),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/assets", "/api/v1/asset-kinds"])
def test_a_body_that_cannot_be_read_is_refused(path: str, body: bytes, status: int) -> None:
    response = signed_in(make_cast().alice).post(path, body, content_type=JSON)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert not AssetKind.objects.exists()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"name": 7.5}, ""),
        ({"name": ["x"]}, "/name"),
        ({"name": True}, "/name"),
        ({"is_active": "perhaps"}, "/is_active"),
        ({"is_active": None}, "/is_active"),
        ({"attributes": []}, "/attributes"),
        ({"attributes": "{}"}, "/attributes"),
        ({"attributes": {"n": 2**64}}, "/attributes/n"),
        ({"attributes": {"n": 1e300}}, "/attributes/n"),
        ({"identifiers": {}}, "/identifiers"),
        ({"identifiers": [7]}, "/identifiers/0"),
        ({"identifiers": [{"scheme": "mmsi"}]}, "/identifiers/0/value"),
        ({"identifiers": [{"scheme": "a b", "value": "1"}]}, "/identifiers/0/scheme"),
        ({"identifiers": [{"scheme": "n", "value": str(n)} for n in range(51)]}, "/identifiers"),
        ({"identifiers": [{"scheme": "n", "value": "1"}] * 2}, "/identifiers/1"),
        ({"organisation_id": "7"}, "/organisation_id"),
        ({"organisation_id": None}, "/organisation_id"),
        ({"kind": "nothing"}, "/kind"),
        ({"kind": None}, "/kind"),
        ({"kind": "x" * 65}, "/kind"),
    ],
)
def test_a_field_that_makes_no_sense_is_told_with_its_place(fields: Any, pointer: str) -> None:
    cast = make_cast()
    make_asset_kind("vessel")
    body = json.dumps({**GOOD, "organisation_id": str(cast.harbour.pk), **fields})
    response = signed_in(cast.alice).post("/api/v1/assets", body, content_type=JSON)
    if pointer == "" and response.status_code == 201:
        return  # a number is a fine name, and a large one a fine attribute
    assert response.status_code in (400, 422)
    assert pointer in [error["pointer"] for error in response.json()["errors"]] or pointer == ""
    assert not Asset.objects.exists()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"late_after_s": "5"}, "/late_after_s"),
        ({"late_after_s": True}, "/late_after_s"),
        ({"late_after_s": 0}, "/late_after_s"),
        ({"late_after_s": 1e-9}, "/late_after_s"),
        ({"late_after_s": 1e300}, "/late_after_s"),
        ({"late_after_s": 900}, "/lost_after_s"),
        ({"attributes_schema": []}, "/attributes_schema"),
        ({"attributes_schema": {"type": 7}}, "/attributes_schema/type"),
        ({"attributes_schema": {"$ref": "https://example.org/"}}, "/attributes_schema/$ref"),
        ({"attributes_schema": {"$ref": "#"}}, "/attributes_schema"),
        ({"slug": "Not A Slug"}, "/slug"),
        ({"icon": "x" * 65}, "/icon"),
    ],
)
def test_a_kind_that_makes_no_sense_is_told_with_its_place(fields: Any, pointer: str) -> None:
    body = {"slug": "vessel", "name": "Vessel", **fields}
    response = signed_in(make_cast().alice).post("/api/v1/asset-kinds", body, content_type=JSON)
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
    assert not AssetKind.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"protocol": "carrier pigeon"}, {"key_id": "7"}, {"key_id": str(uuid4())}, {"is_open": 2}]
)
def test_a_device_that_makes_no_sense_is_refused(fields: Any) -> None:
    cast = make_cast()
    asset = make_asset(organisation=cast.harbour)
    body = {"protocol": "osmand", "device_id": "x", **fields}
    response = signed_in(cast.alice).post(f"/api/v1/assets/{asset.pk}/devices", body, content_type=JSON)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{next(iter(fields))}"]
    assert not Device.objects.exists()


@pytest.mark.parametrize("header", ['"x"', "7", 'W/"1"', '"1", "2"', '""', '"99999999999999999999"'])
def test_an_if_match_that_is_no_version_is_refused(header: str) -> None:
    cast = make_cast()
    asset = make_asset(organisation=cast.harbour, identifiers=[("n", "1")])
    client = signed_in(cast.alice)
    path = f"/api/v1/assets/{asset.pk}"
    assert client.delete(path, headers={"If-Match": header}).status_code in (400, 412)
    assert client.get("/api/v1/assets/not-an-id").status_code == 404
    assert Identifier.objects.count() == 1
