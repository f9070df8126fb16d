"""Making moves that have been decided, any number of one noun in the same few statements.

Callers hold the rows' locks and have checked everything; a single move by hand and a thousand due timers take
the same path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

import orjson
from django.db import connection, transaction
from psycopg import sql

from apps.access.types import Actor
from apps.core import redis
from apps.core.constraints import broken_constraints
from apps.core.ids import new_id
from apps.core.types import Conflict, Feature
from apps.events.rules import changed, feature_object, instant
from apps.events.services import publish
from apps.events.types import Change, NewEvent
from apps.lifecycle.models import Stateful, Timer
from apps.lifecycle.registry import Lifecycle, definition_of
from apps.lifecycle.rules.moving import timer_fields, timers_in
from apps.lifecycle.types import Cause, Definition, Move

CREATED: Final = "created"
TRANSITIONED: Final = "transitioned"
EFFECTS_DOORBELL: Final = "effects"
BEGIN: Final = "begin"

# One JSON text for all, as the log writes its events: ten times faster than arrays of texts.
_INSERT_HISTORY = """
INSERT INTO lifecycle_transition
    (id, noun, object_id, name, from_state, to_state, cause, actor_id, actor_label, reason, answers, effective_at)
SELECT id, %s, object_id, name, from_state, to_state, cause, %s, %s, reason, answers, effective_at
FROM jsonb_to_recordset(%s::jsonb) AS new (
    id uuid, object_id uuid, name text, from_state text, to_state text, cause text, reason text, answers jsonb,
    effective_at timestamptz
)
"""
_INSERT_TIMERS = """
INSERT INTO lifecycle_timer (id, noun, object_id, transition, due_at, attempts, last_error)
SELECT id, %s, object_id, transition, due_at, 0, ''
FROM jsonb_to_recordset(%s::jsonb) AS new (id uuid, object_id uuid, transition text, due_at timestamptz)
ON CONFLICT ON CONSTRAINT timer_once_per_transition DO NOTHING
"""
_INSERT_EFFECTS = """
INSERT INTO lifecycle_effect (id, kind, params, noun, object_id, object, transition, transition_id, from_state,
                              to_state, reason, effective_at, status, due_at, claims, attempts, last_error)
SELECT id, kind, params, %s, object_id, object, transition, transition_id, from_state, to_state, reason, effective_at,
       'owed', %s, 0, 0, ''
