"""Every state with every transition: the legal cells lead where the definition says, the others change nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.events.models import Event
from apps.lifecycle import registry, services
from apps.lifecycle.models import Timer, Transition
from apps.lifecycle.types import IllegalTransition
from apps.operations.models import Occupancy, Operation
from apps.operations.services import update_operation
from tests.factories.operations import make_operation, make_operation_kind, volume

pytestmark = pytest.mark.django_db

# Written out, not computed: what the definition says must be what was meant.
LEADS_TO = {
    ("draft", "submit"): "submitted",
    ("draft", "cancel"): "cancelled",
    ("draft", "expire"): "expired",
    ("submitted", "review"): "in_review",
    ("submitted", "approve"): "approved",
    ("submitted", "reject"): "rejected",
    ("submitted", "withdraw"): "draft",
    ("submitted", "cancel"): "cancelled",
    ("submitted", "expire"): "expired",
    ("in_review", "approve"): "approved",
    ("in_review", "reject"): "rejected",
    ("in_review", "withdraw"): "draft",
    ("in_review", "cancel"): "cancelled",
    ("in_review", "expire"): "expired",
    ("approved", "review"): "in_review",
    ("approved", "withdraw"): "draft",
    ("approved", "activate"): "active",
    ("approved", "cancel"): "cancelled",
    ("active", "deviate"): "nonconforming",
    ("active", "declare"): "contingent",
    ("active", "end"): "ended",
    ("nonconforming", "recover"): "active",
    ("nonconforming", "declare"): "contingent",
    ("nonconforming", "end"): "ended",
    ("contingent", "recover"): "active",
    ("contingent", "end"): "ended",
    ("rejected", "withdraw"): "draft",
}
# The shortest way to each state.
WAYS = {
    "draft": (),
    "submitted": ("submit",),
    "in_review": ("submit", "review"),
    "approved": ("submit", "approve"),
    "active": ("submit", "approve", "activate"),
    "nonconforming": ("submit", "approve", "activate", "deviate"),
    "contingent": ("submit", "approve", "activate", "declare"),
    "ended": ("submit", "approve", "activate", "end"),
    "cancelled": ("cancel",),
    "rejected": ("submit", "reject"),
    "expired": ("expire",),
}
# The columns that an operation in each state must have; the others are empty.
STAMPED = {
    "draft": set(),
    "submitted": {"submitted_at"},
    "in_review": {"submitted_at"},
    **{state: {"submitted_at", "approved_at"} for state in ("approved", "active", "nonconforming", "contingent")},
    "ended": {"submitted_at", "approved_at", "closed_at"},
    "cancelled": {"closed_at"},
    "rejected": {"submitted_at", "closed_at"},
    "expired": {"closed_at"},
}
HOLDS = ("submitted", "in_review", "approved", "active", "nonconforming", "contingent")
STAMPS = ("submitted_at", "approved_at", "closed_at")
CURRENT = next(definition for definition, _ in registry.shipped() if definition.key == "operation")
GRID = [(state, move) for state in CURRENT.states for move in CURRENT.moves]


def in_state(state: str) -> Operation:
    """Return an operation that was brought to a state."""
    operation = make_operation(kind=make_operation_kind(contingent_after=timedelta(minutes=2)))
    for move in WAYS[state]:
        operation = services.advance(operation, move, actor=SYSTEM, at=now())
    return operation


def rows(operation: Operation) -> tuple[object, ...]:
    return (
        Operation.objects.values().get(pk=operation.pk),
        list(Transition.objects.filter(object_id=operation.pk).values()),
        list(Timer.objects.filter(object_id=operation.pk).values()),
        list(Event.objects.filter(object_id=operation.pk).values()),
        list(Occupancy.objects.filter(operation=operation.pk).values()),
    )


def stamped(operation: Operation) -> set[str]:
    return {name for name in STAMPS if getattr(operation, name) is not None}


def test_the_grid_is_whole() -> None:
    assert set(CURRENT.states) == set(WAYS) == set(STAMPED)
    assert set(LEADS_TO) <= set(GRID)


@pytest.mark.parametrize("state", CURRENT.states)
def test_every_transition_from_a_state(state: str) -> None:
    operation = in_state(state)
    assert (operation.state, stamped(operation)) == (state, STAMPED[state])
    for move in CURRENT.moves:
        before = rows(operation)
        with transaction.atomic():
            if (state, move) in LEADS_TO:
                moved = services.advance(operation, move, actor=SYSTEM, at=now())
                assert (move, moved.state) == (move, LEADS_TO[state, move])
                held = Occupancy.objects.filter(operation=operation, holds=True).exists()
                assert held is (moved.state in HOLDS)
                assert moved.closed_at is None or moved.state_category == "done"
            else:
                with pytest.raises(IllegalTransition):
                    services.advance(operation, move, actor=SYSTEM, at=now())
            transaction.set_rollback(True)
        assert rows(operation) == before


def test_the_clock_begins_and_ends_it() -> None:
    operation = in_state("approved")
    owed = {each.transition: each.due_at for each in Timer.objects.filter(object_id=operation.pk)}
    assert owed == {"activate": operation.starts_at}
    services.advance_due(list(Timer.objects.values_list("pk", flat=True)), at=operation.starts_at)
    operation.refresh_from_db()
    assert (operation.state, operation.state_since) == ("active", operation.starts_at)
    services.advance_due(list(Timer.objects.values_list("pk", flat=True)), at=operation.ends_at)
    operation.refresh_from_db()
    assert (operation.state, operation.closed_at) == ("ended", operation.ends_at)


@pytest.mark.parametrize(
    ("state", "owed"),
    [
        ("draft", {"expire"}),
        ("submitted", {"expire"}),
        ("in_review", {"expire"}),
        ("active", {"end"}),
        ("nonconforming", {"end", "declare"}),
        # Whoever is unaccounted for is not over because the time is: somebody says so.
        ("contingent", set()),
        ("cancelled", set()),
    ],
)
def test_what_the_clock_does_in_each_state(state: str, owed: set[str]) -> None:
    timers = Timer.objects.filter(object_id=in_state(state).pk)
    assert set(timers.values_list("transition", flat=True)) == owed


def test_what_stays_out_of_conformance_becomes_contingent_by_the_clock() -> None:
    operation = in_state("nonconforming")
    due = Timer.objects.get(object_id=operation.pk, transition="declare").due_at
    assert due == operation.state_since + timedelta(minutes=2)


def test_a_change_of_its_times_moves_its_timers() -> None:
    operation = in_state("approved")
    later = volume(starts_at=operation.starts_at + timedelta(hours=5))
    moved = update_operation(operation.pk, volumes=[later], actor=SYSTEM, at=now())
    assert moved.starts_at == later.starts_at
    assert Timer.objects.get(object_id=operation.pk, transition="activate").due_at == later.starts_at
