"""Naughty strings in every text that webhooks, services and events of others take: kept, or refused with a reason."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from django.test import Client

from apps.events.models import Endpoint
from apps.lifecycle.models import Service
from tests.factories.access import Cast, make_cast, make_user, signed_in
from tests.factories.assets import make_asset
from tests.factories.conformance import naughty_strings

pytestmark = pytest.mark.django_db
WEBHOOK = {"name": "Port", "url": "https://receiver.example/hook", "types": [], "noun": "assets", "filter": ""}
SERVICE = {"key": "berths", "name": "Berths", "base_url": "https://berths.example/api", "auth": "bearer", "secret": "s"}
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/lock",
    "type": "lock.opened",
    "datacontenttype": "application/json",
}
STRUCTURED = "application/cloudevents+json"
# Each text takes every so many of the list, and no two neighbours the same; together they take all of it.
STEP = int(os.environ.get("WATCHFLOOR_NAUGHTY_STEP", "15"))


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def root(cast: Cast) -> Client:
    client = signed_in(make_user("root", is_superuser=True))
    client.raise_request_exception = False
    return client


def clear(answer: Any) -> bool:
    """Say whether an answer is a good one, or a problem that says which member it is about."""
    if answer.status_code < 400:
        return True
    is_problem = answer["Content-Type"] == "application/problem+json" and answer.status_code in (
        400,
        404,
        409,
        415,
        422,
    )
    return is_problem and bool(answer.json()["detail"] or answer.json()["errors"])


def strings(place: int) -> list[str]:
    return naughty_strings()[place % STEP :: STEP]


def unclear(client: Client, path: str, form: dict[str, Any], field: str, texts: list[str]) -> list[tuple[str, Any]]:
    """Return what is answered badly with each of these texts in a field."""
    found = []
    for text in texts:
        value = [text] if field == "types" else text
        answer = client.post(path, json.dumps({**form, field: value}), content_type="application/json")
        if not clear(answer):
            found.append((text, answer.content[:200]))
        elif answer.status_code == 201:
            stored = answer.json()
            assert client.get(f"{path}/{stored['id']}").json().get(field, value) in (value, text.strip()), text
            model = Endpoint if "webhooks" in path else Service
            model.objects.all().delete()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(WEBHOOK)), ids=list(WEBHOOK))
def test_texts_of_webhooks(root: Client, place: int) -> None:
    assert unclear(root, "/api/v1/webhooks", WEBHOOK, list(WEBHOOK)[place], strings(place)) == []


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(SERVICE) + 1), ids=[*SERVICE, "header"])
def test_texts_of_services(root: Client, place: int) -> None:
    form = {**SERVICE, "auth": "header"} if place == len(SERVICE) else SERVICE
    assert unclear(root, "/api/v1/services", form, [*SERVICE, "header"][place], strings(place + 5)) == []


TOLD = (*EVENT, "subject", "time", "dataschema", "callid", "data", "naughty")


@pytest.mark.slow
@pytest.mark.parametrize("field", TOLD)
def test_texts_of_events_of_others(cast: Cast, root: Client, field: str) -> None:
    about = {**EVENT, "subject": f"assets/{make_asset(organisation=cast.harbour).pk}"}
    found = []
    for number, text in enumerate(strings(TOLD.index(field) + 3)):
        event = {**about, "id": f"n{number}", field: {text: [text]} if field == "data" else text}
        answer = root.post("/api/v1/events", json.dumps(event), content_type=STRUCTURED)
        if not clear(answer):
            found.append((text, answer.content[:200]))
    assert found == []
    assert root.get("/api/v1/events?limit=1000").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("field", ["id", "source", "type", "subject", "time", "naughty", "a naughty name"])
def test_texts_of_events_of_others_in_headers(cast: Cast, root: Client, field: str) -> None:
    about = {**EVENT, "subject": f"assets/{make_asset(organisation=cast.harbour).pk}"}
    found = []
    for number, text in enumerate(strings(len(field) + 1)):
        # A header carries Latin-1, and no line of its own.
        sent = text.encode("latin-1", "replace").decode("latin-1").replace("\r", "").replace("\n", "")
        members = {**about, "id": f"h{number}"} | ({f"x{sent}": "1"} if field == "a naughty name" else {field: sent})
        headers = {f"ce-{name}": value for name, value in members.items() if name != "datacontenttype"}
        answer = root.post("/api/v1/events", "{}", content_type="application/json", headers=headers)
        if not clear(answer):
            found.append((text, answer.content[:200]))
    assert found == []


@pytest.mark.slow
def test_texts_where_events_are_read(root: Client) -> None:
    found = []
    for text in strings(1):
        for name in ("after", "type", "filter"):
            answer = root.get("/api/v1/events", {name: text.encode("utf-8", "replace").decode()})
            if not (clear(answer) or answer.status_code == 410):
                found.append((name, text, answer.content[:200]))
    assert found == []