FROM ROWS FROM (
    jsonb_to_recordset(%s::jsonb) AS (
        id uuid, kind text, params jsonb, object_id uuid, object jsonb, transition text, transition_id uuid,
        from_state text, to_state text, reason text, effective_at timestamptz
    )
) WITH ORDINALITY AS new (
    id, kind, params, object_id, object, transition, transition_id, from_state, to_state, reason, effective_at, place
)
ORDER BY place
"""
_UPDATE = sql.SQL(
    "UPDATE {table} AS row SET {changes} FROM unnest({arrays}) AS new ({names}) "
    "WHERE row.id = new.id AND row.state = new.was_state AND row.version = new.was_version"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row and the move that it makes.

    ``effective_at`` is when it counts from: for a timer, when it was due. ``answers`` are to the move's form, and meet
    it.
    """

    row: Stateful
    move: Move
    effective_at: datetime
    cause: Cause
    reason: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A move as it was made: what the row was, what it is, and the entry in its history."""

    step: Step
    was_state: str
    was_version: int
    before: Feature
    after: Feature
    entry: Mapping[str, Any]


def make_moves(lifecycle: Lifecycle, steps: Sequence[Step], *, actor: Actor, at: datetime) -> None:
    """Move every row: state, stamps, fields, history, timers, effects, events. Rows in memory are brought up to date.

    Either all happen or none; a broken constraint raises what the noun says that it means.
    """
    rows = [step.row for step in steps]
    made = [_made(lifecycle, step, at) for step in steps]
    _compare_and_set(lifecycle, made)
    _insert_history(lifecycle, [each.entry for each in made], actor)
    replace_timers(lifecycle, rows)
    _owe_effects(lifecycle, made, at)
    lifecycle.keep(rows, actor, at)
    publish([_transitioned(lifecycle, each) for each in made], actor=actor, at=at)


def set_first(row: Stateful, definition: Definition, at: datetime) -> None:
    """Put a new row, which is not in the database yet, into the first state of a definition."""
    first = definition.states[definition.initial]
    row.lifecycle_key, row.lifecycle_version = definition.key, definition.version
    row.state, row.state_category, row.state_since = first.name, first.category.value, at
    if first.stamps:
        setattr(row, first.stamps, at)


def record_first(
    lifecycle: Lifecycle, rows: Sequence[Stateful], *, actor: Actor, cause: Cause, reason: str = ""
) -> list[dict[str, object]]:
    """Write history and timers of rows that ``set_first`` prepared and that are there now; return their event data."""
    entries = [
        _entry(row, BEGIN, from_state="", effective_at=row.state_since, cause=cause, reason=reason) for row in rows
    ]
    _insert_history(lifecycle, entries, actor)
    replace_timers(lifecycle, rows)
    return [lifecycle_data(entry) for entry in entries]


def begin_rows(
    lifecycle: Lifecycle,
    definition: Definition,
    rows: Sequence[Stateful],
    *,
    actor: Actor,
    at: datetime,
    cause: Cause,
    reason: str = "",
) -> None:
    """Insert new rows in the first state of a definition, with history, timers and events."""
    for row in rows:
        set_first(row, definition, at)
    lifecycle.model._default_manager.bulk_create(rows)
    moves = record_first(lifecycle, rows, actor=actor, cause=cause, reason=reason)
    features = [lifecycle.feature(row) for row in rows]
    publish(
        [
            changed(
                lifecycle.event_type(CREATED),
                lifecycle.noun,
                Change.CREATED,
                before=None,
                after=feature,
                lifecycle=move,
            )
            for feature, move in zip(features, moves, strict=True)
        ],
        actor=actor,
        at=at,
    )


def replace_timers(lifecycle: Lifecycle, rows: Sequence[Stateful]) -> None:
    """Make the timers of the rows what their states and fields say, forgetting those they had."""
    Timer.objects.filter(noun=lifecycle.noun, object_id__in=[row.pk for row in rows]).delete()
    insert_timers(
        lifecycle.noun,
        [(row.pk, transition, due_at) for row in rows for transition, due_at in timers_of(lifecycle, row).items()],
    )


def insert_timers(noun: str, timers: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Let the clock owe these transitions of objects; one that is owed already stays as it is."""
    if not timers:
        return
    rows = [
        {"id": new_id(), "object_id": object_id, "transition": transition, "due_at": due_at}
        for object_id, transition, due_at in timers
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_TIMERS, [noun, _json(rows)])


def timers_of(lifecycle: Lifecycle, row: Stateful) -> dict[str, datetime]:
    """Return what the clock owes a row by the timers of its state, and when."""
    definition = definition_of(row)
    fields = {name: lifecycle.clock_value(row, name) for name in timer_fields(definition)}
    return timers_in(definition, row.state, row.state_since, fields)


def lifecycle_data(entry: Mapping[str, Any]) -> dict[str, object]:
    """Return an entry of the history as it stands in ``data.lifecycle`` of an event. Answers are not told."""
    return {
        "transition": entry["name"],
        "from": entry["from_state"] or None,
        "to": entry["to_state"],
        "cause": entry["cause"],
        "reason": entry["reason"],
        "effective_at": instant(entry["effective_at"]),
    }


def _made(lifecycle: Lifecycle, step: Step, at: datetime) -> _Made:
    row = step.row
    was_state, was_version, before = row.state, row.version, lifecycle.feature(row)
    _move_in_memory(lifecycle, definition_of(row), step, at)
    entry = _entry(
        row,
        step.move.name,
        from_state=was_state,
        effective_at=step.effective_at,
        cause=step.cause,
        reason=step.reason,
        answers=step.answers,
    )
    return _Made(
        step=step,
        was_state=was_state,
        was_version=was_version,
        before=before,
        after=lifecycle.feature(row),
        entry=entry,
    )


def _move_in_memory(lifecycle: Lifecycle, definition: Definition, step: Step, at: datetime) -> None:
    row, target = step.row, definition.states[step.move.target]
    row.state, row.state_category, row.state_since = target.name, target.category.value, step.effective_at
    row.lifecycle_key, row.lifecycle_version = definition.key, definition.version
    row.mark_changed(at)
    for name in step.move.clears:
        setattr(row, name, None)
    if target.stamps:
        setattr(row, target.stamps, step.effective_at)
    for each in step.move.sets:
        settable = lifecycle.fields[each.field]
        value = each.value if each.answer is None else step.answers.get(each.answer)
        setattr(row, settable.column, settable.read(value))


