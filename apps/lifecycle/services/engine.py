"""Making moves that have been decided, any number of one noun in the same few statements.

Callers hold the rows' locks and have checked everything; a single move by hand and a thousand due timers take
the same path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import connection, transaction
from psycopg import sql

from apps.access.types import Actor
from apps.core import redis
from apps.core.constraints import broken_constraints
from apps.core.types import Conflict
from apps.events.rules import feature_object, instant
from apps.events.services import publish
from apps.events.types import Change, NewEvent
from apps.lifecycle.models import Effect, Stateful, Timer, Transition
from apps.lifecycle.registry import Lifecycle
from apps.lifecycle.rules import timer_fields, timers_in
from apps.lifecycle.types import Cause, Definition, Move

CREATED = "created"
TRANSITIONED = "transitioned"
EFFECTS_DOORBELL: Final = "effects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row and the move that it makes. ``effective_at`` is when it counts from: for a timer, when it was due."""

    row: Stateful
    move: Move
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Who makes the moves, why, and when."""

    actor: Actor
    at: datetime
    cause: Cause
    reason: str = ""


def make_moves(lifecycle: Lifecycle, steps: Sequence[Step], circumstances: Circumstances) -> None:
    """Move every row: state, stamps, history, timers, events. The rows in memory are brought up to date.

    Either all happen or none; a broken constraint raises what the noun says that it means.
    """
    before = [_Before.of(lifecycle, step.row) for step in steps]
    for step in steps:
        _move_in_memory(lifecycle.definitions[step.row.lifecycle_version], step, circumstances.at)
    _compare_and_set(lifecycle, [step.row for step in steps], before)
    history = [_history(lifecycle, step, was.state, circumstances) for step, was in zip(steps, before, strict=True)]
    Transition.objects.bulk_create(history)
    replace_timers(lifecycle, [step.row for step in steps])
    _owe_effects(lifecycle, steps, history, circumstances.at)
    publish(
        [
            NewEvent(
                type=lifecycle.event_type(TRANSITIONED),
                noun=lifecycle.noun,
                object_id=step.row.pk,
                organisation_id=lifecycle.feature(step.row).organisation_id,
                change=Change.TRANSITIONED,
                object=feature_object(lifecycle.feature(step.row)),
                previous=was.object,
                lifecycle=_lifecycle_data(row),
                occurred_at=step.effective_at,
            )
            for step, was, row in zip(steps, before, history, strict=True)
        ],
        actor=circumstances.actor,
        at=circumstances.at,
    )


def begin_rows(lifecycle: Lifecycle, rows: Sequence[Stateful], circumstances: Circumstances) -> None:
    """Insert new rows in the first state of the current definition, with history, timers and events."""
    definition = lifecycle.current
    first = definition.states[definition.initial]
    for row in rows:
        row.state = first.name
        row.state_since = circumstances.at
        row.lifecycle_version = definition.version
        if first.stamps:
            setattr(row, first.stamps, row.state_since)
    lifecycle.model._default_manager.bulk_create(rows)
    move = Move(name="begin", label="Begin", sources=(), target=first.name, action="")
    history = [
        _history(lifecycle, Step(row=row, move=move, effective_at=row.state_since), "", circumstances) for row in rows
    ]
    Transition.objects.bulk_create(history)
    replace_timers(lifecycle, rows)
    publish(
        [
            NewEvent(
                type=lifecycle.event_type(CREATED),
                noun=lifecycle.noun,
                object_id=row.pk,
                organisation_id=lifecycle.feature(row).organisation_id,
                change=Change.CREATED,
                object=feature_object(lifecycle.feature(row)),
                lifecycle=_lifecycle_data(entry),
            )
            for row, entry in zip(rows, history, strict=True)
        ],
        actor=circumstances.actor,
        at=circumstances.at,
    )


def replace_timers(lifecycle: Lifecycle, rows: Sequence[Stateful]) -> None:
    """Make the timers of the rows what their states and fields say, forgetting those they had."""
    Timer.objects.filter(noun=lifecycle.noun, object_id__in=[row.pk for row in rows]).delete()
    timers = [
        Timer(noun=lifecycle.noun, object_id=row.pk, transition=transition, due_at=due_at)
        for row in rows
        for transition, due_at in _timers_of(lifecycle.definitions[row.lifecycle_version], row).items()
    ]
    if timers:
        Timer.objects.bulk_create(timers)


def _owe_effects(lifecycle: Lifecycle, steps: Sequence[Step], history: Sequence[Transition], at: datetime) -> None:
    """Write down what is to be done once the moves are committed, and ring for somebody who does it."""
    effects = [
        Effect(
            kind=effect.kind,
            params=dict(effect.params),
            noun=lifecycle.noun,
            object_id=step.row.pk,
            object=feature_object(lifecycle.feature(step.row)),
            transition=entry.name,
            from_state=entry.from_state,
            to_state=entry.to_state,
            reason=entry.reason,
            effective_at=entry.effective_at,
            due_at=at,
        )
        for step, entry in zip(steps, history, strict=True)
        for effect in step.move.effects
    ]
    if effects:
        Effect.objects.bulk_create(effects)
        transaction.on_commit(partial(redis.ring, EFFECTS_DOORBELL), robust=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What a row was before its move: what the update compares with, and what the event tells."""

    state: str
    version: int
    object: Mapping[str, object]

    @classmethod
    def of(cls, lifecycle: Lifecycle, row: Stateful) -> _Before:
        return cls(state=row.state, version=row.version, object=feature_object(lifecycle.feature(row)))


