"""What makes a transition without a hand: events, conditions, instants; in order, once each, however late the clock."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.core.types import Invalid
from apps.events.models import Event
from apps.events.services import relay
from apps.incidents.models import Incident
from apps.incidents.services import update_incident
from apps.lifecycle import jobs, queries, services
from apps.lifecycle.models import Effect, LogReader, Timer, Transition
from apps.lifecycle.services import triggers
from apps.lifecycle.types import GuardRefused, IllegalTransition
from tests.factories.access import make_cast, make_organisation
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident
from tests.factories.lifecycles import DRILL, begin_incident, hear_all, make_definition
from tests.factories.threads import together

pytestmark = pytest.mark.django_db
GRAVE = """
  alarm:
    label: Alarm
    from: [planned]
    to: running
    condition: {when: severity = 4}
"""
SLOW = """
  alarm:
    label: Alarm
    from: [planned]
    to: running
    condition: {when: severity = 4, for: PT1M}
"""
GATE = """
  gate:
    label: Gate opened
    from: [planned]
    to: running
    event: {type: lock.gate.opened, match: sent.gate = 'north'}
"""
SIBLING = """
  follow:
    label: Follow
    from: [planned]
    to: running
    event: {type: watchfloor.incident.transitioned.v1, where: {asset_id: asset_id}, match: to_state = 'escalated'}
"""
LATE = """
  expire:
    label: Expire
    from: [planned]
    to: over
    timer: {at: last_found_at, offset: PT10M, skip_after: PT30M}