def _compare_and_set(lifecycle: Lifecycle, made: Sequence[_Made]) -> None:
    """Write the rows, each only if it still is what it was: the lock should see to that, this proves it."""
    columns = [_column(lifecycle, name) for name in _columns(lifecycle, made)]
    values: list[Any] = [
        [each.step.row.pk for each in made],
        [each.was_state for each in made],
        [each.was_version for each in made],
        *[[each.get_db_prep_save(getattr(one.step.row, each.attname), connection) for one in made] for each in columns],
    ]
    types = ("uuid", "text", "int", *[each.db_type(connection) for each in columns])
    names = [sql.Identifier(each.column) for each in columns]
    statement = _UPDATE.format(
        table=sql.Identifier(lifecycle.model._meta.db_table),
        changes=sql.SQL(", ").join([sql.SQL("{0} = new.{0}").format(name) for name in names]),
        arrays=sql.SQL(", ").join([sql.SQL("%s::{}[]").format(sql.SQL(cast("Any", each))) for each in types]),
        names=sql.SQL(", ").join([*map(sql.Identifier, ("id", "was_state", "was_version")), *names]),
    )
    with broken_constraints(lifecycle.conflicts), connection.cursor() as cursor:
        cursor.execute(statement.as_string(None), values)
        if cursor.rowcount != len(made):
            raise Conflict("It was changed by somebody else just now.", code="changed_meanwhile")


def _column(lifecycle: Lifecycle, name: str) -> Any:
    return lifecycle.model._meta.get_field(name)


def _columns(lifecycle: Lifecycle, made: Sequence[_Made]) -> list[str]:
    """Return the columns that any of the moves writes."""
    names = dict.fromkeys(
        ("state", "state_category", "state_since", "lifecycle_key", "lifecycle_version", "version", "changed_at")
    )
    for each in made:
        stamps = definition_of(each.step.row).states[each.step.move.target].stamps
        names |= dict.fromkeys([*each.step.move.clears, *([stamps] if stamps else [])])
        names |= dict.fromkeys(lifecycle.fields[one.field].column for one in each.step.move.sets)
    return list(names)


def _entry(
    row: Stateful,
    name: str,
    *,
    from_state: str,
    effective_at: datetime,
    cause: Cause,
    reason: str,
    answers: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "object_id": row.pk,
        "name": name,
        "from_state": from_state,
        "to_state": row.state,
        "cause": cause.value,
        "reason": reason,
        "answers": dict(answers or {}),
        "effective_at": effective_at,
    }


def _insert_history(lifecycle: Lifecycle, entries: Sequence[Mapping[str, Any]], actor: Actor) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_HISTORY, [lifecycle.noun, actor.user_id, actor.label[:200], _json(entries)])


def _owe_effects(lifecycle: Lifecycle, made: Sequence[_Made], at: datetime) -> None:
    """Write down what is to be done once the moves are committed, and ring for somebody who does it."""
    effects = [
        {
            "id": new_id(),
            "kind": effect.kind,
            "params": effect.params,
            "object_id": each.after.id,
            "object": feature_object(each.after),
            "transition": each.entry["name"],
            "transition_id": each.entry["id"],
            "from_state": each.was_state,
            "to_state": each.entry["to_state"],
            "reason": each.entry["reason"],
            "effective_at": each.entry["effective_at"],
        }
        for each in made
        for effect in each.step.move.effects
    ]
    if effects:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT_EFFECTS, [lifecycle.noun, at, _json(effects)])
        transaction.on_commit(partial(redis.ring, EFFECTS_DOORBELL), robust=True)


def _transitioned(lifecycle: Lifecycle, made: _Made) -> NewEvent:
    return changed(
        lifecycle.event_type(TRANSITIONED),
        lifecycle.noun,
        Change.TRANSITIONED,
        before=made.before,
        after=made.after,
        lifecycle=lifecycle_data(made.entry),
        occurred_at=made.step.effective_at,
    )


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows, option=orjson.OPT_UTC_Z).decode()
