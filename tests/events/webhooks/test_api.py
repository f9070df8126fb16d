"""Webhooks over REST: whose they are, who may send them where, and what is told of them to whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.access.services import create_user
from apps.access.types import SYSTEM
from apps.core import clock
from apps.events import services
from apps.events.models import Delivery, Endpoint
from tests.factories.access import Cast, assign, give_access_token, make_cast, make_user, signed_in, with_key
from tests.factories.events import logged, new_event
from tests.factories.webhooks import make_webhook

pytestmark = pytest.mark.django_db
LIST = "/api/v1/webhooks"
HOOK = {"name": "Port system", "url": "https://port.example/hook"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    kind = "application/merge-patch+json" if method == "patch" else "application/json"
    answer = getattr(client, method)(path, body, content_type=kind, headers=headers)
    return answer.status_code, answer.json() if answer.content else None


def problem_of(answer: tuple[int, Any]) -> tuple[int, list[str]]:
    return answer[0], [each["pointer"] for each in answer[1].get("errors", ())]


def test_it_is_made_read_changed_and_deleted_and_its_secret_told_once(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    status, made = send(alice, "post", LIST, {**HOOK, "types": ["watchfloor.zone.*"], "rate": 5})
    assert (status, made["secret"][:6]) == (201, "whsec_")
    path = f"{LIST}/{made['id']}"
    shown = {key: value for key, value in made.items() if key != "secret"}
    assert send(alice, "get", path) == (200, shown)
    assert shown["user_id"] == str(cast.alice.pk)
    assert send(alice, "get", LIST)[1]["items"] == [shown]
    assert send(alice, "patch", path, {"is_enabled": False})[0] == 428
    status, changed = send(alice, "patch", path, {"is_enabled": False, "name": "Old"}, **{"If-Match": '"1"'})
    assert (status, changed["name"], changed["stopped_by"], changed["version"]) == (200, "Old", "hand", 2)
    status, rotated = send(alice, "post", f"{path}/secret")
    assert (status, rotated["secret"] != made["secret"]) == (200, True)
    assert send(alice, "delete", path, **{"If-Match": "*"})[0] == 204
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"url": "http://port.example/"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"types": ["watch floor"]}, "/types/0"),
        ({"noun": "ghosts"}, "/noun"),
        ({"filter": "name = 'x'"}, "/noun"),
        ({"noun": "assets", "filter": "nothing = 1"}, "/filter"),
        ({"noun": "assets", "filter": "name ="}, "/filter"),
        ({"rate": 0}, "/rate"),
        ({"name": ""}, "/name"),
        ({"secret": "whsec_mine"}, "/secret"),
    ],
    ids=str,
)
def test_what_is_no_webhook_is_refused(cast: Cast, changes: dict[str, Any], pointer: str) -> None:
    status, pointers = problem_of(send(signed_in(cast.alice), "post", LIST, {**HOOK, **changes}))
    assert status in (400, 422)
    assert [each[: len(pointer)] for each in pointers] == [pointer]
    assert not Endpoint.objects.exists()


def test_strangers_do_not_know_of_it(cast: Cast) -> None:
    endpoint, _ = make_webhook(cast.alice)
    path, charlie = f"{LIST}/{endpoint.pk}", signed_in(cast.charlie)
    assert send(charlie, "get", LIST)[1]["items"] == []
    for method, place in (("get", ""), ("get", "/deliveries"), ("post", "/test"), ("post", "/secret")):
        assert send(charlie, method, path + place)[0] == 404
    assert send(charlie, "patch", path, {"name": "mine"}, **{"If-Match": "*"})[0] == 404


def test_who_sees_less_than_its_owner_cannot_turn_it_to_themselves(cast: Cast) -> None:
    endpoint, _ = make_webhook(cast.alice)
    clerk = make_user("clerk", organisation=cast.harbour)
    assign(clerk, ["webhooks.view", "webhooks.change", "webhooks.add", "webhooks.delete"], cast.harbour)
    path, client = f"{LIST}/{endpoint.pk}", signed_in(clerk)
    assert send(client, "get", path)[0] == 200
    refused = [
        send(client, "patch", path, {"url": "https://clerk.example/"}, **{"If-Match": "*"}),
        send(client, "post", f"{path}/secret"),
        send(client, "post", f"{path}/test"),
        send(client, "get", f"{path}/deliveries"),
        send(client, "post", LIST, {**HOOK, "user_id": str(cast.alice.pk)}),
    ]
    assert [status for status, _ in refused] == [403] * 5
    assert send(client, "delete", path, **{"If-Match": "*"})[0] == 204


def test_what_a_key_makes_sees_no_more_than_the_key_and_ends_with_it(cast: Cast) -> None:
    headers = with_key(cast.alice, "webhooks.add", "webhooks.view", "webhooks.change", "zones.view")
    status, made = send(Client(), "post", LIST, HOOK, **headers)
    assert (status, made["scopes"]) == (201, ["webhooks.add", "webhooks.change", "webhooks.view", "zones.view"])
    logged(new_event(organisation_id=cast.harbour.pk))
    services.owe_events(clock.now())
    assert Delivery.objects.count() == 0
    wider, _ = make_webhook(cast.alice)
    path = f"{LIST}/{wider.pk}"
    assert send(Client(), "get", path, **headers)[0] == 200
    assert send(Client(), "get", f"{path}/deliveries", **headers)[0] == 403
    assert send(Client(), "patch", path, {"url": "https://x.example/"}, **{**headers, "If-Match": "*"})[0] == 403


def test_a_service_account_makes_its_own(cast: Cast) -> None:
    account = create_user(
        username="port", organisation_id=cast.harbour.pk, is_service=True, actor=SYSTEM, at=clock.now()
    )
    assign(account, ["incidents.view"], cast.harbour)
    _, token = give_access_token(account, "incidents.view", "webhooks.add", "webhooks.view")
    status, made = send(Client(), "post", LIST, HOOK, authorization=f"Bearer {token}")
    assert (status, made["user_id"]) == (201, str(account.pk))
    logged(new_event(organisation_id=cast.harbour.pk), new_event(organisation_id=cast.elsewhere.pk))
    services.owe_events(clock.now())
    assert Delivery.objects.count() == 1


def test_deliveries_are_listed_filtered_and_read(cast: Cast) -> None:
    endpoint, _ = make_webhook(cast.alice)
    logged(new_event(organisation_id=cast.harbour.pk), new_event(organisation_id=cast.harbour.pk))
    services.owe_events(clock.now())
    Delivery.objects.filter(pk=Delivery.objects.earliest("id").pk).update(
        state="dead", due_at=None, finished_at=clock.now()
    )
    path, alice = f"{LIST}/{endpoint.pk}/deliveries", signed_in(cast.alice)
    assert [each["state"] for each in send(alice, "get", path)[1]["items"]] == ["waiting", "dead"]
    [dead] = send(alice, "get", f"{path}?filter=state='dead'")[1]["items"]
    status, one = send(alice, "get", f"{path}/{dead['id']}")
    assert (status, one) == (200, {**dead, "log": []})
    status, again = send(alice, "post", f"{path}/{dead['id']}/replay")
    assert (status, again["cause"], again["message_id"]) == (202, "replay", dead["message_id"])
    cursors = {"after": send(alice, "get", "/api/v1/events?limit=1")[1]["cursor"]}
    cursors["until"] = send(alice, "get", "/api/v1/events")[1]["head"]
    assert send(alice, "post", f"{LIST}/{endpoint.pk}/replay", cursors) == (202, {"owed": 1})
