"""The picture of a definition: everything is in it, nothing overlaps, and pages show it to whoever may see it."""

from __future__ import annotations

import itertools

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.types import SYSTEM
from apps.lifecycle import registry, services
from apps.lifecycle.models import DefinitionVersion, Effect, Timer
from apps.lifecycle.queries import counts_by_state, says, ways_out
from apps.lifecycle.rules.drawing import HEIGHT, LINE, WIDTH, draw
from apps.lifecycle.rules.reading import read_definition
from tests.factories.access import make_cast, make_policy, make_user
from tests.factories.core import NOON, after
from tests.factories.lifecycles import DRILL, begin_incident, make_definition

SHIPPED = next(definition for definition, _ in registry.shipped() if definition.key == "incident")


def test_every_state_and_every_way_is_drawn_and_no_two_boxes_overlap() -> None:
    drawing = draw(SHIPPED)
    assert {box.state.name for box in drawing.boxes} == set(SHIPPED.states)
    ways = {(source, move.target) for move in SHIPPED.moves.values() for source in move.sources}
    assert {(line.source, line.target) for line in drawing.lines} == ways
    for one, other in itertools.combinations(drawing.boxes, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - WIDTH
        assert 0 <= box.y <= drawing.height - HEIGHT
    assert all(0 <= line.y <= drawing.height for line in drawing.lines)
    assert all(drawing.left <= line.x - line.width / 2 for line in drawing.lines)
    assert all(line.x + line.width / 2 <= drawing.left + drawing.width for line in drawing.lines)
    for here, there in itertools.combinations(drawing.lines, 2):
        assert abs(here.x - there.x) >= (here.width + there.width) / 2 or abs(here.y - there.y) >= LINE
    assert draw(SHIPPED) == drawing


def test_a_loop_to_itself_and_a_single_state_can_be_drawn() -> None:
    text = "noun: x\nversion: 1\ninitial: a\nstates: {a: {label: A, tone: calm}}\ntransitions:\n"
    definition = read_definition(f"{text}  go: {{label: Go, from: [a], to: a, action: x.y}}\n").definition
    assert definition is not None
    drawing = draw(definition)
    assert (len(drawing.boxes), [line.label for line in drawing.lines]) == (1, ["Go"])


@pytest.mark.django_db
def test_counts_are_of_what_one_may_see() -> None:
    cast = make_cast()
    row = make_definition()
    for _ in range(2):
        begin_incident(cast.harbour)
    services.advance(begin_incident(cast.harbour), "start", actor=SYSTEM, at=NOON)
    begin_incident(cast.elsewhere)
    assert counts_by_state(row, cast.actor("alice")) == {"planned": 2, "running": 1}
    assert counts_by_state(row, cast.actor("charlie")) == {"planned": 1}
    make_policy("limit", ["incidents.view"], users=[cast.alice], hidden_fields=["state"])
    assert counts_by_state(row, cast.actor("alice")) == {}


@pytest.mark.django_db
def test_what_would_let_it_move_is_said_as_far_as_one_may_know() -> None:
    cast = make_cast()
    guarded = DRILL.replace("action: incidents.acknowledge", "action: incidents.acknowledge\n    if: severity >= 3")
    make_definition(f"{guarded}  expire: {{label: Expire, from: [planned], to: over, timer: {{after: PT1H}}}}\n")
    incident = begin_incident(cast.harbour, severity=2)
    start, expire = ways_out(incident, cast.actor("alice"))
    assert says(start) == ["You may do this.", "It needs severity >= 3. That is not so. severity is 2."]
    assert says(expire) == ["The clock does it at 2026-06-30 13:00:00 UTC."]
    Timer.objects.update(attempts=2, claimed_until=after(hours=2))
    [_, expire] = ways_out(incident, cast.actor("alice"))
    was_due = "It was due at 2026-06-30 13:00:00 UTC, and the clock has tried 2 times in vain."
    assert says(expire) == [f"{was_due} It tries again at 2026-06-30 14:00:00 UTC."]
    assert says(ways_out(incident, cast.actor("bob"))[0])[0] == "Somebody may do this who holds incidents.acknowledge."
    make_policy("limit", ["incidents.view"], users=[cast.alice], hidden_fields=["severity"])
    hidden = says(ways_out(incident, cast.actor("alice"))[0])
    assert hidden == ["You may do this.", "It needs something that you may not see."]


@pytest.mark.django_db
def test_pages_show_the_picture_with_counts_or_the_current_state() -> None:
    cast = make_cast()
    incident = begin_incident(cast.harbour, "incident")
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    version = DefinitionVersion.objects.get(key="incident", number=1)
    page = client.get(reverse("admin:lifecycle_definitionversion_change", args=[version.pk])).content.decode()
    assert 'class="count">1</text>' in page
    page = client.get(reverse("admin:incidents_incident_change", args=[incident.pk])).content.decode()
    assert page.count('class="box current') == 1
    assert ("You may do this." in page, "failed for good" in page) == (True, False)
    dead = {"kind": "webhook", "status": "dead", "effective_at": NOON, "due_at": NOON}
    Effect.objects.create(noun="incidents", object_id=incident.pk, object={}, **dead)
    page = client.get(reverse("admin:incidents_incident_change", args=[incident.pk])).content.decode()
    assert "1 of what its moves were to bring about failed for good." in page


@pytest.mark.django_db
def test_the_editor_writes_checks_publishes_and_makes_a_new_draft() -> None:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    check = reverse("admin:lifecycle_definitionversion_check")
    wrong = DRILL.replace("to: over", "to: nowhere")
    found = client.post(check, {"document": wrong, "number": "1"}).json()["mistakes"]
    assert [(each["line"], each["column"]) for each in found] == [(9, 3), (19, 9)]
    client.post(reverse("admin:lifecycle_definitionversion_add"), {"document": DRILL, "_save": "Save"})
    draft = DefinitionVersion.objects.get(key="drill")
    do = reverse("admin:lifecycle_definitionversion_do", args=[draft.pk])
    client.post(do, {"do": "publish"})
    client.post(do, {"do": "draft"})
    assert list(DefinitionVersion.objects.filter(key="drill").order_by("number").values_list("number", "status")) == [
        (1, "published"),
        (2, "draft"),
    ]