"""


@pytest.fixture
def harbour() -> Organisation:
    hear_all(NOON)
    return make_organisation()


def log_gate(incident: Incident, gate: str = "north", *, at: datetime = NOON) -> None:
    """Let somebody outside say that a gate was opened."""
    Event.objects.create(
        type="lock.gate.opened",
        noun="incidents",
        object_id=incident.pk,
        organisation_id=incident.organisation_id,
        actor_label="lock",
        occurred_at=at,
        data={"change": "sent", "object": None, "previous": None, "lifecycle": None, "sent": {"gate": gate}},
        source="urn:lock",
        source_id=str(new_id()),
    )


def steps(incident: Incident) -> list[tuple[str, str, datetime]]:
    return [(each.name, each.cause, each.effective_at) for each in queries.history(incident)]


def test_an_event_makes_a_transition_once(harbour: Organisation) -> None:
    make_definition(DRILL + GATE)
    incident, other = begin_incident(harbour), begin_incident(harbour)
    log_gate(incident, "south", at=after(1))
    log_gate(incident, at=after(2))
    assert hear_all(after(5)) == 2
    assert steps(incident) == [("begin", "hand", NOON), ("gate", "event", after(2))]
    assert steps(other) == [("begin", "hand", NOON)]
    LogReader.objects.update(offset=0)
    hear_all(after(6))
    assert len(steps(incident)) == 2


def test_an_event_from_before_the_state_does_nothing(harbour: Organisation) -> None:
    make_definition(DRILL + GATE)
    incident = begin_incident(harbour)
    log_gate(incident, at=after(-1))
    hear_all(after(5))
    assert steps(incident) == [("begin", "hand", NOON)]


def test_an_event_about_another_thing_may_name_the_object(harbour: Organisation) -> None:
    make_definition(DRILL + SIBLING)
    vessel = new_id()
    incident = begin_incident(harbour, asset_id=vessel, asset_name="Tug 7")
    stranger = begin_incident(harbour, asset_id=new_id(), asset_name="Tug 8")
    other = make_incident(harbour)
    Incident.objects.filter(pk=other.pk).update(asset_id=vessel, asset_name="Tug 7")
    services.advance(other, "escalate", actor=SYSTEM, at=after(3))
    hear_all(after(5))
    assert steps(incident)[1:] == [("follow", "event", after(3))]
    assert steps(stranger)[1:] == []


def test_a_condition_is_looked_at_when_the_object_changes(harbour: Organisation) -> None:
    make_definition(DRILL + GRAVE)
    born_grave, incident = begin_incident(harbour, severity=4), begin_incident(harbour, severity=1)
    hear_all(after(1))
    update_incident(incident.pk, actor=SYSTEM, at=after(2), severity=4)
    hear_all(after(3))
    assert steps(born_grave)[1:] == [("alarm", "condition", NOON)]
    assert steps(incident)[1:] == [("alarm", "condition", after(2))]


def test_a_condition_may_have_to_last(harbour: Organisation) -> None:
    make_definition(DRILL + SLOW)
    lasting, passing = begin_incident(harbour, severity=4), begin_incident(harbour, severity=4)
    update_incident(passing.pk, actor=SYSTEM, at=after(30), severity=1)
    hear_all(after(31))
    assert [(each.object_id, each.due_at) for each in Timer.objects.all()] == [(lasting.pk, after(60))]
    update_incident(lasting.pk, actor=SYSTEM, at=after(40), description="still grave")
    hear_all(after(41))
    services.advance_due(list(Timer.objects.values_list("id", flat=True)), at=after(70))
    assert steps(lasting)[1:] == [("alarm", "condition", after(60))]
    assert steps(passing)[1:] == []


def test_a_timer_follows_its_field(harbour: Organisation) -> None:
    make_definition(DRILL + LATE)
    incident = begin_incident(harbour, last_found_at=NOON)
    assert Timer.objects.get().due_at == after(minutes=10)
    incident.last_found_at = after(minutes=5)
    services.plan_timers(incident)
    assert Timer.objects.get().due_at == after(minutes=15)
    incident.last_found_at = None
    services.plan_timers(incident)
    assert not Timer.objects.exists()


def test_a_timer_that_is_far_too_late_is_let_go(harbour: Organisation) -> None:
    make_definition(DRILL + LATE)
    missed, late = begin_incident(harbour, last_found_at=NOON), begin_incident(harbour, last_found_at=after(minutes=5))
    services.advance_due(list(Timer.objects.values_list("id", flat=True)), at=after(minutes=41))
    assert steps(missed)[1:] == []
    assert steps(late)[1:] == [("expire", "timer", after(minutes=15))]
    assert not Timer.objects.exists()


CATCH_UP = """
key: drill
noun: incidents
initial: one
states:
  one: {label: One, tone: calm}
  two: {label: Two, tone: calm}
  three: {label: Three, tone: calm}
  four: {label: Four, tone: done, final: true}
transitions:
  tick: {label: Tick, from: [one], to: two, timer: {after: PT10M}}
  gate: {label: Gate, from: [two], to: three, event: {type: lock.gate.opened}}
  tock: {label: Tock, from: [three], to: four, timer: {after: PT10M}}
