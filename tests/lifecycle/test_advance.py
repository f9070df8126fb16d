"""Moving by hand: the row, its history, its timers and its event change together, or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.access.types import SYSTEM, Actor
from apps.core.types import Conflict, Invalid, NotAllowed, NotFound, VersionConflict
from apps.events.models import Event
from apps.incidents.models import Incident
from apps.lifecycle import queries, services
from apps.lifecycle.models import Timer, Transition
from apps.lifecycle.types import IllegalTransition
from tests.factories.access import Cast, assign, make_cast
from tests.factories.core import NOON, after
from tests.factories.incidents import make_incident

pytestmark = pytest.mark.django_db
PATIENCE = timedelta(minutes=5)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return cast.actor("alice")


def history(incident: Incident) -> list[tuple[str, ...]]:
    return [(row.name, row.from_state, row.to_state, row.cause) for row in queries.history(incident)]


def owed(incident: Incident) -> dict[str, Any]:
    return {timer.transition: timer.due_at for timer in queries.timers(incident)}


def everything() -> tuple[object, ...]:
    """Return all that a refused move must leave as it was."""
    return (
        list(Incident.objects.order_by("id").values()),
        list(Transition.objects.order_by("id").values()),
        list(Timer.objects.order_by("id").values()),
        list(Event.objects.order_by("seq").values()),
    )


def test_what_begins_is_in_the_first_state_of_the_current_definition(cast: Cast) -> None:
    incident = make_incident(cast.harbour, escalate_after=PATIENCE)
    incident.refresh_from_db()
    assert (incident.state, incident.state_since, incident.lifecycle_version, incident.version) == ("open", NOON, 1, 1)
    assert history(incident) == [("begin", "", "open", "hand")]
    assert owed(incident) == {"escalate": NOON + PATIENCE}
    [event] = Event.objects.all()
    assert (event.type, event.data["change"]) == ("watchfloor.incident.created.v1", "created")
    assert event.data["object"]["properties"]["state"] == "open"


def test_a_move_changes_row_history_timers_and_log_together(cast: Cast, alice: Actor) -> None:
    incident = make_incident(cast.harbour, escalate_after=PATIENCE)
    moved = services.advance(incident, "acknowledge", actor=alice, at=after(30), reason=" on my way ")
    assert incident.state == "open"  # what was passed in stays as it was
    kept = Incident.objects.get(pk=incident.pk)
    for row in (moved, kept):
        assert (row.state, row.state_since, row.acknowledged_at) == ("acknowledged", after(30), after(30))
        assert (row.version, row.changed_at) == (2, after(30))
    [_, step] = queries.history(incident)
    assert (step.name, step.from_state, step.to_state, step.reason, step.actor_label, step.effective_at) == (
        "acknowledge", "open", "acknowledged", "on my way", "alice", after(30),
    )  # fmt: skip
    assert owed(incident) == {}
    event = Event.objects.latest("seq")
    assert event.type == "watchfloor.incident.transitioned.v1"
    assert event.data["lifecycle"] == {
        "transition": "acknowledge",
        "from": "open",
        "to": "acknowledged",
        "cause": "hand",
        "reason": "on my way",
        "effective_at": "2026-06-30T12:00:30Z",
    }
    assert event.data["previous"]["properties"]["state"] == "open"
    assert event.data["object"]["properties"]["state"] == "acknowledged"
    assert (event.actor_id, event.occurred_at) == (cast.alice.pk, after(30))


def test_a_move_from_another_state_is_refused_and_says_what_is_possible(cast: Cast, alice: Actor) -> None:
    incident = make_incident(cast.harbour)
    before = everything()
    with pytest.raises(IllegalTransition) as refusal:
        services.advance(incident, "close", actor=alice, at=NOON)
    assert refusal.value.details == {"allowed": ["acknowledge", "escalate", "resolve"]}
    assert refusal.value.message == "It is open; «Close» is not possible from there."
    assert everything() == before


def test_a_move_that_nobody_defined_is_refused(cast: Cast, alice: Actor) -> None:
    with pytest.raises(Invalid) as refusal:
        services.advance(make_incident(cast.harbour), "explode", actor=alice, at=NOON)
    assert (refusal.value.code, refusal.value.errors[0].pointer) == ("unknown_transition", "/transition")


def test_who_may_only_look_may_not_move_and_a_stranger_finds_nothing(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    before = everything()
    with pytest.raises(NotAllowed):
        services.advance(incident, "acknowledge", actor=cast.actor("bob"), at=NOON)
    with pytest.raises(NotFound):
        services.advance(incident, "acknowledge", actor=cast.actor("charlie"), at=NOON)
    assert everything() == before


def test_the_right_to_one_move_is_not_the_right_to_another(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    assign(cast.bob, ["incidents.acknowledge"], cast.harbour)
    assert [each.name for each in queries.allowed(incident, cast.actor("bob"))] == ["acknowledge"]
    moved = services.advance(incident, "acknowledge", actor=cast.actor("bob"), at=NOON)
    assert queries.allowed(moved, cast.actor("bob")) == []
    with pytest.raises(NotAllowed):
        services.advance(moved, "resolve", actor=cast.actor("bob"), at=NOON)


def test_a_version_that_was_read_before_somebody_elses_change_is_refused(cast: Cast, alice: Actor) -> None:
    incident = make_incident(cast.harbour)
    services.advance(incident, "acknowledge", actor=alice, at=NOON, expected_version=1)
    before = everything()
    with pytest.raises(VersionConflict):
        services.advance(incident, "resolve", actor=alice, at=NOON, expected_version=1)
    assert everything() == before


def test_the_row_decides_not_what_the_caller_holds(cast: Cast, alice: Actor) -> None:
    stale = make_incident(cast.harbour)
    services.advance(stale, "resolve", actor=alice, at=NOON)
    with pytest.raises(IllegalTransition, match="It is resolved"):
        services.advance(stale, "acknowledge", actor=alice, at=NOON)


def test_what_is_gone_cannot_move(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    Incident.objects.filter(pk=incident.pk).delete()
    with pytest.raises(NotFound):
        services.advance(incident, "acknowledge", actor=SYSTEM, at=NOON)


@pytest.mark.parametrize("reason", ["", "   ", "\x00"])
def test_a_move_that_needs_a_reason_is_refused_without_one(cast: Cast, alice: Actor, reason: str) -> None:
    incident = make_incident(cast.harbour, state="resolved")
    with pytest.raises(Invalid) as refusal:
        services.advance(incident, "reopen", actor=alice, at=NOON, reason=reason)
    assert [error.pointer for error in refusal.value.errors] == ["/reason"]


def test_a_reason_has_an_end(cast: Cast, alice: Actor) -> None:
    with pytest.raises(Invalid):
        services.advance(make_incident(cast.harbour), "resolve", actor=alice, at=NOON, reason="x" * 2001)


def test_a_move_clears_what_its_definition_says(cast: Cast, alice: Actor) -> None:
    incident = make_incident(cast.harbour, state="closed", escalate_after=PATIENCE)
    reopened = services.advance(incident, "reopen", actor=alice, at=after(60), reason="It is back.")
    kept = Incident.objects.get(pk=reopened.pk)
    assert (kept.state, kept.resolved_at, kept.closed_at) == ("reopened", None, None)
    assert owed(incident) == {"escalate": after(60) + PATIENCE}


def test_time_does_not_run_backwards_within_an_object(cast: Cast, alice: Actor) -> None:
    incident = make_incident(cast.harbour, at=after(60))
    moved = services.advance(incident, "resolve", actor=alice, at=NOON)
    assert moved.state_since == after(60)


def test_what_is_allowed_says_where_it_leads(cast: Cast, alice: Actor) -> None:
    incident = make_incident(cast.harbour, state="resolved")
    assert [
        (each.name, each.label, each.target, each.target_label, each.tone, each.needs_reason)
        for each in queries.allowed(incident, alice)
    ] == [
        ("close", "Close", "closed", "Closed", "done", False),
        ("reopen", "Reopen", "reopened", "Reopened", "alert", True),
    ]
    assert queries.allowed(incident, cast.actor("bob")) == []


def test_the_database_refuses_a_state_without_its_companions(cast: Cast) -> None:
    incident = make_incident(cast.harbour)
    for state in ("acknowledged", "escalated", "resolved", "closed", "lost"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Incident.objects.filter(pk=incident.pk).update(state=state)
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(resolved_at=NOON)


def test_a_lost_update_is_noticed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock makes it impossible; the compare-and-set proves it, should the lock ever be forgotten."""
    incident = make_incident(cast.harbour)
    stale = Incident.objects.get(pk=incident.pk)
    services.advance(incident, "acknowledge", actor=SYSTEM, at=NOON)
    before = everything()
    monkeypatch.setattr("apps.lifecycle.services.moves.lock_row", lambda lifecycle, row: stale)
    with pytest.raises(Conflict) as refusal, transaction.atomic():
        services.advance(incident, "resolve", actor=SYSTEM, at=NOON)
    assert refusal.value.code == "changed_meanwhile"
    assert everything() == before


def test_new_timers_follow_a_changed_field(cast: Cast) -> None:
    incident = make_incident(cast.harbour, escalate_after=PATIENCE)
    incident.escalate_after = timedelta(minutes=9)
    services.plan_timers(incident)
    assert owed(incident) == {"escalate": after(minutes=9)}
    incident.escalate_after = None
    services.plan_timers(incident)
    assert owed(incident) == {}
