"""Every naughty string in every text of access, over REST and in the admin's forms: kept, or refused with a reason.

A request takes time, so that each string goes over REST to one noun, turn by turn, and to every field's own check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.serializers import CharField

from apps.access.admin.keys import ApiKeyForm, DeviceKeyForm
from apps.access.admin.people import UserForm
from apps.access.admin.roles import RoleForm
from apps.access.admin.sign_in import LinkForm, OauthClientForm
from apps.access.api import serializers
from apps.access.models import ApiKey, DeviceKey, Organisation, Role, User
from apps.core.text import is_storable
from tests.factories.access import make_organisation, make_user, signed_in
from tests.factories.conformance import naughty_strings

pytestmark = pytest.mark.django_db
JSON = "application/json"
WRITTEN: list[tuple[Any, Any]] = [
    (serializers.OrganisationWriteSerializer, Organisation),
    (serializers.UserCreateSerializer, User),
    (serializers.RoleWriteSerializer, Role),
    (serializers.ApiKeyWriteSerializer, ApiKey),
    (serializers.DeviceKeyWriteSerializer, DeviceKey),
]


@pytest.fixture
def root() -> Client:
    client = signed_in(make_user("root", is_superuser=True, is_staff=True))
    client.raise_request_exception = False
    return client


def test_every_string_over_rest_is_kept_as_it_was_said_or_refused_with_a_problem(root: Client) -> None:
    harbour = make_organisation("Harbour")
    nouns: list[tuple[str, str, Callable[[int], dict[str, Any]]]] = [
        ("organisations", "name", lambda number: {"slug": f"s{number}", "parent_id": str(harbour.pk)}),
        ("users", "display_name", lambda number: {"username": f"u{number}"}),
        ("users", "email", lambda number: {"username": f"u{number}"}),
        ("users", "username", lambda number: {}),
        ("roles", "name", lambda number: {"actions": []}),
        ("roles", "description", lambda number: {"name": f"r{number}", "actions": []}),
        ("api-keys", "name", lambda number: {"scopes": ["assets.view"]}),
        ("device-keys", "name", lambda number: {"organisation_id": str(harbour.pk)}),
    ]
    kept = 0
    for number, text in enumerate(naughty_strings()):
        noun, field, others = nouns[number % len(nouns)]
        answer = root.post(f"/api/v1/{noun}", {**others(number), field: text}, content_type=JSON)
        if answer.status_code == 201:
            said = User.normalize_username(text.strip()) if field == "username" else text.strip()
            assert answer.json()[field] == said
            kept += 1
        else:
            assert (answer.status_code in (400, 409, 422), answer["Content-Type"]) == (True, "application/problem+json")
            assert answer.json()["errors"], (noun, field, text)
    assert kept > 250


@pytest.mark.parametrize(("shape", "model"), WRITTEN, ids=[model.__name__ for _, model in WRITTEN])
def test_every_string_that_a_field_lets_in_can_be_stored(shape: Any, model: Any) -> None:
    fields = {name: field for name, field in shape().fields.items() if isinstance(field, CharField)}
    for text in naughty_strings():
        for name, field in fields.items():
            try:
                value = field.run_validation(text)
            except Refused:
                continue
            if name in {column.name for column in model._meta.fields}:
                column = model._meta.get_field(name)
                try:
                    column.clean(value, None)
                except ValidationError:
                    continue
                assert is_storable(value) or name == "password", (name, text)


def test_the_forms_of_the_admin_judge_every_string() -> None:
    forms: list[Callable[[str], Any]] = [
        lambda text: RoleForm({"name": text, "description": text}),
        lambda text: UserForm({"username": text, "display_name": text, "email": text}),
        lambda text: ApiKeyForm({"name": text, "networks": text, "scopes": [text], "user": text}),
        lambda text: DeviceKeyForm({"name": text, "networks": text, "organisation": text}),
        lambda text: OauthClientForm({"name": text, "user": text}),
        lambda text: LinkForm({"uid": text, "user": text}),
    ]
    for number, text in enumerate(naughty_strings()):
        judged = forms[number % len(forms)](text)
        assert judged.is_valid() or judged.errors


def test_the_pages_of_the_admin_and_of_signing_in_take_a_choice_of_them(root: Client) -> None:
    broken = []
    for text in naughty_strings()[::200]:
        answers = [
            root.get("/admin/access/role/", {"q": text}),
            root.post("/admin/access/role/add/", {"name": text, "description": text}),
            root.post("/admin/oauth2_provider/application/add/", {"name": text, "user": text}),
            Client().post("/admin/login/", {"username": text, "password": text, "next": text}),
            Client().post("/oauth/token", {"grant_type": text, "client_id": text, "client_secret": text}),
            Client().post("/oauth/introspect", {"token": text}),
            Client().post("/sign-in/second-factor/code/", {"code": text}),
            Client().get("/sign-in/oidc/callback/", {"code": text, "state": text}),
        ]
        broken += [(text, answer.request["PATH_INFO"]) for answer in answers if answer.status_code >= 500]
    assert broken == []