"""


def test_a_clock_that_stood_still_catches_up_in_order(harbour: Organisation) -> None:
    make_definition(CATCH_UP)
    incident, early = begin_incident(harbour), begin_incident(harbour)
    log_gate(early, at=after(minutes=5))
    log_gate(incident, at=after(minutes=20))
    hear_all(after(hours=1))
    while claim := services.claim_due(100, after(hours=1)):
        services.advance_due([*claim.fresh, *claim.lapsed], at=after(hours=1))
    assert steps(incident)[1:] == [
        ("tick", "timer", after(minutes=10)),
        ("gate", "event", after(minutes=20)),
        ("tock", "timer", after(minutes=30)),
    ]
    assert steps(early)[1:] == [("tick", "timer", after(minutes=10))]


def test_the_sweep_hears_what_happened_before_a_timer_was_due(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_definition(DRILL + GATE + "  expire: {label: Expire, from: [planned], to: over, timer: {after: PT10M}}\n")
    incident = begin_incident(harbour)
    log_gate(incident, at=after(minutes=9))
    monkeypatch.setattr(jobs, "_hand_over", lambda *_: False)
    jobs.sweep(after(hours=1))
    assert steps(incident)[1:] == [("gate", "event", after(minutes=9))]


@pytest.mark.django_db(transaction=True)
def test_the_sweep_waits_for_whoever_reads_the_log(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    make_definition(DRILL + GATE + "  expire: {label: Expire, from: [planned], to: over, timer: {after: PT10M}}\n")
    incident = begin_incident(harbour)
    log_gate(incident, at=after(minutes=9))
    relay(after(hours=1))
    is_reading, goes_on, whole = threading.Event(), threading.Event(), triggers.work_on

    def slowly(*given: Any) -> None:
        is_reading.set()
        goes_on.wait(60)
        whole(*given)

    def by_log() -> None:
        services.read_log(after(hours=1))

    def by_clock() -> None:
        is_reading.wait(60)
        threading.Timer(0.3, goes_on.set).start()
        jobs.sweep(after(hours=1))

    monkeypatch.setattr(jobs, "_hand_over", lambda *_: False)
    monkeypatch.setattr(triggers, "work_on", slowly)
    together(by_log, by_clock)
    assert steps(incident)[1:] == [("gate", "event", after(minutes=9))]


def test_of_two_moves_of_one_instant_the_higher_priority_is_made(harbour: Organisation) -> None:
    two = "".join(
        f"  {name}: {{label: X, from: [planned], to: {to}, timer: {{after: PT1M}}, priority: {priority}}}\n"
        for name, to, priority in (("low", "over", 1), ("high", "running", 2))
    )
    make_definition(DRILL + two)
    incident = begin_incident(harbour)
    services.advance_due(list(Timer.objects.values_list("id", flat=True)), at=after(60))
    assert [each[0] for each in steps(incident)] == ["begin", "high"]


def test_of_equals_that_is_made_which_is_told_first(harbour: Organisation) -> None:
    """Publishing refuses what is known to meet; durations of the object may come to be the same only by then."""
    two = "".join(
        f"  {name}: {{label: X, from: [planned], to: {to}, timer: {timer}}}\n"
        for name, to, timer in (("told", "running", "{field: escalate_after}"), ("later", "over", "{after: PT1M}"))
    )
    make_definition(DRILL + two)
    for _ in range(3):
        begin_incident(harbour, escalate_after=timedelta(minutes=1))
    timers = Timer.objects.order_by("-transition").values_list("id", flat=True)
    services.advance_due(list(timers), at=after(60))
    assert set(Incident.objects.values_list("state", flat=True)) == {"running"}


@pytest.mark.parametrize("priority", [-1, 1], ids=["event", "condition"])
def test_an_event_and_a_condition_that_meet_go_by_priority(harbour: Organisation, priority: int) -> None:
    told = "  told: {label: X, from: [planned], to: running, event: {type: watchfloor.incident.updated.v1}}\n"
    met = f"  met: {{label: X, from: [planned], to: over, condition: {{when: severity = 4}}, priority: {priority}}}\n"
    make_definition(DRILL + told + met)
    incident = begin_incident(harbour, severity=1)
    update_incident(incident.pk, actor=SYSTEM, at=after(5), severity=4)
    hear_all(after(6))
    made = ("met", "condition") if priority > 0 else ("told", "event")
    assert steps(incident)[1:] == [(*made, after(5))]


def test_an_event_that_cannot_be_worked_through_holds_up_nobody(
    harbour: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_definition(DRILL + GATE)
    bad, good = begin_incident(harbour), begin_incident(harbour)
    log_gate(bad, at=after(1))
    log_gate(good, at=after(2))
    whole = queries.refusal_of

    def refusal_of(lifecycle: object, row: Incident, move: object) -> str | None:
        if row.pk == bad.pk:
            raise ValueError("broken")
        return whole(lifecycle, row, move)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(triggers, "refusal_of", refusal_of)
    hear_all(after(3))
    assert (len(steps(bad)), len(steps(good))) == (1, 2)
    [owed] = Effect.objects.filter(kind="trigger")
    assert (owed.object_id, owed.last_error) == (bad.pk, "ValueError: broken")
    monkeypatch.setattr(triggers, "refusal_of", whole)
    claim = services.claim_effects(10, after(60))
    services.perform_effects(claim.fresh, at=after(60))
    assert steps(bad)[1:] == [("gate", "event", after(1))]


def test_the_databases_own_trouble_moves_no_cursor(harbour: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    make_definition(DRILL + GATE)
    incident = begin_incident(harbour)
    log_gate(incident, at=after(1))
    before = LogReader.objects.get().offset

    def lost(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(triggers, "make_moves", lost)
    with pytest.raises(OperationalError):
        hear_all(after(3))
    assert LogReader.objects.get().offset == before
    monkeypatch.undo()
    hear_all(after(4))
    assert len(steps(incident)) == 2


FORM = """
  raise:
    label: Raise
    from: [planned]
    to: running
    action: incidents.escalate
    if: severity < 4
    form:
      type: object
      required: [how_bad]
      properties:
        how_bad: {type: integer}
        note: {type: string, maxLength: 20}
    effects:
      - {kind: set-field, field: severity, answer: how_bad}
      - {kind: set-field, field: escalate_after_s, value: 90}
      - {kind: set-field, field: description, value: Raised}
