"""Service accounts: what programs act as. They hold rights like anybody, and never sign in."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.access import services
from apps.access.models import User
from apps.access.queries import actor_of_token, actor_of_user, authorize_in
from apps.access.types import ANONYMOUS, SYSTEM, ActorKind
from apps.core.types import Invalid
from tests.access.test_api import send
from tests.factories.access import PASSWORD, Cast, assign, make_cast, make_user, signed_in, with_key
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def make_robot(cast: Cast) -> User:
    """Return a service account of the harbour."""
    return services.create_user(
        username="robot", organisation_id=cast.harbour.pk, is_service=True, actor=SYSTEM, at=NOON
    )


def test_who_administers_people_makes_one_and_switches_it_off(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    body = {"username": "robot", "organisation_id": str(cast.harbour.pk), "is_service": True}

    made = send(alice, "post", "/api/v1/users", body)

    assert (made.status_code, made.json()["is_service"], made.json()["is_staff"]) == (201, True, False)
    row = User.objects.get(username="robot")
    key = with_key(row, "assets.view")
    assert Client().get("/api/v1/me", headers=key).json()["username"] == "robot"
    off = send(alice, "patch", f"/api/v1/users/{row.pk}", {"is_active": False}, **{"If-Match": made.headers["ETag"]})
    assert (off.status_code, off.json()["is_active"]) == (200, False)
    assert Client().get("/api/v1/me", headers=key).status_code == 401


def test_who_only_looks_makes_none(cast: Cast) -> None:
    body = {"username": "robot", "organisation_id": str(cast.harbour.pk), "is_service": True}
    assert send(signed_in(cast.bob), "post", "/api/v1/users", body).status_code == 403
    assert not User.objects.filter(username="robot").exists()


@pytest.mark.parametrize("given", [{"password": PASSWORD}, {"is_staff": True}, {"is_superuser": True}])
def test_it_is_given_nothing_that_only_people_have(cast: Cast, given: dict[str, Any]) -> None:
    body = {"username": "robot", "organisation_id": str(cast.harbour.pk), "is_service": True, **given}
    root = signed_in(make_user("root", is_superuser=True))

    refused = send(root, "post", "/api/v1/users", body)

    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == [f"/{next(iter(given))}"]
    assert not User.objects.filter(username="robot").exists()


def test_it_is_given_nothing_of_that_later_either(cast: Cast) -> None:
    robot = make_robot(cast)

    with pytest.raises(Invalid):
        services.set_password(robot.pk, PASSWORD, actor=SYSTEM, at=NOON)
    with pytest.raises(Invalid):
        services.change_user(robot.pk, {"is_staff": True}, actor=SYSTEM, at=NOON)
    for wrong in ({"is_staff": True}, {"is_superuser": True}, {"password": "md5$x$y"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.filter(pk=robot.pk).update(**wrong)


def test_it_has_no_session_even_if_somebody_made_one(cast: Cast) -> None:
    robot = make_robot(cast)
    request = RequestFactory().post("/admin/login/")

    assert authenticate(request, username="robot", password="") is None
    assert signed_in(robot).get("/api/v1/me").status_code == 401
    assert signed_in(robot).get(reverse("admin:index")).status_code == 302


def test_it_is_shown_as_what_it_is(cast: Cast) -> None:
    robot = make_robot(cast)
    assign(robot, ["zones.view"], cast.harbour)
    actor = actor_of_user(robot)

    assert (actor.kind, actor.is_account, actor.is_signed_in) == (ActorKind.SERVICE, True, False)
    token = with_key(robot, "zones.view")["authorization"].removeprefix("Bearer ")
    found = actor_of_token(token, None, NOON)
    assert found is not None
    assert found[1].kind is ActorKind.SERVICE
    authorize_in(found[1], "zones.view", cast.harbour.pk)
    services.change_user(robot.pk, {"is_active": False}, actor=SYSTEM, at=NOON)
    assert actor_of_user(User.objects.get(pk=robot.pk)) == ANONYMOUS
    page = signed_in(make_user("root", is_superuser=True, is_staff=True)).get(reverse("admin:access_user_changelist"))
    assert "service account" in page.content.decode()


def test_it_is_made_in_the_admin_and_stays_what_it_is(cast: Cast) -> None:
    root = signed_in(make_user("root", is_superuser=True, is_staff=True))
    body = {"username": "robot", "organisation": str(cast.harbour.pk), "service_account": "on", "is_active": "on"}

    assert root.post(reverse("admin:access_user_add"), body).status_code == 302
    robot = User.objects.get(username="robot")
    assert (robot.is_service, robot.is_staff, robot.has_usable_password()) == (True, False, False)
    form = root.get(reverse("admin:access_user_change", args=[robot.pk])).content.decode()
    assert ("new_password" in form, "is_staff" in form, "service_account" in form) == (False, False, False)
    body["service_account"] = ""
    assert root.post(reverse("admin:access_user_change", args=[robot.pk]), body).status_code == 302
    assert User.objects.get(username="robot").is_service