def _timers_of(definition: Definition, row: Stateful) -> dict[str, datetime]:
    fields = {name: getattr(row, name) for name in timer_fields(definition)}
    return timers_in(definition, row.state, row.state_since, fields)


def _move_in_memory(definition: Definition, step: Step, at: datetime) -> None:
    row = step.row
    row.state = step.move.target
    row.state_since = step.effective_at
    row.mark_changed(at)
    for name in step.move.clears:
        setattr(row, name, None)
    if stamps := definition.states[step.move.target].stamps:
        setattr(row, stamps, step.effective_at)


def _compare_and_set(lifecycle: Lifecycle, rows: Sequence[Stateful], before: Sequence[_Before]) -> None:
    """Write the rows, each only if it still is what it was: the lock should see to that, this proves it."""
    stamps = lifecycle.stamps
    columns = ("state", "state_since", "version", "changed_at", *stamps)
    types = ("uuid", "text", "int", "text", "timestamptz", "int", "timestamptz", *["timestamptz"] * len(stamps))
    values: list[Any] = [
        [row.pk for row in rows],
        [was.state for was in before],
        [was.version for was in before],
        *[[getattr(row, column) for row in rows] for column in columns],
    ]
    statement = _UPDATE.format(
        table=sql.Identifier(lifecycle.model._meta.db_table),
        changes=sql.SQL(", ").join(sql.SQL("{0} = new.{0}").format(sql.Identifier(name)) for name in columns),
        arrays=sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(each)) for each in types),
        names=sql.SQL(", ").join(map(sql.Identifier, ("id", "was_state", "was_version", *columns))),
    )
    with broken_constraints(lifecycle.conflicts), connection.cursor() as cursor:
        cursor.execute(statement.as_string(None), values)
        if cursor.rowcount != len(rows):
            raise Conflict("It was changed by somebody else just now.", code="changed_meanwhile")


_UPDATE = sql.SQL(
    "UPDATE {table} AS row SET {changes} FROM unnest({arrays}) AS new ({names}) "
    "WHERE row.id = new.id AND row.state = new.was_state AND row.version = new.was_version"
)


def _history(lifecycle: Lifecycle, step: Step, was: str, circumstances: Circumstances) -> Transition:
    return Transition(
        noun=lifecycle.noun,
        object_id=step.row.pk,
        name=step.move.name,
        from_state=was,
        to_state=step.move.target,
        cause=circumstances.cause,
        actor_id=circumstances.actor.user_id,
        actor_label=circumstances.actor.label[:200],
        reason=circumstances.reason,
        effective_at=step.effective_at,
    )


def _lifecycle_data(row: Transition) -> dict[str, object]:
    return {
        "transition": row.name,
        "from": row.from_state or None,
        "to": row.to_state,
        "cause": row.cause,
        "reason": row.reason,
        "effective_at": instant(row.effective_at),
    }
