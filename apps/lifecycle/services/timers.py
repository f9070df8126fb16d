"""Timers: claiming what is due, and making those transitions once.

A timer is a row. It goes in the transaction that makes its transition, so it fires once however often it is
tried; whoever dies with it in hand only delays it, until the lease of its claim has run out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

import structlog
from django.db import connection, transaction

from apps.access.queries import authorize
from apps.access.types import SYSTEM, Actor
from apps.core.prepared import first_row
from apps.core.sweep import work_through
from apps.core.types import Conflict, NotFound
from apps.lifecycle.models import Stateful, Timer
from apps.lifecycle.queries import refusal_of
from apps.lifecycle.registry import Lifecycle, definition_of, predicate
from apps.lifecycle.registry import lifecycle as lifecycle_named
from apps.lifecycle.rules.durations import pause_after
from apps.lifecycle.rules.moving import is_missed
from apps.lifecycle.services.engine import Step, make_moves
from apps.lifecycle.types import Cause, Move

LEASE: Final = timedelta(seconds=10)
LONGEST_ERROR: Final = 2000

log = structlog.get_logger(__name__)

# The first that nobody has in hand, and the first lease or pause that ends: two descents of an index, never a scan.
_NEXT = """
SELECT (SELECT due_at FROM lifecycle_timer WHERE claimed_until IS NULL ORDER BY due_at, id LIMIT 1),
       (SELECT claimed_until FROM lifecycle_timer WHERE claimed_until IS NOT NULL ORDER BY claimed_until LIMIT 1)
"""
_CLAIM = """
WITH fresh AS (
    SELECT id, true AS is_fresh FROM lifecycle_timer
    WHERE claimed_until IS NULL AND due_at <= %(at)s
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), lapsed AS (
    SELECT id, false AS is_fresh FROM lifecycle_timer
    WHERE claimed_until <= %(at)s AND due_at <= %(at)s
    ORDER BY claimed_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE lifecycle_timer AS timer SET claimed_until = %(until)s
FROM (SELECT * FROM fresh UNION ALL SELECT * FROM lapsed) AS due
WHERE timer.id = due.id
RETURNING timer.id, due.is_fresh
"""
_FAIL = """
UPDATE lifecycle_timer AS timer
SET attempts = timer.attempts + 1, last_error = failed.error, claimed_until = failed.rests_until
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[]) AS failed (id, error, rests_until)
WHERE timer.id = failed.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Timers that nobody else will take until the lease is over.

    ``fresh`` ones are claimed for the first time; ``lapsed`` ones were claimed before, by somebody who died, or
    were resting after a failure.
    """

    fresh: tuple[UUID, ...]
    lapsed: tuple[UUID, ...]

    def __bool__(self) -> bool:
        return bool(self.fresh or self.lapsed)


NOTHING: Final = Claim(fresh=(), lapsed=())


def claim_due(limit: int, at: datetime) -> Claim:
    """Claim at most ``limit`` fresh and ``limit`` lapsed timers that are due; others may claim at the same time.

    Where nothing is due, which is nearly always, that costs one look without a transaction.
    """
    first = first_row(_NEXT, ()) or ()
    return _claim(limit, at) if any(each is not None and each <= at for each in first) else NOTHING


@transaction.atomic
def _claim(limit: int, at: datetime) -> Claim:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"at": at, "limit": limit, "until": at + LEASE})
        rows = cursor.fetchall()
    return Claim(
        fresh=tuple(key for key, is_fresh in rows if is_fresh),
        lapsed=tuple(key for key, is_fresh in rows if not is_fresh),
    )


def advance_due(timer_ids: Iterable[UUID], *, at: datetime) -> int:
    """Make the transitions that these timers owe; return how many were made.

    Safe to run twice and at the same time with anything. Each counts from when it was due. A timer whose
    transition fails keeps its row, with the error and a pause; the others are made all the same.
    """
    due = Timer.objects.filter(id__in=list(timer_ids), due_at__lte=at).order_by("noun", "due_at", "id")
    return sum(
        work_through(
            [timer.id for timer in timers],
            work=partial(_advance_together, noun, at=at),
            blame=partial(_blame, noun, at=at),
        )
        for noun, timers in groupby(due, key=attrgetter("noun"))
    )


@transaction.atomic
def retry_timer(timer_id: UUID, *, actor: Actor, at: datetime) -> Timer:
    """Let a timer that rests after a failure be tried at once. Raises ``Conflict`` for one that does not rest."""
    timer = Timer.objects.select_for_update().filter(id=timer_id).first()
    if timer is None:
        raise NotFound("There is no such timer.")
    authorize(actor, "timers.retry", timer)
    if timer.due_at > at or timer.claimed_until is None or timer.attempts == 0:
        raise Conflict("It does not rest after a failure.", code="timer_not_resting")
    timer.claimed_until, timer.attempts = None, 0
    timer.save(update_fields=["claimed_until", "attempts"])
    return timer


@transaction.atomic
def _advance_together(noun: str, timer_ids: Sequence[UUID], *, at: datetime) -> int:
    """Make the moves in one transaction.

    Rows first, then timers, as a move by hand does: whoever holds a row decides about its timers, so the second
    look at them, under the lock, is the true one.
    """
    lifecycle = lifecycle_named(noun)
    object_ids = Timer.objects.filter(id__in=timer_ids).values_list("object_id", flat=True)
    rows = lock_rows(lifecycle, object_ids)
    timers = list(Timer.objects.filter(id__in=timer_ids, due_at__lte=at).order_by("due_at", "id"))
    decided = _decide(lifecycle, rows, timers, at)
    Timer.objects.filter(id__in=decided.void).delete()
    if decided.refused:
        _record_failures(decided.refused, at)
    if decided.steps:
        make_moves(lifecycle, decided.steps, actor=SYSTEM, at=at)
    return len(decided.steps)


def lock_rows(lifecycle: Lifecycle, object_ids: Iterable[UUID]) -> dict[UUID, Stateful]:
    """Return the rows that follow a lifecycle, by id, locked in the order in which everybody locks them.

    With what their features read: a few statements, however many rows there are.
    """
    return {row.pk: row for row in lock_all(lifecycle, object_ids) if row.lifecycle_key}


def lock_all(lifecycle: Lifecycle, object_ids: Iterable[UUID]) -> list[Stateful]:
    """Do the same for rows that follow none as well."""
    rows = lifecycle.rows().select_for_update(of=("self",)).filter(pk__in=list(object_ids))
    return list(rows.order_by("pk"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    steps: Sequence[Step]
    refused: Mapping[UUID, str]
    void: Sequence[UUID]


def _decide(lifecycle: Lifecycle, rows: Mapping[UUID, Stateful], timers: Sequence[Timer], at: datetime) -> _Decided:
    """Say for each timer, earliest first, whether it fires, is refused by a guard, or has nothing left to do.

    A row makes one move at a time: the first to fire takes the row's other timers with it.
    """
    steps: dict[UUID, Step] = {}
    refused: dict[UUID, str] = {}
    void: list[UUID] = []
    for timer, move in in_order(rows, timers):
        row = rows.get(timer.object_id)
        if row is None or move is None or has_lapsed(lifecycle, row, move, timer, at):
            void.append(timer.id)
        elif row.pk in steps:
            continue
        elif refusal := refusal_of(lifecycle, row, move):
            refused[timer.id] = refusal
        else:
            steps[row.pk] = step_of(row, move, timer)
    return _Decided(steps=tuple(steps.values()), refused=refused, void=void)


def in_order(rows: Mapping[UUID, Stateful], timers: Iterable[Timer]) -> list[tuple[Timer, Move | None]]:
    """Return the timers with their moves, the earliest first; of one instant the highest priority, or told first.

    ``None`` where the row is gone or its definition has no such move.
    """
    found = [(timer, *_place_of(rows.get(timer.object_id), timer)) for timer in timers]
    found.sort(key=lambda each: (each[0].due_at, -each[1].priority if each[1] else 0, each[2]))
    return [(timer, move) for timer, move, _ in found]


def _place_of(row: Stateful | None, timer: Timer) -> tuple[Move | None, int]:
    """Return the move that a timer owes, if the row's definition has it, and its place there."""
    moves = definition_of(row).moves if row else {}
    return moves.get(timer.transition), next((n for n, name in enumerate(moves) if name == timer.transition), 0)


