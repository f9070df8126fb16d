"""Bad input to access: every naughty text in every field, and never a 500."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.access.models import Organisation, Role, User
from tests.factories.access import Cast, make_cast, make_user, signed_in

pytestmark = pytest.mark.django_db

# What breaks programs: control characters, bidirectional marks, surrogates, injections, numbers in disguise.
NAUGHTY = [
    "",
    " ",
    "\x00",
    "\x00\x01\x1f\x7f\x80\x9f",
    "\ufeff\u200b\u202e\u2066",
    "\ud800",
    "Ω≈ç√∫µ≤≥÷ 田中さん 👩‍👩‍👧 Z͑ͫ̓ͪ̂ͫ̽͏",
    "'; DROP TABLE access_user; --",
    "{{ 7*7 }} ${7*7} <script>alert(1)</script>",
    "../../../etc/passwd%00",
    "%s %d %n {0} {}",
    "NaN",
    "1e309",
    "-1",
    "9223372036854775808",
    "true",
    "A" * 100_000,
]
FORMS: list[tuple[str, dict[str, Any]]] = [
    ("/api/v1/organisations", {"name": "N", "slug": "n", "parent_id": None}),
    ("/api/v1/users", {"username": "u", "password": "a long password", "email": "a@b.example", "display_name": "D"}),
    ("/api/v1/roles", {"name": "R", "description": "d", "actions": ["assets.view"]}),
    ("/api/v1/assignments", {"user_id": "x", "group_id": 1, "role_id": "x", "organisation_id": "x", "begins_at": "x"}),
    ("/api/v1/grants", {"noun": "assets", "object_id": "x", "action": "assets.view", "user_id": "x", "group_id": 1}),
    ("/api/v1/api-keys", {"name": "k", "scopes": ["assets.view"], "networks": ["10.0.0.0/8"], "expires_at": None}),
    ("/api/v1/device-keys", {"name": "k", "organisation_id": "x", "networks": [], "expires_at": None}),
]
VALUES: list[Any] = [
    *NAUGHTY,
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    2**64,
    1e308,
    [],
    [None],
    [["x"]],
    {},
    {"a": {"b": []}},
]


@pytest.fixture
def root() -> Client:
    make_cast()
    client = signed_in(make_user("root", is_superuser=True))
    client.raise_request_exception = False
    return client


def sane(response: Any) -> bool:
    is_problem = response.headers["Content-Type"] == "application/problem+json"
    return bool(response.status_code < 400 or (response.status_code < 500 and is_problem))


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_no_value_in_any_field_is_a_mistake_of_ours(root: Client, path: str, form: dict[str, Any]) -> None:
    broken = []
    for field in form:
        for value in VALUES:
            body = json.dumps({**form, field: value})
            response = root.post(path, body, content_type="application/json")
            if not sane(response):
                broken.append((field, value, response.status_code, response.content[:300]))
    assert broken == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 422),
        (b"\xff", "application/json", 400),
        (b"[1]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":NaN}', "application/json", 400),
        (b" " * (10 * 1024 * 1024 + 1), "application/json", 413),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/xml", 415),
        (b"{}", "nonsense", 415),
        (b"{}", "application/json; charset=\x80", 422),
    ],
)
def test_a_body_that_is_none_gets_a_clear_problem(root: Client, content: bytes, kind: str, status: int) -> None:
    response = root.post("/api/v1/roles", content, content_type=kind)

    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users/x",
        "/api/v1/users/00000000-0000-0000-0000-000000000000",
        "/api/v1/grants?noun=x&object_id=00000000-0000-0000-0000-000000000000",
        "/api/v1/grants?noun=organisations&object_id=00000000-0000-0000-0000-000000000000",
        "/api/v1/grants?noun=assets&object_id=x",
        "/api/v1/grants",
        "/api/v1/roles?sort=actions",
        "/api/v1/roles?cursor=%ff",
        "/api/v1/roles?limit=%00",
        "/api/v1/roles?unknown=1",
        "/api/v1/roles/",
    ],
)
def test_an_address_that_means_nothing_gets_a_clear_problem(root: Client, path: str) -> None:
    response = root.get(path)

    assert 400 <= response.status_code < 500
    assert sane(response)


@pytest.mark.parametrize(
    "grant",
    [
        "x",
        "assets",
        "assets.user",
        "assets.user.x",
        "assets.user.99999999999999999999",
        "a.b.1",
        "assets.group.1",
        "assets.user.٣",
    ],
)
def test_a_grant_that_is_none_is_not_found(root: Client, grant: str) -> None:
    response = root.delete(f"/api/v1/grants/{grant}")

    assert (response.status_code, sane(response)) == (404, True)


@pytest.mark.parametrize("header", ["", "x", '"x"', 'W/"1"', '"1","2"', '"99999999999"', "\x80", "*, *", '"-1"', '""'])
def test_an_if_match_that_matches_nothing_changes_nothing(root: Client, header: str) -> None:
    role = Role.objects.first()
    assert role is not None

    response = root.patch(
        f"/api/v1/roles/{role.pk}", '{"name": "x"}', content_type="application/merge-patch+json", HTTP_IF_MATCH=header
    )

    assert response.status_code in (400, 412, 428)
    assert not Role.objects.filter(name="x").exists()


def test_naughty_strings_of_the_public_list_in_a_name(root: Client) -> None:
    listed = Path(__file__).parent.parent / "data" / "blns.json"
    strings = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else NAUGHTY
    broken = []
    for text in strings:
        response = root.post(
            "/api/v1/roles", json.dumps({"name": text, "actions": []}), content_type="application/json"
        )
        if not sane(response):
            broken.append((text, response.status_code))
        elif response.status_code == 201:
            assert Role.objects.get(pk=response.json()["id"]).name == response.json()["name"]
    assert broken == []


@pytest.mark.parametrize("text", ["\x00", "\ud800", "'; DROP TABLE x; --", "{{ 7*7 }}%s", "A" * 10_000])
def test_the_admin_takes_naughty_texts_as_well(text: str) -> None:
    client = signed_in(make_user("staff", is_superuser=True, is_staff=True))
    client.raise_request_exception = False
    sent = text.encode("utf-8", "replace").decode()

    statuses = [
        client.get("/admin/access/user/", {"q": sent}).status_code,
        client.get("/admin/access/assignment/", {"role__id__exact": sent}).status_code,
        client.get(f"/admin/access/apikey/{sent[:50]}/change/").status_code,
        client.post("/admin/access/organisation/add/", {"name": sent, "slug": sent}).status_code,
        client.post("/admin/login/", {"username": sent, "password": sent}).status_code,
    ]

    assert [status for status in statuses if status >= 500] == []


def test_nothing_of_others_is_in_any_answer() -> None:
    cast: Cast = make_cast()
    Organisation.objects.filter(pk=cast.elsewhere.pk).update(name="SECRET-ORG")
    User.objects.filter(pk=cast.charlie.pk).update(display_name="SECRET-NAME", email="secret@secret.example")
    bob = signed_in(cast.bob)
    paths = [
        "/api/v1/me",
        "/api/v1/organisations?count=exact",
        "/api/v1/users?count=exact",
        "/api/v1/assignments",
        "/api/v1/api-keys",
        "/api/v1/device-keys",
        f"/api/v1/organisations/{cast.elsewhere.pk}",
        f"/api/v1/users/{cast.charlie.pk}",
        "/admin/access/organisation/?q=SECRET",
        "/admin/access/user/?q=SECRET",
        "/admin/access/assignment/",
        f"/admin/access/organisation/{cast.elsewhere.pk}/change/",
        "/admin/search/?s=SECRET-ORG",
        "/admin/autocomplete/?app_label=access&model_name=user&field_name=organisation&term=SECRET",
    ]

    leaks = []
    for path in paths:
        text = bob.get(path).content.decode().replace("q=SECRET", "").replace('value="SECRET"', "")
        if "SECRET-" in text or "secret@" in text or str(cast.charlie.pk) in text.replace(path, ""):
            leaks.append(path)
    assert leaks == []
