"""Every state with every transition: the legal cells lead where the definition says, the others change nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.access.types import SYSTEM
from apps.events.models import Event
from apps.incidents.models import Incident
from apps.incidents.types import AlreadyOpen
from apps.lifecycle import registry, services
from apps.lifecycle.models import Timer, Transition
from apps.lifecycle.types import GuardRefused, IllegalTransition
from tests.factories.access import make_organisation
from tests.factories.core import NOON, after
from tests.factories.incidents import WAYS, make_incident

pytestmark = pytest.mark.django_db
PATIENCE = timedelta(minutes=5)

# Written out, not computed: what the definition says must be what was meant.
LEADS_TO = {
    ("open", "acknowledge"): "acknowledged",
    ("open", "escalate"): "escalated",
    ("open", "resolve"): "resolved",
    ("acknowledged", "escalate"): "escalated",
    ("acknowledged", "resolve"): "resolved",
    ("escalated", "acknowledge"): "acknowledged",
    ("escalated", "resolve"): "resolved",
    ("resolved", "close"): "closed",
    ("resolved", "reopen"): "reopened",
    ("closed", "reopen"): "reopened",
    ("reopened", "acknowledge"): "acknowledged",
    ("reopened", "escalate"): "escalated",
    ("reopened", "resolve"): "resolved",
}
STAMPS = ("acknowledged_at", "escalated_at", "resolved_at", "closed_at")
# The column that an incident in each state must have, and those that it must not have.
COMPANIONS = {
    "open": (None, set(STAMPS)),
    "acknowledged": ("acknowledged_at", {"resolved_at", "closed_at"}),
    "escalated": ("escalated_at", {"resolved_at", "closed_at"}),
    "resolved": ("resolved_at", {"closed_at"}),
    "closed": ("closed_at", set()),
    "reopened": (None, set(STAMPS)),
}
CURRENT = next(definition for definition, _ in registry.shipped() if definition.key == "incident")
GRID = [(state, move) for state in CURRENT.states for move in CURRENT.moves]


def rows(incident: Incident) -> tuple[object, ...]:
    return (
        Incident.objects.values().get(pk=incident.pk),
        list(Transition.objects.filter(object_id=incident.pk).values()),
        list(Timer.objects.filter(object_id=incident.pk).values()),
        list(Event.objects.filter(object_id=incident.pk).values()),
    )


def test_the_grid_is_whole() -> None:
    assert set(CURRENT.states) == set(WAYS) == set(COMPANIONS)
    assert set(LEADS_TO) <= set(GRID)
    assert len(GRID) == 30


@pytest.mark.parametrize(("state", "transition"), GRID)
def test_every_cell(state: str, transition: str) -> None:
    incident = make_incident(make_organisation(), state=state, escalate_after=PATIENCE)
    before = rows(incident)
    if (state, transition) not in LEADS_TO:
        with pytest.raises(IllegalTransition):
            services.advance(incident, transition, actor=SYSTEM, at=after(60), reason="test")
        assert rows(incident) == before
        return
    services.advance(incident, transition, actor=SYSTEM, at=after(60), reason="test")
    kept = Incident.objects.get(pk=incident.pk)
    step = Transition.objects.filter(object_id=incident.pk).latest("id")
    event = Event.objects.filter(object_id=incident.pk).latest("seq")
    assert kept.state == LEADS_TO[state, transition]
    assert kept.version == incident.version + 1
    assert (step.name, step.from_state, step.to_state) == (transition, state, kept.state)
    assert (event.data["previous"]["properties"]["state"], event.data["object"]["properties"]["state"]) == (
        state,
        kept.state,
    )


@pytest.mark.parametrize("state", list(CURRENT.states))
def test_every_state_has_its_companions(state: str) -> None:
    incident = make_incident(make_organisation(), state=state)
    has, has_not = COMPANIONS[state]
    assert has is None or getattr(incident, has) == NOON
    assert {name for name in has_not if getattr(incident, name) is not None} == set()


@pytest.mark.parametrize("state", list(CURRENT.states))
def test_only_what_nobody_has_touched_escalates_by_itself(state: str) -> None:
    incident = make_incident(make_organisation(), state=state, escalate_after=PATIENCE)
    owed = dict(Timer.objects.filter(object_id=incident.pk).values_list("transition", "due_at"))
    assert owed == ({"escalate": NOON + PATIENCE} if state in ("open", "reopened") else {})


def test_an_incident_without_patience_never_escalates_by_itself() -> None:
    incident = make_incident(make_organisation())
    assert not Timer.objects.filter(object_id=incident.pk).exists()


def test_what_is_open_again_elsewhere_is_not_reopened() -> None:
    harbour = make_organisation()
    over, newer = make_incident(harbour, state="resolved"), make_incident(harbour)
    Incident.objects.filter(pk__in=[over.pk, newer.pk]).update(dedupe_key="same")
    before = rows(over)
    with pytest.raises(GuardRefused, match="A newer incident about the same is open"):
        services.advance(over, "reopen", actor=SYSTEM, at=NOON, reason="test")
    assert rows(over) == before


def test_the_constraint_says_so_when_the_guard_looked_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    harbour = make_organisation()
    over, newer = make_incident(harbour, state="resolved"), make_incident(harbour)
    Incident.objects.filter(pk__in=[over.pk, newer.pk]).update(dedupe_key="same")
    monkeypatch.setitem(registry.lifecycle("incidents").guards, "nothing_newer_open", lambda incident: None)
    before = rows(over)
    with pytest.raises(AlreadyOpen):
        services.advance(over, "reopen", actor=SYSTEM, at=NOON, reason="test")
    assert rows(over) == before
