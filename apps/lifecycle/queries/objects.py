"""Reading lifecycles: what may happen to an object now, what has happened to it, and what the clock owes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet

from apps.access.queries import allowed_actions, hidden_fields, parts_of, visible
from apps.access.types import Actor
from apps.access.veils import STATE
from apps.lifecycle.models import DefinitionVersion, Effect, MigrationRun, Stateful, Timer, Transition
from apps.lifecycle.registry import Lifecycle, definition_of, find_lifecycle, followed, lifecycle_of, predicate
from apps.lifecycle.rules.moving import moves_from
from apps.lifecycle.types import AllowedTransition, Definition, EffectStatus, Move, State


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerLag:
    """How many timers are overdue and by how much the oldest is, and how many have failed and rest."""

    overdue: int
    oldest: timedelta
    failing: int


def allowed(row: Stateful, actor: Actor) -> list[AllowedTransition]:
    """Return the transitions that the actor may make now, in the definition's order: state, action and guard agree."""
    if not row.lifecycle_key:
        return []
    definition, lifecycle = definition_of(row), lifecycle_of(row)
    actions = allowed_actions(actor, row)
    return [
        _allowed(definition, move)
        for move in moves_from(definition, row.state)
        if move.action in actions and refusal_of(lifecycle, row, move) is None
    ]


def refusal_of(lifecycle: Lifecycle, row: Stateful, move: Move) -> str | None:
    """Return what stands against a move, whoever or whatever would make it; ``None`` when nothing does."""
    refusal = lifecycle.guards[move.guard](row) if move.guard else None
    if refusal is not None:
        return refusal
    if move.requires is not None and predicate(lifecycle.noun, move.requires)(lifecycle.feature(row)) is not True:
        return f"«{move.label}» is possible only where {move.requires}."
    return None


def history(row: Stateful) -> QuerySet[Transition]:
    """Return what has happened to the object, oldest first."""
    return history_of(lifecycle_of(row).noun, row.pk)


def visible_history(row: Stateful, actor: Actor) -> QuerySet[Transition]:
    """Return what the actor, who sees the object, may see of what has happened to it, oldest first."""
    action = f"{lifecycle_of(row).noun}.view"
    return parts_of(history(row), row, actor, action, instant="effective_at")


def visible_answers(row: Stateful, actor: Actor) -> bool:
    """Say whether the actor may see what was answered to forms: only where nothing of such an object may be hidden."""
    return not hidden_fields(actor, lifecycle_of(row).noun)


def history_of(noun: str, object_id: UUID) -> QuerySet[Transition]:
    """Return what has happened to an object that may be gone by now, oldest first."""
    return Transition.objects.filter(noun=noun, object_id=object_id).order_by("id")


def timers(row: Stateful) -> QuerySet[Timer]:
    """Return what the clock owes the object, the earliest first."""
    return Timer.objects.filter(noun=lifecycle_of(row).noun, object_id=row.pk).order_by("due_at", "id")


def given_up(row: Stateful) -> int:
    """Return how many effects of the object's moves have failed for good."""
    return Effect.objects.filter(noun=lifecycle_of(row).noun, object_id=row.pk, status=EffectStatus.DEAD).count()


def state_of(row: Stateful) -> State | None:
    """Return the state that the object is in, with its label and tone; ``None`` for one that follows no lifecycle."""
    return definition_of(row).states[row.state] if row.lifecycle_key else None


def states_of(noun: str) -> dict[str, State]:
    """Return the states that objects of a noun may be in, by name; where two definitions share one, the latest's."""
    return {name: state for each in followed() if each.noun == noun for name, state in each.states.items()}


def counts_by_state(definition: DefinitionVersion, actor: Actor) -> dict[str, int]:
    """Return how many objects that the actor may see, states and all, follow a version, by state.

    Nothing where a policy may hide the state of any of them.
    """
    found = find_lifecycle(definition.noun)
    if found is None or STATE in hidden_fields(actor, definition.noun):
        return {}
    rows = visible(found.model._default_manager.all(), actor, f"{definition.noun}.view")
    rows = rows.filter(lifecycle_key=definition.key, lifecycle_version=definition.number)
    return dict(rows.order_by().values_list("state").annotate(n=Count("*")).values_list("state", "n"))


def latest_run(key: str, from_version: int | None, actor: Actor) -> MigrationRun | None:
    """Return the actor's own latest migration of these objects in the background, whether it goes on or has ended."""
    rows = MigrationRun.objects.filter(key=key, from_version=from_version)
    return rows.filter(asked_by_id=actor.user_id).first() if actor.user_id else None


def timer_lag(at: datetime) -> TimerLag:
    """Return how far the clock is behind."""
    # In two halves, since each has a partial index of its own.
    due = Q(due_at__lte=at, claimed_until__isnull=True) | Q(due_at__lte=at, claimed_until__isnull=False)
    overdue = Timer.objects.filter(due).aggregate(count=Count("*"), oldest=Min("due_at"))
    return TimerLag(
        overdue=overdue["count"],
        oldest=at - overdue["oldest"] if overdue["oldest"] else timedelta(0),
        failing=Timer.objects.filter(claimed_until__isnull=False, attempts__gt=0).count(),
    )


def _allowed(definition: Definition, move: Move) -> AllowedTransition:
    target = definition.states[move.target]
    return AllowedTransition(
        name=move.name,
        label=move.label,
        target=target.name,
        target_label=target.label,
        tone=target.tone,
        needs_reason=move.needs_reason,
        form=move.form,
    )
