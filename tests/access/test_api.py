"""Access over REST: what each of the cast gets, in whole answers."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.access import services
from apps.access.models import Assignment, Organisation, Role, User
from apps.access.types import SYSTEM
from tests.access.test_doors import make_asset
from tests.factories.access import (
    PASSWORD,
    Cast,
    assign,
    make_cast,
    make_group,
    make_role,
    make_user,
    signed_in,
    with_key,
)
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Send JSON, a PATCH as a merge patch."""
    kind = "application/merge-patch+json" if method == "patch" else "application/json"
    extra = {"data": body, "content_type": kind} if body is not None else {}
    return getattr(client, method)(path, headers=headers, **extra)


def problem(response: Any) -> dict[str, Any]:
    """Return what a problem says, apart from its trace."""
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body.pop("trace_id")
    return body


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_nobody_gets_a_challenge_and_learns_nothing(cast: Cast) -> None:
    response = Client().get("/api/v1/organisations")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="watchfloor"'
    assert problem(response) == {
        "type": "urn:watchfloor:problem:not_authenticated",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Authentication credentials were not provided.",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("name", "expected"), [("alice", {"Harbour"}), ("bob", {"Harbour"}), ("charlie", {"Elsewhere"})]
)
def test_lists_hold_what_one_may_see(cast: Cast, name: str, expected: set[str]) -> None:
    client = signed_in(getattr(cast, name))

    body = client.get("/api/v1/organisations?count=exact").json()

    assert ({each["name"] for each in body["items"]}, body["next"], body["count"]) == (expected, None, 1)


def test_an_organisation_lives_through_its_versions(cast: Cast) -> None:
    alice, bob, charlie = (signed_in(getattr(cast, name)) for name in ("alice", "bob", "charlie"))
    body = {"name": "Pier", "slug": "pier", "parent_id": str(cast.harbour.pk)}

    made = send(alice, "post", "/api/v1/organisations", body)
    path = made.headers["Location"]
    row = Organisation.objects.get(slug="pier")
    expected = {
        "id": str(row.pk),
        "version": 1,
        "recorded_at": row.recorded_at.isoformat().replace("+00:00", "Z"),
        "changed_at": row.changed_at.isoformat().replace("+00:00", "Z"),
        **body,
        "lineage": [str(cast.harbour.pk), str(row.pk)],
    }
    assert (made.status_code, made.headers["ETag"], made.json()) == (201, '"1"', expected)
    assert alice.get(path).json() == expected
    assert alice.get(path, headers={"If-None-Match": '"1"'}).status_code == 304

    assert send(alice, "patch", path, {"name": "Quay"}).status_code == 428
    assert send(alice, "patch", path, {"name": "Quay"}, **{"If-Match": '"9"'}).status_code == 412
    assert send(bob, "patch", path, {"name": "Quay"}, **{"If-Match": '"1"'}).status_code == 403
    assert send(charlie, "patch", path, {"name": "Quay"}, **{"If-Match": '"1"'}).status_code == 404
    changed = send(alice, "patch", path, {"name": "Quay"}, **{"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"], changed.json()["name"]) == (200, '"2"', "Quay")

    assert send(charlie, "delete", path, **{"If-Match": "*"}).status_code == 404
    assert send(alice, "delete", path, **{"If-Match": '"2"'}).status_code == 204
    assert alice.get(path).status_code == 404


def test_only_a_superuser_plants_a_tree(cast: Cast) -> None:
    body = {"name": "New", "slug": "new"}

    assert send(signed_in(cast.alice), "post", "/api/v1/organisations", body).status_code == 403
    root = signed_in(make_user("root", is_superuser=True))
    assert send(root, "post", "/api/v1/organisations", body).status_code == 201


