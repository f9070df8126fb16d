"""The admin through the doors: pages, choices and filters show each person what is theirs, and save by services."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from apps.access import services
from apps.access.models import ApiKey, Assignment, DeviceKey, Organisation, Role, User
from apps.access.staff import GuardedAdmin
from apps.access.types import SYSTEM
from tests.factories.access import Cast, make_cast, make_group, make_role, make_user, signed_in
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db

MODELS = [Organisation, User, Role, Assignment, ApiKey, DeviceKey, Group]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_every_page_of_every_model_opens_for_a_superuser(cast: Cast, model: Any) -> None:
    services.create_api_key(user_id=cast.bob.pk, name="k", scopes=["assets.view"], actor=SYSTEM, at=NOON)
    services.create_device_key(organisation_id=cast.harbour.pk, name="gate", actor=SYSTEM, at=NOON)
    make_group(cast.bob)
    root = signed_in(make_user("root", is_superuser=True, is_staff=True))
    row = model._default_manager.first()

    answers = {
        page: root.get(address(model, page, *args)).status_code
        for page, args in {
            "changelist": [],
            "add": [],
            "change": [row.pk],
            "delete": [row.pk],
            "history": [row.pk],
        }.items()
    }

    expected = dict.fromkeys(answers, 200)
    assert answers == expected


def test_lists_hold_only_what_is_visible(cast: Cast) -> None:
    page = signed_in(cast.bob).get(address(Organisation, "changelist"))

    assert (page.status_code, b"Harbour" in page.content, b"Elsewhere" in page.content) == (200, True, False)


def test_choices_and_filters_offer_only_what_is_visible(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    pages = [
        alice.get(address(User, "add")),
        alice.get(address(User, "changelist")),
        alice.get(address(Assignment, "add")),
        alice.get(address(Assignment, "changelist")),
        alice.get(address(DeviceKey, "add")),
    ]

    assert [page.status_code for page in pages] == [200] * 5
    assert [b"Elsewhere" in page.content or b"charlie" in page.content for page in pages] == [False] * 5
    assert all(b"Harbour" in page.content for page in pages)


def test_a_hidden_object_has_no_page(cast: Cast) -> None:
    bob = signed_in(cast.bob)
    for page in ("change", "delete", "history"):
        response = bob.get(address(Organisation, page, cast.elsewhere.pk), follow=True)
        assert b"Elsewhere" not in response.content


def test_whoever_may_only_see_may_not_save(cast: Cast) -> None:
    bob = signed_in(cast.bob)
    body = {"name": "Mine", "slug": "mine", "parent": ""}

    assert bob.get(address(Organisation, "change", cast.harbour.pk)).status_code == 200
    assert bob.post(address(Organisation, "change", cast.harbour.pk), body).status_code == 403
    assert bob.get(address(Organisation, "add")).status_code == 403
    assert bob.post(address(Organisation, "delete", cast.harbour.pk), {"post": "yes"}).status_code == 403
    assert not Organisation.objects.filter(name="Mine").exists()


def test_saving_goes_through_the_service_and_a_refusal_keeps_the_input(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    body = {"name": "Pier", "slug": "pier", "parent": str(cast.harbour.pk)}

    made = alice.post(address(Organisation, "add"), body)
    pier = Organisation.objects.get(slug="pier")
    refused = alice.post(address(Organisation, "add"), {**body, "name": "Second"})
    changed = alice.post(address(Organisation, "change", pier.pk), {**body, "name": "Quay"})
    pier.refresh_from_db()
    gone = alice.post(address(Organisation, "delete", pier.pk), {"post": "yes"})

    assert (made.status_code, pier.lineage) == (302, [cast.harbour.pk, pier.pk])
    assert (refused.status_code, b"Second" in refused.content) == (200, True)
    assert b"slug" in refused.content
    assert (changed.status_code, pier.name, pier.version) == (302, "Quay", 2)
    assert (gone.status_code, Organisation.objects.filter(pk=pier.pk).exists()) == (302, False)


def test_what_is_in_use_is_not_deleted_and_says_so(cast: Cast) -> None:
    page = signed_in(cast.alice).post(address(Organisation, "delete", cast.harbour.pk), {"post": "yes"}, follow=True)

    assert b"still owns something" in page.content
    assert Organisation.objects.filter(pk=cast.harbour.pk).exists()


def test_a_key_shows_its_secret_once(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    body = {"user": str(cast.alice.pk), "name": "reader", "scopes": ["assets.view"], "networks": "10.0.0.0/8"}

    made = alice.post(address(ApiKey, "add"), body, follow=True)
    again = alice.get(address(ApiKey, "changelist"))
    key = ApiKey.objects.get()

    token = f"wf_{key.prefix}_".encode()
    assert (token in made.content, token in again.content) == (True, False)
    assert (key.networks, key.scopes) == (["10.0.0.0/8"], ["assets.view"])

    alice.post(address(ApiKey, "delete", key.pk), {"post": "yes"})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_superuser_sets_passwords_and_groups_a_manager_no_superusers(cast: Cast) -> None:
    group = make_group()
    root = signed_in(make_user("root", is_superuser=True, is_staff=True))
    body = {"username": "dora", "is_active": "on", "organisation": str(cast.harbour.pk), "groups": [group.pk]}

    made = root.post(address(User, "add"), {**body, "new_password": "a long enough password"})
    weak = root.post(address(User, "add"), {**body, "username": "emil", "new_password": "short"})
    dora = User.objects.get(username="dora")
    signed_in(cast.alice).post(
        address(User, "change", dora.pk), {**body, "display_name": "Dora", "is_superuser": "on", "groups": []}
    )
    dora.refresh_from_db()

    assert (made.status_code, dora.check_password("a long enough password")) == (302, True)
    assert (weak.status_code, User.objects.filter(username="emil").exists()) == (200, False)
    assert (dora.display_name, dora.is_superuser, list(dora.groups.all())) == ("Dora", False, [group])


def test_a_role_and_an_assignment_are_made_by_hand(cast: Cast) -> None:
    root = signed_in(make_user("root", is_superuser=True, is_staff=True))
    root.post(address(Role, "add"), {"name": "Watch", "description": "", "actions": ["assets.view", "assets.track"]})
    role = Role.objects.get(name="Watch")
    body = {"user": str(cast.bob.pk), "group": "", "role": str(role.pk), "organisation": str(cast.elsewhere.pk)}

    period = {"begins_at_0": "2026-01-01", "begins_at_1": "06:00", "ends_at_0": "", "ends_at_1": ""}
    made = root.post(address(Assignment, "add"), {**body, **period})
    neither = root.post(address(Assignment, "add"), {**body, **period, "user": ""})

    assert (made.status_code, role.actions) == (302, ["assets.track", "assets.view"])
    assert Assignment.objects.filter(user=cast.bob, role=role, during__startswith__isnull=False).exists()
    assert (neither.status_code, b"not both" in neither.content) == (200, True)


@pytest.mark.parametrize(
    "lookup", ["password__startswith", "secret_sha256", "api_keys__secret_sha256", "email__contains"]
)
def test_nobody_searches_by_what_is_no_filter(cast: Cast, lookup: str) -> None:
    response = signed_in(cast.alice).get(address(User, "changelist"), {lookup: "a"})

    assert response.status_code == 400


def test_who_is_no_staff_sees_no_admin() -> None:
    outsider = signed_in(make_user("outsider"))

    assert outsider.get(address(Organisation, "changelist")).status_code == 302
    assert Client().get(address(User, "changelist")).status_code == 302


def test_bulk_deletion_past_the_services_is_not_offered(cast: Cast) -> None:
    role = make_role("assets.view")
    root = signed_in(make_user("root", is_superuser=True, is_staff=True))

    root.post(address(Role, "changelist"), {"action": "delete_selected", "_selected_action": [role.pk], "post": "yes"})

    assert Role.objects.filter(pk=role.pk).exists()


VEILED = ("get_list_display", "get_search_fields", "get_fieldsets", "get_inlines", "get_list_filter")


@pytest.mark.parametrize("name", VEILED)
def test_no_page_goes_past_the_veil(name: str) -> None:
    guarded = [type(each) for each in admin.site._registry.values() if isinstance(each, GuardedAdmin)]
    assert len(guarded) > 10
    past = [
        owner.__name__
        for each in guarded
        for owner in each.__mro__[: each.__mro__.index(GuardedAdmin)]
        if name in vars(owner) and "super()" not in inspect.getsource(vars(owner)[name])
    ]
    assert past == []
