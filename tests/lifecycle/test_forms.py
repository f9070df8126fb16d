"""What a transition asks, as fields in the admin, and what is typed there as the answers that the engine judges."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.types import SYSTEM
from apps.lifecycle import queries
from apps.lifecycle.rules.asking import fields_of, read_answers
from apps.zones.services import update_zone_kind
from tests.factories.access import make_organisation, make_user
from tests.factories.core import NOON
from tests.factories.lifecycles import CLOSURE, make_closing_kind, make_definition
from tests.factories.zones import make_zone, make_zone_kind

FORM: dict[str, Any] = {
    "type": "object",
    "required": ["berth"],
    "properties": {
        "berth": {"type": "string", "title": "Which berth", "maxLength": 20},
        "depth_m": {"type": ["number", "null"], "minimum": 0},
        "ropes": {"type": "integer", "default": 4},
        "pilot": {"type": "boolean"},
        "side": {"enum": ["port", "starboard", None]},
        "from": {"type": "string", "format": "date"},
        "notes": {"type": "string", "maxLength": 2000},
        "crew": {"type": "array", "items": {"type": "string"}},
    },
}


def test_every_property_is_a_field() -> None:
    fields = {each.name: each for each in fields_of(FORM)}
    assert {name: each.kind for name, each in fields.items()} == {
        "berth": "text",
        "depth_m": "number",
        "ropes": "number",
        "pilot": "choice",
        "side": "choice",
        "from": "date",
        "notes": "lines",
        "crew": "json",
    }
    berth = fields["berth"]
    assert (berth.label, berth.is_required, berth.bounds) == ("Which berth", True, {"maxlength": 20})
    assert (fields["ropes"].value, fields["ropes"].bounds) == ("4", {"step": 1})
    assert fields["side"].choices == (('"port"', "port"), ('"starboard"', "starboard"), ("null", "None"))


@pytest.mark.parametrize(
    ("typed", "answers"),
    [
        ({}, {}),
        ({"berth": "7", "depth_m": " "}, {"berth": "7"}),
        ({"depth_m": "3.5", "ropes": "6", "pilot": "false"}, {"depth_m": 3.5, "ropes": 6, "pilot": False}),
        ({"side": "null", "crew": '["Ada"]'}, {"side": None, "crew": ["Ada"]}),
        ({"ropes": "many", "depth_m": "NaN"}, {"ropes": "many", "depth_m": "NaN"}),
        ({"from": "2026-07-01", "unasked": "x"}, {"from": "2026-07-01"}),
    ],
    ids=["nothing", "empty", "values", "json", "unreadable", "unasked"],
)
def test_what_is_typed_becomes_json(typed: dict[str, str], answers: dict[str, Any]) -> None:
    assert read_answers(FORM, typed) == answers


@pytest.mark.django_db
def test_what_was_refused_stands_there_again_once() -> None:
    make_definition(CLOSURE.replace("minLength: 1", "minLength: 5, maxLength: 300"))
    kind = make_zone_kind()
    update_zone_kind(kind.pk, actor=SYSTEM, at=NOON, lifecycle="closure")
    zone, other = (make_zone(name, kind=kind, organisation=make_organisation()) for name in ("Basin", "Quay"))
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    page, move = (reverse(f"admin:zones_zone_{each}", args=[zone.pk]) for each in ("change", "transition"))
    typed = {"transition": "close", "answer-notice": '<b>"', "reason": "Two of them"}
    client.post(move, typed)
    assert "Two of them" not in client.get(reverse("admin:zones_zone_change", args=[other.pk])).content.decode()
    client.post(move, typed)
    again = client.get(page).content.decode()
    assert (">&lt;b&gt;&quot;</textarea>" in again, 'value="Two of them"' in again, 'wf-asks" open' in again) == (
        True,
    ) * 3
    assert '<small class="wrong">' in again
    after_that = client.get(page).content.decode()
    assert ("Two of them" in after_that, "&lt;b&gt;" in after_that, 'wf-asks" open' in after_that) == (False,) * 3


@pytest.mark.django_db
def test_a_form_is_filled_in_beside_its_button() -> None:
    zone = make_zone("Basin", kind=make_closing_kind(), organisation=make_organisation())
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    page = client.get(reverse("admin:zones_zone_change", args=[zone.pk])).content.decode()
    assert 'name="answer-notice"' in page
    move = reverse("admin:zones_zone_transition", args=[zone.pk])
    refused = client.post(move, {"transition": "close"}, follow=True).content.decode()
    assert "These are no answers to the form." in refused
    client.post(move, {"transition": "close", "answer-notice": "Divers"})
    zone.refresh_from_db()
    assert zone.state == "closed"
    assert [each.answers for each in queries.history(zone)] == [{}, {"notice": "Divers"}]