def test_names_that_are_taken_and_trees_that_bite_their_tail_are_told(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    pier = services.create_organisation(name="Pier", slug="pier", parent_id=cast.harbour.pk, actor=SYSTEM, at=NOON)

    taken = send(
        alice, "post", "/api/v1/organisations", {"name": "Other", "slug": "pier", "parent_id": str(cast.harbour.pk)}
    )
    root = signed_in(make_user("root", is_superuser=True))
    bitten = send(
        root, "patch", reverse("organisation", args=[cast.harbour.pk]), {"parent_id": str(pier.pk)}, **{"If-Match": "*"}
    )

    assert problem(taken)["errors"] == [
        {"pointer": "/slug", "code": "taken", "detail": "Another organisation has this slug."}
    ]
    assert (taken.status_code, bitten.status_code, problem(bitten)["errors"][0]["code"]) == (409, 422, "below_itself")


def test_a_key_speaks_for_its_user_within_its_scopes_until_it_is_revoked(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    made = send(alice, "post", "/api/v1/api-keys", {"name": "reader", "scopes": ["organisations.view"]})
    assert made.status_code == 201
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    assert "token" not in alice.get(made.headers["Location"]).json()

    seen = Client().get("/api/v1/organisations", headers=headers)
    unseen = Client().get("/api/v1/users", headers=headers)
    no_keys = send(Client(), "post", "/api/v1/api-keys", {"name": "child", "scopes": ["users.view"]}, **headers)

    assert [each["name"] for each in seen.json()["items"]] == ["Harbour"]
    assert unseen.json()["items"] == []
    assert no_keys.status_code == 403

    assert alice.delete(made.headers["Location"]).status_code == 204
    assert Client().get("/api/v1/organisations", headers=headers).status_code == 401


def test_a_key_from_elsewhere_is_refused(cast: Cast) -> None:
    _, token = services.create_api_key(
        user_id=cast.alice.pk,
        name="office",
        scopes=["organisations.view"],
        networks=["10.0.0.0/8"],
        actor=SYSTEM,
        at=NOON,
    )
    headers = {"Authorization": f"Bearer {token}"}

    answers = {
        address: Client(REMOTE_ADDR=address).get("/api/v1/me", headers=headers).status_code
        for address in ("10.1.2.3", "::ffff:10.1.2.3", "192.168.1.1", "")
    }

    assert answers == {"10.1.2.3": 200, "::ffff:10.1.2.3": 200, "192.168.1.1": 401, "": 401}


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer wf_",
        "Bearer wf_aaaaaaaa_x",
        "Bearer wfd_aaaaaaaa_x",
        "Bearer é",
        "Bearer " + "a" * 9000,
    ],
)
def test_what_is_no_key_is_refused_even_beside_a_session(cast: Cast, authorization: str) -> None:
    response = signed_in(cast.alice).get("/api/v1/me", HTTP_AUTHORIZATION=authorization)

    assert response.status_code == 401


def test_a_device_key_opens_nothing_here(cast: Cast) -> None:
    made = send(
        signed_in(cast.alice), "post", "/api/v1/device-keys", {"name": "gate", "organisation_id": str(cast.harbour.pk)}
    )
    headers = {"Authorization": f"Bearer {made.json()['token']}"}

    assert made.status_code == 201
    assert Client().get("/api/v1/organisations", headers=headers).status_code == 401


def test_nobody_hands_out_what_they_do_not_hold(cast: Cast) -> None:
    carol = make_user("carol", organisation=cast.harbour)
    manager = make_role(
        "assignments.add", "roles.add", "roles.change", "users.view", "users.change", "api-keys.add", name="Manager"
    )
    mighty = make_role("assets.delete", name="Mighty")
    assign(carol, manager, cast.harbour)
    client = signed_in(carol)
    to_bob = {"user_id": str(cast.bob.pk), "organisation_id": str(cast.harbour.pk)}
    etag = {"If-Match": "*"}
    attempts = {
        "assign more": send(client, "post", "/api/v1/assignments", {**to_bob, "role_id": str(mighty.pk)}),
        "assign to myself": send(
            client, "post", "/api/v1/assignments", {**to_bob, "user_id": str(carol.pk), "role_id": str(mighty.pk)}
        ),
        "assign elsewhere": send(
            client,
            "post",
            "/api/v1/assignments",
            {**to_bob, "role_id": str(manager.pk), "organisation_id": str(cast.elsewhere.pk)},
        ),
        "grow my role": send(
            client, "patch", reverse("role", args=[manager.pk]), {"actions": ["assets.delete"]}, **etag
        ),
        "make a mighty role": send(client, "post", "/api/v1/roles", {"name": "M2", "actions": ["assets.delete"]}),
        "make a superuser": send(client, "patch", reverse("user", args=[carol.pk]), {"is_superuser": True}, **etag),
        "change my better": send(
            client, "patch", reverse("user", args=[cast.alice.pk]), {"email": "a@b.example"}, **etag
        ),
        "key of my better": send(
            client,
            "post",
            "/api/v1/api-keys",
            {"name": "k", "user_id": str(cast.alice.pk), "scopes": ["assets.delete"]},
        ),
    }

    assert {name: response.status_code for name, response in attempts.items()} == {
        "assign more": 403,
        "assign to myself": 403,
        "assign elsewhere": 404,
        "grow my role": 403,
        "make a mighty role": 403,
        "make a superuser": 403,
        "change my better": 403,
        "key of my better": 403,
    }
    assert not Assignment.objects.filter(role=mighty).exists()
    assert Role.objects.filter(name="M2").count() == 0
    assert User.objects.filter(is_superuser=True).count() == 0
    allowed = send(client, "post", "/api/v1/assignments", {**to_bob, "role_id": str(manager.pk)})
    assert allowed.status_code == 201


