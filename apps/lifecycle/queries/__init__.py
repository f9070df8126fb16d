"""Reading lifecycles: what may happen to an object, what has happened to it, what is owed, and definitions."""

from __future__ import annotations

from apps.lifecycle.queries.calls import call_faults, is_told_in_part, visible_calls
from apps.lifecycle.queries.objects import (
    TimerLag,
    allowed,
    counts_by_state,
    given_up,
    history,
    history_of,
    latest_run,
    refusal_of,
    state_of,
    states_of,
    timer_lag,
    timers,
    visible_answers,
    visible_history,
)
from apps.lifecycle.queries.stuck import Way, says, ways_out
from apps.lifecycle.queries.validation import Validated, key_errors, validate

__all__ = [
    "TimerLag",
    "Validated",
    "Way",
    "allowed",
    "call_faults",
    "counts_by_state",
    "given_up",
    "history",
    "history_of",
    "is_told_in_part",
    "key_errors",
    "latest_run",
    "refusal_of",
    "says",
    "state_of",
    "states_of",
    "timer_lag",
    "timers",
    "validate",
    "visible_answers",
    "visible_calls",
    "visible_history",
    "ways_out",
]
