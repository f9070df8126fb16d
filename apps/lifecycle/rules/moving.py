"""What a definition says of an object: which moves it has, and when the clock acts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from apps.lifecycle.types import Definition, Move, TimerRule


def moves_from(definition: Definition, state: str) -> list[Move]:
    """Return the moves out of a state, in the order of the definition."""
    return [move for move in definition.moves.values() if state in move.sources]


def timers_in(definition: Definition, state: str, since: datetime, fields: Mapping[str, object]) -> dict[str, datetime]:
    """Return which transitions the clock owes an object that entered a state, and when each is due.

    ``fields`` holds the durations and instants of the object that the definition names; ``None`` there means never.
    """
    due: dict[str, datetime] = {}
    for move in definition.moves.values():
        if move.timer is not None and state in move.timer.states:
            due_at = _due_at(move.timer, since, fields)
            if due_at is not None:
                due[move.name] = due_at
    return due


def is_missed(timer: TimerRule | None, due_at: datetime, at: datetime) -> bool:
    """Say whether the clock comes so late that the timer is let go."""
    return timer is not None and timer.skip_after is not None and at - due_at > timer.skip_after


def timer_fields(definition: Definition) -> frozenset[str]:
    """Return the fields of the object that its timers are computed from."""
    timers = [move.timer for move in definition.moves.values() if move.timer]
    return frozenset(name for timer in timers for name in (timer.field, timer.at) if name)


def stamp_fields(definition: Definition) -> frozenset[str]:
    """Return the columns that entering a state stamps."""
    return frozenset(state.stamps for state in definition.states.values() if state.stamps)


def _due_at(timer: TimerRule, since: datetime, fields: Mapping[str, object]) -> datetime | None:
    instant = since if timer.at is None else fields.get(timer.at)
    after = timer.offset if timer.at else timer.after if timer.field is None else fields.get(timer.field)
    if not isinstance(instant, datetime) or not isinstance(after, timedelta):
        return None
    try:
        return instant + after
    except OverflowError:  # beyond the year 9999, or before the first
        return None