def test_an_object_is_shared_and_taken_back(cast: Cast) -> None:
    asset = make_asset(cast.harbour)
    alice, bob, charlie = (signed_in(getattr(cast, name)) for name in ("alice", "bob", "charlie"))
    body = {"noun": "assets", "object_id": str(asset.pk), "action": "assets.change", "user_id": str(cast.bob.pk)}
    query = f"/api/v1/grants?noun=assets&object_id={asset.pk}"

    made = send(alice, "post", "/api/v1/grants", body)
    again = send(alice, "post", "/api/v1/grants", body)

    assert made.status_code == 201
    assert (
        made.json()
        == again.json()
        == {
            "id": made.json()["id"],
            **body,
            "group_id": None,
            "to": "bob",
            "begins_at": None,
            "ends_at": None,
        }
    )
    assert alice.get(query).json() == {"items": [made.json()]}
    assert (bob.get(query).status_code, charlie.get(query).status_code) == (403, 404)
    assert send(charlie, "post", "/api/v1/grants", body).status_code == 404
    assert send(bob, "post", "/api/v1/grants", body).status_code == 403
    path = f"/api/v1/grants/{made.json()['id']}"
    assert (charlie.delete(path).status_code, bob.delete(path).status_code) == (404, 403)
    assert alice.delete(path).status_code == 204
    assert alice.get(query).json() == {"items": []}


def test_a_stranger_cannot_be_shared_with_by_guessing(cast: Cast) -> None:
    asset = make_asset(cast.harbour)
    body = {"noun": "assets", "object_id": str(asset.pk), "action": "assets.view", "user_id": str(cast.charlie.pk)}

    assert send(signed_in(cast.alice), "post", "/api/v1/grants", body).status_code == 404


def test_me_says_who_i_am_and_what_i_hold(cast: Cast) -> None:
    me = Client().get("/api/v1/me", headers=with_key(cast.bob, "assets.view", "assets.delete")).json()

    assert (me["username"], me["actions"], me["scopes"]) == ("bob", ["assets.view"], ["assets.delete", "assets.view"])


def test_a_session_needs_its_csrf_token_to_change_anything(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)

    response = client.post("/api/v1/roles", {"name": "R", "actions": []}, content_type="application/json")

    assert response.status_code == 403
    assert not Role.objects.filter(name="R").exists()


def test_a_body_with_unknown_fields_is_told_so(cast: Cast) -> None:
    response = send(signed_in(cast.alice), "post", "/api/v1/roles", {"name": "R", "actionz": [], "actions": []})

    assert problem(response)["errors"] == [{"pointer": "/actionz", "code": "unknown_field", "detail": "No such field."}]


def test_users_are_made_changed_and_never_shown_with_a_password(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    body = {"username": "dora", "password": PASSWORD, "organisation_id": str(cast.harbour.pk)}

    weak = send(alice, "post", "/api/v1/users", {**body, "password": "12345"})
    made = send(alice, "post", "/api/v1/users", body)
    taken = send(alice, "post", "/api/v1/users", {**body, "username": "DORA"})

    assert (weak.status_code, problem(weak)["errors"][0]["pointer"]) == (422, "/password")
    assert (made.status_code, made.json().get("password"), taken.status_code) == (201, None, 409)
    assert User.objects.get(username="dora").check_password(PASSWORD)


def test_lists_cost_the_same_with_one_row_and_with_three(cast: Cast, django_assert_max_num_queries: Any) -> None:
    client = signed_in(cast.alice)
    for extra in range(3):
        with django_assert_max_num_queries(9):
            client.get("/api/v1/users")
        make_user(f"extra-{extra}", organisation=cast.harbour)


def test_groups_carry_assignments(cast: Cast) -> None:
    emil = make_user("emil", organisation=cast.harbour)
    group = make_group(emil)
    body = {
        "group_id": group.pk,
        "organisation_id": str(cast.harbour.pk),
        "role_id": str(make_role("assets.view").pk),
        "begins_at": "2026-01-01T00:00:00Z",
    }

    made = send(signed_in(cast.alice), "post", "/api/v1/assignments", body)

    assert made.status_code == 201
    assert {name: made.json()[name] for name in (*body, "ends_at", "user_id")} == {
        **body,
        "ends_at": None,
        "user_id": None,
    }
