"""What a transition asks, as fields in the admin, and what is typed there as the answers that the engine judges."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.lifecycle import queries
from apps.lifecycle.rules.asking import fields_of, read_answers
from tests.factories.access import make_organisation, make_user
from tests.factories.lifecycles import make_closing_kind
from tests.factories.zones import make_zone

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
    assert (fields["ropes"].default, fields["ropes"].bounds) == ("4", {"step": 1})
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
