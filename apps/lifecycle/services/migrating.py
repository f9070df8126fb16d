"""Bringing running objects to another version: by a plan that says where each state leads, tried dry first.

Each batch is a transaction of its own, and what was brought over is no longer found by the next: an interrupted
migration goes on where it stopped. A move to the new version stands in the history with a cause of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet

from apps.access.queries import authorize_in, hidden_fields, visible
from apps.access.types import Actor
from apps.access.veils import STATE
from apps.core.sweep import work_through
from apps.core.types import FieldError, Invalid, NotAllowed
from apps.lifecycle.models import DefinitionVersion, Stateful, Timer
from apps.lifecycle.registry import Lifecycle, find_definition, lifecycle
from apps.lifecycle.services.engine import Step, insert_timers, make_moves
from apps.lifecycle.services.timers import lock_rows
from apps.lifecycle.types import Cause, Definition, Move, Status, TimersThen

BATCH: Final = 500
MIGRATE: Final = "migrate"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """From which version of a key to which, and where each state leads; a state of the same name leads to itself.

    ``timers`` says what becomes of those that run: computed afresh by the new version from when the state was entered
    (``restart`` counts from now instead), or ``keep`` as they are where the new version has the transition.
    """

    key: str
    from_version: int
    to_version: int
    states: Mapping[str, str] = field(default_factory=dict)
    timers: TimersThen = TimersThen.RECOMPUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What a plan does: objects by state that lead somewhere, and by state those that do not, with the reason."""

    maps: int
    by_state: Mapping[str, int]
    refused: Mapping[str, tuple[int, str]]

    @property
    def left(self) -> int:
        """Return how many objects lead nowhere."""
        return sum(count for count, _ in self.refused.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """How many objects were brought over, why others were not, by id, and how many that the plan maps are left."""

    moved: int
    failed: Mapping[UUID, str]
    left: int


def try_migration(plan: MigrationPlan, *, actor: Actor) -> Mapped:
    """Return what a plan would do with the objects that the actor may change, doing nothing.

    Raises ``Invalid`` for a plan that makes no sense, ``NotAllowed`` also where a policy hides states from the actor.
    """
    authorize_in(actor, "lifecycles.migrate", None)
    old, new = _versions(plan)
    require_may_migrate(old.noun, actor)
    counted: dict[str, int] = dict(
        _following(old, actor).order_by().values_list("state").annotate(n=Count("*")).values_list("state", "n")
    )
    lost = {state: (n, _why(plan, state)) for state, n in counted.items() if _target(plan, new, state) is None}
    by_state = {state: n for state, n in counted.items() if state not in lost}
    return Mapped(maps=sum(by_state.values()), by_state=by_state, refused=lost)


def migrate(plan: MigrationPlan, *, actor: Actor, at: datetime, most: int | None = None) -> Migrated:
    """Bring over every object that the plan maps and the actor may change, in batches; the others stay.

    Safe to run again. Raises as ``try_migration`` does.
    After ``most`` objects no further batch is begun: whoever wants to tell of progress calls again.
    """
    authorize_in(actor, "lifecycles.migrate", None)
    old, new = _versions(plan)
    require_may_migrate(old.noun, actor)
    failed: dict[UUID, str] = {}
    moved = 0
    mapped = [state for state in old.states if _target(plan, new, state) is not None]
    while (most is None or moved < most) and (ids := _next_ids(old, mapped, failed, actor)):
        moved += work_through(
            ids,
            work=partial(_move_batch, plan, old, new, actor=actor, at=at),
            blame=lambda object_id, error: failed.update({object_id: f"{type(error).__name__}: {error}"}),
        )
    return Migrated(moved=moved, failed=failed, left=_following(old, actor).filter(state__in=mapped).count())


def require_may_migrate(noun: str, actor: Actor) -> None:
    """Raise ``NotAllowed`` unless the actor may migrate, and sees in which state objects of the noun are."""
    authorize_in(actor, "lifecycles.migrate", None)
    if STATE in hidden_fields(actor, noun):
        raise NotAllowed("You may not see in which state these are.", details={"action": "lifecycles.migrate"})


def _next_ids(old: Definition, states: list[str], failed: Mapping[UUID, str], actor: Actor) -> list[UUID]:
    rows = _following(old, actor).filter(state__in=states).exclude(pk__in=list(failed)).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _move_batch(plan: MigrationPlan, old: Definition, new: Definition, ids: Any, *, actor: Actor, at: datetime) -> int:
    noun = lifecycle(old.noun)
    rows = [row for row in lock_rows(noun, ids).values() if _is_at(row, old)]
    steps = [step for row in rows if (step := _step(plan, new, row, at)) is not None]
    kept = _kept_timers(noun, rows) if plan.timers is TimersThen.KEEP else {}
    for step in steps:
        step.row.lifecycle_version = new.version
    if steps:
        make_moves(noun, steps, actor=actor, at=at)
        _put_back(noun, new, steps, kept)
    return len(steps)


def _step(plan: MigrationPlan, new: Definition, row: Stateful, at: datetime) -> Step | None:
    """Return the step to the new version; it counts from when the old state was entered, unless clocks begin anew."""
    target = _target(plan, new, row.state)
    if target is None:
        return None
    effective_at = at if plan.timers is TimersThen.RESTART else row.state_since
    move = Move(name=MIGRATE, label="Migrate", sources=(row.state,), target=target)
    reason = f"{plan.key} {plan.from_version} to {plan.to_version}"
    return Step(row=row, move=move, effective_at=effective_at, cause=Cause.MIGRATION, reason=reason)


def _kept_timers(noun: Lifecycle, rows: list[Stateful]) -> dict[UUID, list[Timer]]:
    kept: dict[UUID, list[Timer]] = {}
    for timer in Timer.objects.filter(noun=noun.noun, object_id__in=[row.pk for row in rows]):
        kept.setdefault(timer.object_id, []).append(timer)
    return kept


def _put_back(noun: Lifecycle, new: Definition, steps: list[Step], kept: Mapping[UUID, list[Timer]]) -> None:
    """Let timers run on that the new version has in the new state, as they were due."""
    again = [
        (step.row.pk, timer.transition, timer.due_at)
        for step in steps
        for timer in kept.get(step.row.pk, ())
        if (move := new.moves.get(timer.transition)) and move.timer and step.row.state in move.timer.states
    ]
    for object_id, transition, _ in again:
        Timer.objects.filter(noun=noun.noun, object_id=object_id, transition=transition).delete()
    insert_timers(noun.noun, again)


def _versions(plan: MigrationPlan) -> tuple[Definition, Definition]:
    old, new = find_definition(plan.key, plan.from_version), find_definition(plan.key, plan.to_version)
    errors = [
        FieldError(pointer=f"/{name}", code="unknown_version", detail=f"There is no version {number} of «{plan.key}».")
        for name, number, found in (("from_version", plan.from_version, old), ("to_version", plan.to_version, new))
        if found is None
    ]
    if old is None or new is None:
        raise Invalid("This plan makes no sense.", errors=errors)
    published = DefinitionVersion.objects.filter(key=plan.key, number=new.version, status=Status.PUBLISHED)
    if plan.to_version == plan.from_version or not published.exists():
        errors.append(FieldError(pointer="/to_version", code="same", detail="It leads to another published version."))
    for name, target in plan.states.items():
        errors += _state_errors(old, new, name, target)
    if errors:
        raise Invalid("This plan makes no sense.", errors=errors)
    return old, new


def _state_errors(old: Definition, new: Definition, name: str, target: str) -> list[FieldError]:
    found = []
    if name not in old.states:
        detail = f"Version {old.version} has no state «{name}»."
        found.append(FieldError(pointer=f"/states/{name}", code="unknown_state", detail=detail))
    if target not in new.states:
        detail = f"Version {new.version} has no state «{target}»."
        found.append(FieldError(pointer=f"/states/{name}", code="unknown_state", detail=detail))
    return found


def _target(plan: MigrationPlan, new: Definition, state: str) -> str | None:
    target = plan.states.get(state, state)
    return target if target in new.states else None


def _why(plan: MigrationPlan, state: str) -> str:
    return f"Version {plan.to_version} has no state «{state}», and the plan does not say where it leads."


def _following(definition: Definition, actor: Actor) -> QuerySet[Any]:
    """Return the objects of a version that the actor may change."""
    rows: QuerySet[Any] = visible(
        lifecycle(definition.noun).model._default_manager.all(), actor, f"{definition.noun}.change"
    )
    return rows.filter(lifecycle_key=definition.key, lifecycle_version=definition.version)


def _is_at(row: Stateful, definition: Definition) -> bool:
    return (row.lifecycle_key, row.lifecycle_version) == (definition.key, definition.version)