def has_lapsed(lifecycle: Lifecycle, row: Stateful, move: Move, timer: Timer, at: datetime) -> bool:
    """Say whether a timer has nothing to do any more: the state was left, it is far too late, a condition is over."""
    if row.state not in move.sources or is_missed(move.timer, timer.due_at, at):
        return True
    if move.timer is not None or move.condition is None:
        return False
    return predicate(lifecycle.noun, move.condition.when)(lifecycle.feature(row)) is not True


def step_of(row: Stateful, move: Move, timer: Timer) -> Step:
    """Return the step that a timer makes: it counts from when it was due."""
    cause = Cause.CONDITION if move.timer is None and move.condition else Cause.TIMER
    return Step(row=row, move=move, effective_at=max(timer.due_at, row.state_since), cause=cause)


def _blame(noun: str, timer_id: UUID, error: Exception, *, at: datetime) -> None:
    log.error("lifecycle.timer_failed", noun=noun, timer_id=str(timer_id), exc_info=error)
    _record_failures({timer_id: f"{type(error).__name__}: {error}"}, at)


@transaction.atomic
def _record_failures(errors: Mapping[UUID, str], at: datetime) -> None:
    attempts = dict(Timer.objects.filter(id__in=list(errors)).values_list("id", "attempts"))
    rests_until = [at + pause_after(attempts.get(timer_id, 0) + 1) for timer_id in errors]
    with connection.cursor() as cursor:
        messages = [message.replace("\x00", "")[:LONGEST_ERROR] for message in errors.values()]
        cursor.execute(_FAIL, [list(errors), messages, rests_until])
