"""Transitions that events and conditions make: the log is read after a cursor, each event once.

The cursor is a row, moved in the transaction of the transitions that it brings, so no event has its effect twice and
none is passed over. An event that cannot be worked through is left behind as an effect of the kind ``trigger``: it is
tried again from there, and holds up nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction

from apps.access.types import SYSTEM
from apps.core.ids import new_id
from apps.events import queries
from apps.events.models import Event
from apps.lifecycle.models import Effect, LogReader, Stateful, Timer
from apps.lifecycle.queries import refusal_of
from apps.lifecycle.registry import Lifecycle, definition_of, register_effect
from apps.lifecycle.registry import lifecycle as lifecycle_named
from apps.lifecycle.rules.durations import pause_after
from apps.lifecycle.services.answering import owe_answers
from apps.lifecycle.services.engine import Step, insert_timers, make_moves
from apps.lifecycle.services.listening import Ears, Heard, hear, listen
from apps.lifecycle.services.timers import LONGEST_ERROR, has_lapsed, in_order, lock_rows, step_of
from apps.lifecycle.types import Cause, Move, Owed

BATCH: Final = 500
TRIGGER: Final = "trigger"
# A timer that is due, and the move that it owes.
Due: TypeAlias = tuple[Timer, Move | None]

log = structlog.get_logger(__name__)


def read_log(at: datetime) -> int:
    """Work through what the log holds after the cursor; return how many events were read. A tick: safe to run twice."""
    total, size = 0, BATCH
    while True:
        try:
            read = _read_batch(size, at)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if size == 1:
                total += _leave_behind(error, at)
                size = BATCH
                continue
            log.warning("lifecycle.batch_failed", size=size, exc_info=error)
            size = max(1, size // 8)
            continue
        total += read
        if read < size:
            return total


def register_triggers() -> None:
    """Register the effect by which an event that could not be worked through is tried again."""
    register_effect(TRIGGER, _try_again, schema={"not": {}})


@transaction.atomic
def _read_batch(limit: int, at: datetime) -> int:
    head = queries.head().offset
    reader = _lock_reader()
    if reader.offset >= head:
        return 0
    ears = listen()
    events = _between(ears, reader.offset, head, limit)
    work_on(ears, events, at)
    _move_on(reader, events[-1].offset if len(events) == limit else head)
    return len(events)


@transaction.atomic
def _leave_behind(error: Exception, at: datetime) -> int:
    """Step over one event, and owe it as an effect that is tried again; return one."""
    head = queries.head().offset
    reader = _lock_reader()
    events = _between(listen(), reader.offset, head, 1)
    for event in events:
        log.error("lifecycle.event_failed", offset=event.offset, exc_info=error)
        Effect.objects.create(
            id=new_id(),
            kind=TRIGGER,
            params={"offset": event.offset},
            noun=event.noun,
            object_id=event.object_id,
            object={},
            transition="",
            to_state="",
            effective_at=event.occurred_at,
            due_at=at + pause_after(1),
            attempts=1,
            last_error=f"{type(error).__name__}: {error}".replace("\x00", "")[:LONGEST_ERROR],
        )
        _move_on(reader, event.offset)
    return len(events)


def _try_again(owed: Owed, at: datetime) -> None:
    event = Event.objects.filter(offset=owed.params["offset"]).first()
    if event is not None:
        work_on(listen(), [event], at)


def _lock_reader() -> LogReader:
    """Return the cursor, locked; it begins where the log ends when it is read for the first time.

    Whoever reads at the moment is waited for: the sweep must not fire timers while what happened before they were due
    is still in somebody's hands.
    """
    reader = LogReader.objects.select_for_update().first()
    if reader is not None:
        return reader
    LogReader.objects.bulk_create([LogReader(offset=queries.head().offset)], ignore_conflicts=True)
    return LogReader.objects.select_for_update().get()


def _move_on(reader: LogReader, offset: int | None) -> None:
    if offset is not None:
        reader.offset = offset
        reader.save(update_fields=["offset"])


def _between(ears: Ears, after: int, until: int, limit: int) -> list[Event]:
    return queries.events_for(after, until, limit, types=ears.types, words=ears.words)


def work_on(ears: Ears, events: Sequence[Event], at: datetime) -> None:
    """Make the transitions that these events bring, in their order, in the caller's transaction; owe what they answer.

    All objects concerned are locked first, in the order in which everybody locks them. An object makes its moves one
    after the other; those of different objects go together.
    """
    heard = {noun: hear(ears, noun, events) for noun in ears.nouns}
    for noun, found in heard.items():
        lifecycle = lifecycle_named(noun)
        ids = {object_id for each in found for object_id in each.object_ids}
        if ids:
            _Work(lifecycle=lifecycle, ears=ears, rows=lock_rows(lifecycle, ids), at=at).go_through(found)
    owe_answers([event for event in events if event.type in ears.answers], at)


@dataclass(slots=True, kw_only=True)
class _Work:
    """Going through what a noun has heard: the rows in hand, and the steps that wait to be made together."""

    lifecycle: Lifecycle
    ears: Ears
    rows: Mapping[UUID, Stateful]
    at: datetime
    steps: dict[UUID, Step] = field(default_factory=dict)
    due: dict[UUID, list[Due]] = field(default_factory=dict)

    def go_through(self, heard: Iterable[Heard]) -> None:
        """Make every move, in the order of the log."""
        self._read_timers()
        for each in heard:
            for object_id in each.object_ids:
                row = self.rows.get(object_id)
                if row is not None:
                    self._hear(row, each)
        self._flush()

    def _hear(self, row: Stateful, heard: Heard) -> None:
        """Let one row hear one event: first what the clock owed it before, then what the event does."""
        if row.pk in self.steps:
            self._flush()
        self._fire_timers(row, heard.event.occurred_at)
        if heard.event.occurred_at < row.state_since:
            return  # it was so before the object came into this state
        told = [move for move in _moves(row) if move.event and self.ears.is_meant(move, row, heard)]
        met = [move for move in self._met(row, heard) if move not in told]
        causes = [*((move, Cause.EVENT) for move in told), *((move, Cause.CONDITION) for move in met)]
        step = self._first(row, causes, heard)
        if step is not None:
            self.steps[row.pk] = step

    def _met(self, row: Stateful, heard: Heard) -> list[Move]:
        """Return the moves whose condition is true of the row as the event tells of it.

        Start and stop what waits for a condition to last.
        """
        if heard.feature is None or heard.event.object_id != row.pk:
            return []
        now_true: list[Move] = []
        for move in _moves(row):
            if move.condition is None:
                continue
            is_met = self.ears.is_met(self.lifecycle.noun, move, heard.feature)
            if move.condition.lasting is None:
                now_true += [move] if is_met else []
            elif is_met:
                due_at = max(heard.event.occurred_at, row.state_since) + move.condition.lasting
                insert_timers(self.lifecycle.noun, [(row.pk, move.name, due_at)])
            else:
                self._owed(row).filter(transition=move.name).delete()
        return now_true

    def _first(self, row: Stateful, moves: Sequence[tuple[Move, Cause]], heard: Heard) -> Step | None:
        """Return the step of the highest priority that nothing stands against; of equals that which is told first."""
        for move, cause in sorted(moves, key=lambda pair: -pair[0].priority):
            if refusal_of(self.lifecycle, row, move) is None:
                effective_at = max(heard.event.occurred_at, row.state_since)
                return Step(row=row, move=move, effective_at=effective_at, cause=cause)
        return None

    # What the clock owed an object before something else happened to it comes first, however late the clock is.

    def _read_timers(self) -> None:
        owed = Timer.objects.filter(noun=self.lifecycle.noun, object_id__in=list(self.rows), due_at__lte=self.at)
        found: defaultdict[UUID, list[Due]] = defaultdict(list)
        for timer, move in in_order(self.rows, owed):
            found[timer.object_id].append((timer, move))
        self.due = dict(found)

    def _fire_timers(self, row: Stateful, until: datetime) -> None:
        for timer, move in self.due.pop(row.pk, ()):
            if timer.due_at > until:
                self.due.setdefault(row.pk, []).append((timer, move))
                continue
            if move is None or has_lapsed(self.lifecycle, row, move, timer, self.at):
                continue
            if refusal_of(self.lifecycle, row, move) is None:
                make_moves(self.lifecycle, [step_of(row, move, timer)], actor=SYSTEM, at=self.at)
                self.due[row.pk] = in_order(self.rows, self._owed(row).filter(due_at__lte=self.at))
                self._fire_timers(row, until)
                return

    def _owed(self, row: Stateful) -> Any:
        return Timer.objects.filter(noun=self.lifecycle.noun, object_id=row.pk)

    def _flush(self) -> None:
        """Make the moves that have come together."""
        if self.steps:
            make_moves(self.lifecycle, list(self.steps.values()), actor=SYSTEM, at=self.at)
            moved = list(self.steps)
            self.steps.clear()
            self._forget_timers(moved)

    def _forget_timers(self, moved: Sequence[UUID]) -> None:
        """Take in hand what the clock owes rows since they have moved."""
        for object_id in moved:
            self.due.pop(object_id, None)
        owed = Timer.objects.filter(noun=self.lifecycle.noun, object_id__in=moved, due_at__lte=self.at)
        for timer, move in in_order(self.rows, owed):
            self.due.setdefault(timer.object_id, []).append((timer, move))


def _moves(row: Stateful) -> list[Move]:
    return [move for move in definition_of(row).moves.values() if row.state in move.sources]
