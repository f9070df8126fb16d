"""Every naughty string in every text of a definition, and in the form of a transition: kept as it is, or refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import reverse

from apps.access.types import SYSTEM
from apps.lifecycle import queries, services
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.queries import validate
from apps.zones.models import Zone
from tests.factories.access import make_organisation, make_user
from tests.factories.conformance import naughty_strings
from tests.factories.core import NOON
from tests.factories.lifecycles import CLOSURE, make_closing_kind
from tests.factories.zones import make_zone

pytestmark = pytest.mark.django_db
DOCUMENT: Mapping[str, Any] = yaml.safe_load(CLOSURE)
NOTICE: Mapping[str, Any] = {"type": "string", "title": "x", "description": "x", "default": "x"}
ASKING = {"type": "object", "properties": {"notice": NOTICE}}
Put = Callable[[dict[str, Any], str], None]


def put(*path: str | int) -> Put:
    """Return what puts a text at a place of a definition."""

    def into(document: dict[str, Any], text: str) -> None:
        *way, last = path
        part: Any = document
        for step in way:
            part = part[step]
        part[last] = text

    return into


def name(*path: str) -> Put:
    """Return what calls the one member at a place by a text."""

    def into(document: dict[str, Any], text: str) -> None:
        part: Any = document
        for step in path[:-1]:
            part = part[step]
        part[text] = part.pop(path[-1])

    return into


CLOSE = ("transitions", "close")
TEXTS: dict[str, Put] = {
    "key": put("key"),
    "noun": put("noun"),
    "title": put("title"),
    "initial": put("initial"),
    "state": name("states", "closed"),
    "label of a state": put("states", "closed", "label"),
    "tone": put("states", "closed", "tone"),
    "transition": name("transitions", "close"),
    "label": put(*CLOSE, "label"),
    "from": put(*CLOSE, "from", 0),
    "to": put(*CLOSE, "to"),
    "action": put(*CLOSE, "action"),
    "if": put(*CLOSE, "if"),
    "guard": put(*CLOSE, "guard"),
    "duration": put("transitions", "lift", "timer", "after"),
    "field": put("transitions", "lift", "timer", "at"),
    "event": put(*CLOSE, "event", "type"),
    "match": put(*CLOSE, "event", "match"),
    "where": name(*CLOSE, "event", "where", "id"),
    "condition": put(*CLOSE, "condition", "when"),
    "question": name(*CLOSE, "form", "properties", "notice"),
    "title of a question": put(*CLOSE, "form", "properties", "notice", "title"),
    "help": put(*CLOSE, "form", "properties", "notice", "description"),
    "default": put(*CLOSE, "form", "properties", "notice", "default"),
    "pattern": put(*CLOSE, "form", "properties", "notice", "pattern"),
    "effect": put(*CLOSE, "effects", 0, "kind"),
    "value": put(*CLOSE, "effects", 0, "value"),
    "notice": put(*CLOSE, "effects", 1, "text"),
}


def definition_with(into: Put, text: str) -> str:
    document = copy.deepcopy(dict(DOCUMENT))
    close = document["transitions"]["close"]
    close["form"] = copy.deepcopy(ASKING)
    close["event"] = {"type": "lock.gate.opened", "match": "sent.gate = 1", "where": {"id": "id"}}
    close["condition"] = {"when": "is_active = TRUE"}
    close["effects"].append({"kind": "notify", "text": "x"})
    into(document, text)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def strings(place: int) -> list[str]:
    """Return a part of the list, another for every place, and always what is hardest to keep."""
    listed = naughty_strings()
    return [*listed[place :: len(TEXTS)], *listed[-10:]]


@pytest.mark.parametrize("where", TEXTS)
def test_every_text_of_a_definition_is_judged_and_what_is_right_is_kept(where: str) -> None:
    for text in strings(list(TEXTS).index(where)):
        document = definition_with(TEXTS[where], text)
        found = validate(document, number=1)
        assert all(mistake.line >= 1 and str(mistake) for mistake in found.mistakes)
        if not found.mistakes:
            draft = services.create_draft(document, actor=SYSTEM, at=NOON)
            row = services.publish_definition(draft.pk, actor=SYSTEM, at=NOON)
            assert DefinitionVersion.objects.get(pk=row.pk).document == document
            json.dumps([move.form for move in found.definition.moves.values()] if found.definition else [])


def test_a_text_as_a_whole_is_judged_over_rest_and_in_the_admin() -> None:
    root = signed_in_root()
    check = reverse("admin:lifecycle_definitionversion_check")
    for text in strings(0):
        answer = root.post("/api/v1/lifecycles", {"document": text}, "application/json")
        assert (answer.status_code, answer["Content-Type"]) in REFUSED, text
        assert root.post(check, {"document": text}).json()["mistakes"], text


def test_what_is_published_is_shown_as_text() -> None:
    root = signed_in_root()
    for text in ("<script>alert(1)</script>", "'\"><b>{{ 7 * 7 }}", "\u202egnirts", "田中さんにあげて下さい"):
        document = yaml.safe_load(definition_with(TEXTS["label"], text))
        document["states"]["closed"]["label"] = document["title"] = text
        document["transitions"]["close"]["form"]["properties"]["notice"] |= {"title": text, "default": text}
        for unwanted in ("event", "condition"):
            del document["transitions"]["close"][unwanted]
        draft = services.create_draft(yaml.safe_dump(document), actor=SYSTEM, at=NOON)
        row = services.publish_definition(draft.pk, actor=SYSTEM, at=NOON)
        kind = make_closing_kind()
        zone = make_zone("Basin", kind=kind, organisation=make_organisation())
        shown = root.get(f"/api/v1/zones/{zone.pk}/transitions").json()
        assert (shown["lifecycle"]["title"], shown["allowed"][0]["label"], shown["ways"][0]["label"]) == (text,) * 3
        pages = [
            root.get(reverse("admin:lifecycle_definitionversion_change", args=[row.pk])),
            root.get(reverse("admin:lifecycle_definitionversion_changelist")),
            root.get(reverse("admin:zones_zone_change", args=[zone.pk])),
        ]
        for page in pages:
            assert (page.status_code, "<script>alert(1)" in page.content.decode()) == (200, False)
            assert '"><b>' not in page.content.decode()


def test_every_answer_and_reason_is_kept_or_refused() -> None:
    root, kind, kept = signed_in_root(), make_closing_kind(), 0
    zones = [make_zone(f"Basin {each}", kind=kind, organisation=make_organisation()) for each in range(2)]
    for number, text in enumerate(strings(5)):
        Zone.objects.update(state="proposed", state_category="open")
        over_rest, in_admin = zones
        body = {"transition": "close", "answers": {"notice": text}, "reason": text}
        answer = root.post(
            f"/api/v1/zones/{over_rest.pk}/transitions", body, "application/json", headers={"If-Match": "*"}
        )
        if answer.status_code == 200:
            last = queries.history(over_rest).last()
            assert last is not None
            assert (last.answers, last.reason) == ({"notice": text}, text.strip()), text
            kept += 1
        else:
            assert (answer.status_code, answer["Content-Type"]) in REFUSED, text
        move = reverse("admin:zones_zone_transition", args=[in_admin.pk])
        done = root.post(move, {"transition": "close", "answer-notice": text, "reason": text})
        assert done.status_code == 302, text
        if number % 6 == 0:
            assert root.get(done["Location"]).status_code == 200, text
    assert kept > 15


REFUSED = {(status, "application/problem+json") for status in (400, 422)}


def signed_in_root() -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    client.raise_request_exception = False
    return client