"""


def test_a_form_is_asked_and_sets_fields(harbour: Organisation) -> None:
    make_definition(DRILL + FORM)
    incident = begin_incident(harbour, severity=1)
    moved = services.advance(incident, "raise", actor=SYSTEM, at=after(1), answers={"how_bad": 4, "note": "so I heard"})
    kept = Incident.objects.get(pk=incident.pk)
    assert (kept.severity, kept.escalate_after, kept.description) == (4, timedelta(seconds=90), "Raised")
    assert (moved.severity, moved.version) == (4, 2)
    assert Transition.objects.get(name="raise").answers == {"how_bad": 4, "note": "so I heard"}
    event = Event.objects.latest("seq")
    assert event.data["object"]["properties"]["severity"] == 4
    assert "so I heard" not in str(event.data)


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [
        ({}, "/answers/how_bad"),
        ({"how_bad": "x"}, "/answers/how_bad"),
        ({"how_bad": 9}, "/answers/how_bad"),
        ({"how_bad": 4, "note": "x" * 21}, "/answers/note"),
        ({"how_bad": 4, "note": "\x00"}, "/answers/note"),
        ({"how_bad": 4, "more": 1}, "/answers"),
    ],
    ids=range(6),
)
def test_answers_that_do_not_meet_the_form_are_refused(
    harbour: Organisation, answers: dict[str, object], pointer: str
) -> None:
    make_definition(DRILL + FORM)
    incident = begin_incident(harbour, severity=1)
    with pytest.raises(Invalid) as refusal:
        services.advance(incident, "raise", actor=SYSTEM, at=after(1), answers=answers)
    assert {error.pointer for error in refusal.value.errors} == {pointer}
    assert Incident.objects.get(pk=incident.pk).state == "planned"


def test_a_guard_in_cql2_holds_whoever_moves(harbour: Organisation) -> None:
    make_definition(DRILL + FORM)
    incident = begin_incident(harbour, severity=4)
    with pytest.raises(GuardRefused, match="only where severity < 4"):
        services.advance(incident, "raise", actor=SYSTEM, at=after(1), answers={"how_bad": 1})


def test_nobody_makes_by_hand_what_has_no_action() -> None:
    cast = make_cast()
    make_definition(DRILL + GATE)
    incident = begin_incident(cast.harbour)
    with pytest.raises(IllegalTransition, match="not made by hand"):
        services.advance(incident, "gate", actor=cast.actor("alice"), at=after(1))
    assert [each.name for each in queries.allowed(incident, cast.actor("alice"))] == ["start"]
