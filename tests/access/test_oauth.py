"""OAuth for programs: client credentials and nothing else, for service accounts and nobody else."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from oauth2_provider.models import AccessToken, Application

from apps.access import services
from apps.access.models import User
from apps.access.queries import access_version, actor_of_token
from apps.access.types import SYSTEM, ActorKind
from apps.core import clock
from apps.core.types import Invalid, NotAllowed
from tests.factories.access import Cast, assign, make_cast, make_user, signed_in, with_key
from tests.factories.core import NOON

pytestmark = pytest.mark.django_db
SCOPES = "assets.view zones.view"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def robot(cast: Cast) -> User:
    account = services.create_user(
        username="robot", organisation_id=cast.harbour.pk, is_service=True, actor=SYSTEM, at=NOON
    )
    assign(account, ["assets.view", "zones.view", "zones.add"], cast.harbour)
    return account


def ask(address: str, client: tuple[Application, str] | None, **body: str) -> Any:
    """Post a form as the client."""
    headers = {}
    if client is not None:
        named = f"{client[0].client_id}:{client[1]}".encode()
        headers = {"authorization": f"Basic {base64.b64encode(named).decode()}"}
    return Client().post(f"/oauth/{address}", body, headers=headers)


def make_client(robot: User) -> tuple[Application, str]:
    return services.create_oauth_client(name="planner", account_id=robot.pk, actor=SYSTEM, at=NOON)


def token_of(client: tuple[Application, str], scope: str = SCOPES) -> str:
    answer = ask("token", client, grant_type="client_credentials", scope=scope)
    assert answer.status_code == 200, answer.content
    return str(answer.json()["access_token"])


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_acts_for_the_service_account_within_its_scopes(cast: Cast, robot: User) -> None:
    client = make_client(robot)
    answer = ask("token", client, grant_type="client_credentials", scope=SCOPES)

    body = answer.json()
    assert set(body) == {"access_token", "expires_in", "token_type", "scope"}
    assert (body["expires_in"], body["token_type"], set(body["scope"].split())) == (3600, "Bearer", set(SCOPES.split()))
    assert "no-store" in answer.headers["Cache-Control"]
    found = actor_of_token(body["access_token"], None, clock.now())
    assert found is not None
    user, actor = found
    assert (user, actor.kind, actor.user_id) == (robot, ActorKind.SERVICE, robot.pk)
    assert (actor.scopes, actor.key_id, actor.token_id) == (
        frozenset(SCOPES.split()),
        None,
        AccessToken.objects.get().pk,
    )
    me = Client().get("/api/v1/me", headers=bearer(body["access_token"])).json()
    assert (me["username"], me["is_service"], me["scopes"]) == ("robot", True, sorted(SCOPES.split()))
    assert me["actions"] == sorted(SCOPES.split())
    zone = {"name": "x"}
    refused = Client().post("/api/v1/zones", zone, "application/json", headers=bearer(body["access_token"]))
    assert refused.status_code in (400, 403, 422)


def test_neither_secret_nor_token_can_be_read_in_the_database(robot: User) -> None:
    client = make_client(robot)
    token = token_of(client)

    row, kept = Application.objects.get(), AccessToken.objects.get()
    assert client[1] not in str(row.__dict__)
    assert token not in str(kept.__dict__)
    assert (kept.token, kept.user_id) == ("", None)


@pytest.mark.parametrize("way", ["body", "header"])
def test_the_secret_comes_in_a_header_or_in_the_body(robot: User, way: str) -> None:
    client, secret = make_client(robot)
    body = {"grant_type": "client_credentials", "scope": "assets.view"}
    if way == "body":
        answer = ask("token", None, **body, client_id=client.client_id, client_secret=secret)
    else:
        answer = ask("token", (client, secret), **body)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"grant_type": "password", "username": "alice", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": ""}, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "everything"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "assets.view introspection"}, "invalid_scope"),
    ],
)
def test_any_other_grant_and_any_other_scope_is_refused(robot: User, body: dict[str, str], error: str) -> None:
    answer = ask("token", make_client(robot), **body)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize("grant", ["authorization-code", "password", "implicit", "openid-hybrid"])
def test_a_client_that_somebody_made_for_another_grant_gets_nothing(robot: User, grant: str) -> None:
    client = make_client(robot)
    Application.objects.update(authorization_grant_type=grant)

    answer = ask("token", client, grant_type="client_credentials", scope="assets.view")

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("wrong", ["secret", "client", "nothing", "nonsense", "nul"])
def test_who_is_no_client_gets_nothing(robot: User, wrong: str) -> None:
    client, secret = make_client(robot)
    body = {"grant_type": "client_credentials", "scope": "assets.view"}
    answers = {
        "secret": lambda: ask("token", (client, secret[:-1]), **body),
        "client": lambda: ask("token", (Application(client_id="unknown"), secret), **body),
        "nothing": lambda: ask("token", None, **body),
        "nonsense": lambda: Client().post("/oauth/token", body, headers={"authorization": "Basic \xff%%%"}),
        "nul": lambda: ask("token", (Application(client_id="a\x00b"), secret), **body),
    }
    answer = answers[wrong]()
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("whose", ["nobody", "a person", "a superuser", "a switched-off account"])
def test_a_client_that_stands_for_no_service_account_is_refused_everywhere(cast: Cast, robot: User, whose: str) -> None:
    client = make_client(robot)
    token = token_of(client)
    if whose == "a switched-off account":
        services.change_user(robot.pk, {"is_active": False}, actor=SYSTEM, at=NOON)
    else:
        person = make_user(is_superuser=True) if whose == "a superuser" else cast.alice
        Application.objects.update(user=None if whose == "nobody" else person)

    again = ask("token", client, grant_type="client_credentials", scope="assets.view")
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert ask("introspect", client, token=token).status_code == 401
    assert actor_of_token(token, None, clock.now()) is None
    assert Client().get("/api/v1/me", headers=bearer(token)).status_code == 401


def test_introspection_says_what_a_token_is_worth_now(robot: User) -> None:
    client = make_client(robot)
    token = token_of(client)
    row = AccessToken.objects.get()

    assert ask("introspect", client, token=token).json() == {
        "active": True,
        "scope": row.scope,
        "client_id": client[0].client_id,
        "username": "robot",
        "sub": str(robot.pk),
        "token_type": "Bearer",
        "iat": int(row.created.timestamp()),
        "exp": int(row.expires.timestamp()),
    }
    AccessToken.objects.update(expires=clock.now())
    assert ask("introspect", client, token=token).json() == {"active": False}


def test_introspection_tells_clients_only_and_nothing_of_what_is_no_token(robot: User) -> None:
    client = make_client(robot)
    token = token_of(client)

    for text in ("", "nonsense", "wfo_", f"{token}x", "wfo_\x00", "x" * 100_000, with_key(robot)["authorization"][7:]):
        answer = ask("introspect", client, token=text)
        assert (answer.status_code, answer.json().get("active", False)) in ((200, False), (400, False))
    assert ask("introspect", None, token=token).status_code == 401
    assert ask("introspect", (client[0], "wrong"), token=token).status_code == 401
    own = Client().post("/oauth/introspect", {"token": token}, headers=bearer(token))
    assert (own.status_code, own.json()) == (401, {"error": "invalid_client"})
    assert Client().get(f"/oauth/introspect?token={token}").status_code == 401
    named = base64.b64encode(f"{client[0].client_id}:{client[1]}".encode()).decode()
    asked = Client().get(f"/oauth/introspect?token={token}", headers={"authorization": f"Basic {named}"})
    assert asked.status_code == 405


@pytest.mark.parametrize("address", ["token", "introspect", "revoke"])
def test_no_secret_is_taken_from_an_address(robot: User, address: str) -> None:
    client, secret = make_client(robot)
    body = {"grant_type": "client_credentials", "scope": "assets.view", "token": token_of((client, secret))}
    named = {"client_id": client.client_id, "client_secret": secret}

    assert Client().post(f"/oauth/{address}?{urlencode(named)}", body).status_code == 400
    assert Client().post(f"/oauth/{address}", {**body, **named}).status_code == 200


def test_a_client_takes_back_its_own_tokens_and_no_others(cast: Cast, robot: User) -> None:
    mine, other = make_client(robot), make_client(robot)
    token = token_of(mine)

    assert ask("revoke", other, token=token).status_code == 200
    assert actor_of_token(token, None, clock.now()) is not None
    before = access_version()
    assert ask("revoke", mine, token=token).status_code == 200
    assert actor_of_token(token, None, clock.now()) is None
    assert access_version() > before


def test_what_ends_tokens_raises_the_access_version_and_giving_one_out_does_not(robot: User) -> None:
    client, _ = made = make_client(robot)
    before = access_version()
    token_of(made)
    assert access_version() == before
    other = services.create_user(username="other", is_service=True, actor=SYSTEM, at=NOON)
    enders = [
        lambda: services.renew_oauth_secret(client.pk, actor=SYSTEM, at=NOON),
        lambda: services.change_oauth_client(client.pk, name="x", account_id=other.pk, actor=SYSTEM, at=NOON),
        lambda: AccessToken.objects.update(expires=clock.now()),
        lambda: services.forget_expired_tokens(clock.now()),
        lambda: services.delete_oauth_client(client.pk, actor=SYSTEM, at=NOON),
    ]
    for end in enders:
        AccessToken.objects.create(application=client, token="wfo_x", expires=clock.now(), scope="assets.view")
        before = access_version()
        end()
        assert access_version() > before
        AccessToken.objects.all().delete()
    before = access_version()
    assert services.forget_expired_tokens(clock.now() + timedelta(days=1)) == 0
    assert access_version() == before


def test_only_superusers_keep_clients_and_only_for_service_accounts(cast: Cast, robot: User) -> None:
    with pytest.raises(NotAllowed):
        services.create_oauth_client(name="x", account_id=robot.pk, actor=cast.actor("alice"), at=NOON)
    with pytest.raises(Invalid):
        services.create_oauth_client(name="x", account_id=cast.bob.pk, actor=SYSTEM, at=NOON)
    alice = signed_in(cast.alice)
    assert alice.get(reverse("admin:oauth2_provider_application_changelist")).status_code == 403
    assert alice.get(reverse("admin:oauth2_provider_application_add")).status_code == 403


def test_a_superuser_keeps_them_in_the_admin_and_sees_each_secret_once(robot: User) -> None:
    root = signed_in(make_user("root", is_superuser=True, is_staff=True))
    add = reverse("admin:oauth2_provider_application_add")
    assert root.post(add, {"name": "planner", "user": str(robot.pk)}).status_code == 302
    client = Application.objects.get()
    change = reverse("admin:oauth2_provider_application_change", args=[client.pk])

    page = root.get(change).content.decode()
    secret = page.partition("Secret: ")[2].partition("<")[0].strip()
    token = token_of((client, secret))
    assert secret not in root.get(change).content.decode()
    renewed = root.post(change, {"name": "planner", "user": str(robot.pk), "new_secret": "on"}, follow=True)
    assert "the secret is not shown again" in renewed.content.decode()
    assert actor_of_token(token, None, clock.now()) is None
    assert ask("token", (client, secret), grant_type="client_credentials", scope="assets.view").status_code == 401
    assert root.get(reverse("admin:oauth2_provider_application_changelist")).status_code == 200
    assert (
        root.post(reverse("admin:oauth2_provider_application_delete", args=[client.pk]), {"post": "yes"}).status_code
        == 302
    )
    assert not Application.objects.exists()
