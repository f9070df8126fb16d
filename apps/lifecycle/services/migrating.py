"""Bringing running objects to another version, and objects that follow none into what their kind names by now.

By a plan that says where each state leads, tried dry first. Each batch is a transaction of its own, and what was
brought over is no longer found by the next: an interrupted migration goes on where it stopped. Each move stands in the
history with a cause of its own.
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
from apps.lifecycle.services.engine import BEGIN, Step, insert_timers, make_moves
from apps.lifecycle.services.timers import lock_all
from apps.lifecycle.types import Cause, Definition, Move, Status, TimersThen

BATCH: Final = 500
MIGRATE: Final = "migrate"
NO_STATE: Final = ""  # that of an object that follows no lifecycle


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """From which version of a key to which, and where each state leads; a state of the same name leads to itself.

    ``timers`` says what becomes of those that run: computed afresh by the new version from when the state was entered
    (``restart`` counts from now instead), or ``keep`` as they are where the new version has the transition.

    Without ``from_version`` it is about the objects that follow no lifecycle though their kind names this key for new
    ones: they begin in the first state, now.
    """

    key: str
    from_version: int | None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one batch did. ``reached`` is the last object that it looked at, ``None`` where there was none any more."""

    moved: int
    failed: Mapping[UUID, str]
    reached: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A plan with the definitions that it names, which make sense together."""

    plan: MigrationPlan
    old: Definition | None
    new: Definition

    @property
    def noun(self) -> Lifecycle:
        return lifecycle(self.new.noun)

    @property
    def mapped(self) -> list[str]:
        """Return the states from which it leads somewhere."""
        return [state for state in (self.old.states if self.old else (NO_STATE,)) if self.target(state) is not None]

    def target(self, state: str) -> str | None:
        """Return the state that one leads to; ``None`` where the plan does not say."""
        target = self.plan.states.get(state, state) if self.old else self.new.initial
        return target if target in self.new.states else None

    def concerned(self, actor: Actor) -> QuerySet[Any]:
        """Return the objects that it is about and that the actor may change."""
        rows: QuerySet[Any] = visible(self.noun.model._default_manager.all(), actor, f"{self.new.noun}.change")
        if self.old is not None:
            return rows.filter(lifecycle_key=self.old.key, lifecycle_version=self.old.version)
        return rows.filter(lifecycle_key="", **{f"{self.noun.chosen_by}": self.plan.key})

    def is_about(self, row: Stateful) -> bool:
        """Say whether a row still is where it leads from."""
        if self.old is None:
            return not row.lifecycle_key
        return (row.lifecycle_key, row.lifecycle_version) == (self.old.key, self.old.version)


def try_migration(plan: MigrationPlan, *, actor: Actor) -> Mapped:
    """Return what a plan would do with the objects that the actor may change, doing nothing.

    Raises ``Invalid`` for a plan that makes no sense, ``NotAllowed`` also where a policy hides states from the actor.
    """
    way = _authorised(plan, actor)
    rows = way.concerned(actor).order_by().values_list("state").annotate(n=Count("*"))
    counted: dict[str, int] = dict(rows.values_list("state", "n"))
    lost = {state: (n, _why(plan, state)) for state, n in counted.items() if way.target(state) is None}
    by_state = {state: n for state, n in counted.items() if state not in lost}
    return Mapped(maps=sum(by_state.values()), by_state=by_state, refused=lost)


def migrate(plan: MigrationPlan, *, actor: Actor, at: datetime, most: int | None = None) -> Migrated:
    """Bring over every object that the plan maps and the actor may change, in batches; the others stay.

    Safe to run again. Raises as ``try_migration`` does. After ``most`` objects no further batch is begun.
    """
    way = _authorised(plan, actor)
    failed: dict[UUID, str] = {}
    moved, after = 0, None
    while most is None or moved < most:
        part = migrate_part(plan, after=after, actor=actor, at=at)
        if part.reached is None:
            break
        moved, after = moved + part.moved, part.reached
        failed |= part.failed
    return Migrated(moved=moved, failed=failed, left=way.concerned(actor).filter(state__in=way.mapped).count())


def migrate_part(plan: MigrationPlan, *, after: UUID | None, actor: Actor, at: datetime) -> Part:
    """Bring over the next batch of objects, in the order of their ids; raises as ``try_migration`` does."""
    way = _authorised(plan, actor)
    rows = way.concerned(actor).filter(state__in=way.mapped).order_by("pk")
    rows = rows if after is None else rows.filter(pk__gt=after)
    ids = list(rows.values_list("pk", flat=True)[:BATCH])
    failed: dict[UUID, str] = {}
    moved = work_through(
        ids,
        work=partial(_move_batch, way, actor=actor, at=at),
        blame=lambda object_id, error: failed.update({object_id: f"{type(error).__name__}: {error}"}),
    )
    return Part(moved=moved, failed=failed, reached=ids[-1] if ids else None)


def require_may_migrate(noun: str, actor: Actor) -> None:
    """Raise ``NotAllowed`` unless the actor may migrate, and sees in which state objects of the noun are."""
    authorize_in(actor, "lifecycles.migrate", None)
    if STATE in hidden_fields(actor, noun):
        raise NotAllowed("You may not see in which state these are.", details={"action": "lifecycles.migrate"})


def _authorised(plan: MigrationPlan, actor: Actor) -> _Way:
    authorize_in(actor, "lifecycles.migrate", None)
    way = _read(plan)
    require_may_migrate(way.new.noun, actor)
    return way


@transaction.atomic
def _move_batch(way: _Way, ids: Any, *, actor: Actor, at: datetime) -> int:
    rows = [row for row in lock_all(way.noun, ids) if way.is_about(row)]
    steps = [step for row in rows if (step := _step(way, row, at)) is not None]
    kept = _kept_timers(way.noun, rows) if way.plan.timers is TimersThen.KEEP else {}
    for step in steps:
        step.row.lifecycle_key, step.row.lifecycle_version = way.new.key, way.new.version
    if steps:
        make_moves(way.noun, steps, actor=actor, at=at)
        _put_back(way.noun, way.new, steps, kept)
    return len(steps)


def _step(way: _Way, row: Stateful, at: datetime) -> Step | None:
    """Return the step to the new version; it counts from when the old state was entered, unless clocks begin anew."""
    target, plan = way.target(row.state), way.plan
    if target is None:
        return None
    name, label = (MIGRATE, "Migrate") if way.old else (BEGIN, "Begin")
    return Step(
        row=row,
        move=Move(name=name, label=label, sources=(row.state,), target=target),
        effective_at=row.state_since if way.old and plan.timers is not TimersThen.RESTART else at,
        cause=Cause.MIGRATION,
        reason=f"{plan.key} {plan.from_version} to {plan.to_version}" if way.old else "",
    )


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


def _read(plan: MigrationPlan) -> _Way:
    old = None if plan.from_version is None else find_definition(plan.key, plan.from_version)
    new = find_definition(plan.key, plan.to_version)
    errors = [
        FieldError(pointer=f"/{name}", code="unknown_version", detail=f"There is no version {number} of «{plan.key}».")
        for name, number, found in (("from_version", plan.from_version, old), ("to_version", plan.to_version, new))
        if found is None and number is not None
    ]
    if new is None or errors:
        raise Invalid("This plan makes no sense.", errors=errors)
    way = _Way(plan=plan, old=old, new=new)
    errors = [*_version_errors(way), *(error for pair in plan.states.items() for error in _state_errors(way, *pair))]
    if errors:
        raise Invalid("This plan makes no sense.", errors=errors)
    return way


def _version_errors(way: _Way) -> list[FieldError]:
    found = []
    published = DefinitionVersion.objects.filter(key=way.new.key, number=way.new.version, status=Status.PUBLISHED)
    if way.old == way.new or not published.exists():
        found.append(FieldError(pointer="/to_version", code="same", detail="It leads to another published version."))
    if way.old is None and way.noun.chosen_by is None:
        detail = f"All {way.new.noun} follow a lifecycle; none can be brought into one."
        found.append(FieldError(pointer="/from_version", code="always_follow", detail=detail))
    return found


def _state_errors(way: _Way, name: str, target: str) -> list[FieldError]:
    found = []
    if way.old is None or name not in way.old.states:
        detail = f"Version {way.plan.from_version} has no state «{name}»."
        found.append(FieldError(pointer=f"/states/{name}", code="unknown_state", detail=detail))
    if target not in way.new.states:
        detail = f"Version {way.new.version} has no state «{target}»."
        found.append(FieldError(pointer=f"/states/{name}", code="unknown_state", detail=detail))
    return found


def _why(plan: MigrationPlan, state: str) -> str:
    return f"Version {plan.to_version} has no state «{state}», and the plan does not say where it leads."
