"""A request that is sent again has its effect once and gets the same answer; also when both are sent at once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.access import services as access
from apps.access.models import Role
from apps.access.types import SYSTEM
from apps.core import clock, services
from apps.core.models import IdempotencyRecord
from tests.factories.access import make_user, signed_in, with_key
from tests.factories.core import NOON

PATH = "/api/v1/roles"


def post(client: Client, name: str, *, key: str = "k-1", **headers: str) -> Any:
    body = {"name": name, "actions": []}
    return client.post(PATH, body, content_type="application/json", headers={"Idempotency-Key": key, **headers})


@pytest.mark.django_db
def test_the_same_request_is_answered_the_same_and_done_once() -> None:
    client = signed_in(make_user("root", is_superuser=True))

    first, again = post(client, "Watch"), post(client, "Watch")

    assert (first.status_code, first.json(), first.headers["Location"], first.headers["ETag"]) == (
        again.status_code,
        again.json(),
        again.headers["Location"],
        again.headers["ETag"],
    )
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert Role.objects.count() == 1


@pytest.mark.django_db
def test_another_request_under_the_same_key_is_refused() -> None:
    client = signed_in(make_user("root", is_superuser=True))
    post(client, "Watch")

    other = post(client, "Other")

    assert (other.status_code, other.json()["type"]) == (422, "urn:watchfloor:problem:idempotency_key_reused")
    assert Role.objects.count() == 1


@pytest.mark.django_db
def test_a_refusal_is_not_remembered() -> None:
    client = signed_in(make_user("root", is_superuser=True))

    refused = post(client, "")
    mended = post(client, "Watch")

    assert (refused.status_code, mended.status_code) == (422, 201)


@pytest.mark.django_db
def test_one_persons_key_is_nothing_to_another_nor_one_api_key_to_the_next() -> None:
    root = make_user("root", is_superuser=True)
    post(signed_in(root), "Watch")
    wide = with_key(root, "roles.add", "roles.view")

    others = [
        post(signed_in(make_user("second", is_superuser=True)), "Watch").status_code,
        post(Client(), "Watch", **wide).status_code,
    ]

    assert others == [409, 409]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\x01b"])
def test_a_key_that_is_no_key_is_refused(key: str) -> None:
    assert post(signed_in(make_user("root", is_superuser=True)), "Watch", key=key).status_code == 400


@pytest.mark.django_db
def test_answers_are_forgotten_after_a_day() -> None:
    post(signed_in(make_user("root", is_superuser=True)), "Watch")
    now = clock.now()

    assert services.forget_answers(now + timedelta(hours=23)) == 0
    assert services.forget_answers(now + timedelta(hours=25)) == 1
    assert IdempotencyRecord.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_request_that_is_still_running_is_not_run_again(monkeypatch: Any) -> None:
    root = make_user("root", is_superuser=True)
    client, entered, go_on = signed_in(root), threading.Event(), threading.Event()
    create = access.create_role

    def slowly(**fields: Any) -> Role:
        row = create(**fields)
        entered.set()
        assert go_on.wait(60)
        return row

    monkeypatch.setattr(access, "create_role", slowly)
    answers: list[Any] = []

    def run() -> None:
        answers.append(post(client, "Watch"))
        connection.close()

    first = threading.Thread(target=run)
    first.start()
    assert entered.wait(60)
    second = post(signed_in(root), "Watch")
    go_on.set()
    first.join()
    monkeypatch.setattr(access, "create_role", create)
    third = post(signed_in(root), "Watch")

    assert (answers[0].status_code, second.status_code, third.status_code) == (201, 409, 201)
    assert second.json()["type"] == "urn:watchfloor:problem:idempotency_in_progress"
    assert third.headers["Idempotency-Replayed"] == "true"
    assert Role.objects.count() == 1
    access.delete_role(Role.objects.get().pk, actor=SYSTEM, at=NOON)
