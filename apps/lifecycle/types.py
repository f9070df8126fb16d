"""Definitions as frozen values, and what the engine answers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import TextChoices

from apps.core.types import Conflict, FieldError, Invalid


class Tone(enum.StrEnum):
    """How a state looks: the one thing about colours that a definition may say."""

    CALM = "calm"
    NOTICE = "notice"
    ALERT = "alert"
    DONE = "done"


class Category(enum.StrEnum):
    """What a state means to whoever knows no definition: nobody has begun, somebody is on it, nothing more to do."""

    OPEN = "open"
    ACTIVE = "active"
    DONE = "done"


class Status(enum.StrEnum):
    """What a version of a definition is: being written, followed by new objects, or followed by old ones only."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class Cause(enum.StrEnum):
    """What made a transition happen."""

    HAND = "hand"
    RULE = "rule"
    TIMER = "timer"
    EVENT = "event"
    CONDITION = "condition"
    SERVICE = "service"
    MIGRATION = "migration"


class TimersThen(enum.StrEnum):
    """What becomes of running timers when an object is brought to another version."""

    RECOMPUTE = "recompute"
    RESTART = "restart"
    KEEP = "keep"


class RunStatus(enum.StrEnum):
    """What has become of a migration that runs in the background: it goes on, all was done, or it was broken off."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class EffectStatus(enum.StrEnum):
    """What has become of an effect."""

    OWED = "owed"
    DONE = "done"
    DEAD = "dead"


class Auth(TextChoices):
    """How we tell a service who we are."""

    NONE = "none", "nothing"
    BEARER = "bearer", "bearer token"
    BASIC = "basic", "user and password"
    HEADER = "header", "a header"


class Awaits(TextChoices):
    """Where the answer to a call comes from: with the response, later to the callback, later as an event."""

    ANSWER = "answer", "the answer"
    CALLBACK = "callback", "a callback"
    EVENT = "event", "an event"


class SagaState(TextChoices):
    """How far a saga has come. ``failed`` means that what had happened was undone, or is stuck and shown so."""

    CALLING = "calling", "calling"
    UNDOING = "undoing", "undoing"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"


class CallState(TextChoices):
    """What has become of a call. ``stuck`` is one that could not be undone, and needs somebody."""

    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    AWAITING = "awaiting", "awaiting the answer"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    SKIPPED = "skipped", "not made"
    COMPENSATING = "compensating", "being undone"
    COMPENSATED = "compensated", "undone"
    STUCK = "stuck", "stuck"


class IllegalTransition(Conflict):
    """The object's state does not have this transition; ``details["allowed"]`` lists those that it has."""

    code = "illegal_transition"


class GuardRefused(Conflict):
    """The transition exists, and its guard says no; the message says why."""

    code = "guard_refused"


class DefinitionError(Invalid):
    """A definition does not make sense; ``errors`` has every mistake, each with its line and column."""

    code = "bad_definition"

    def __init__(self, message: str, *, mistakes: Sequence[Mistake] = ()) -> None:
        errors = [
            FieldError(
                pointer=f"/document#line={mistake.line},column={mistake.column}",
                code=mistake.code,
                detail=str(mistake),
            )
            for mistake in mistakes
        ]
        super().__init__(message, errors=errors)
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state. ``stamps`` names the column that keeps when the object last entered it; a final one has no way out."""

    name: str
    label: str
    tone: Tone
    category: Category = Category.ACTIVE
    is_final: bool = False
    stamps: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRule:
    """When the clock makes a transition of an object that is in one of ``states``.

    Exactly one is set: ``after`` so long after it entered the state, ``field`` the same with a duration of the object,
    ``at`` at an instant of the object, plus ``offset``. A null field is never. With ``skip_after`` a timer that is
    later than that when the clock comes to it is let go; without, it is made however late.
    """

    states: tuple[str, ...]
    after: timedelta | None = None
    field: str | None = None
    at: str | None = None
    offset: timedelta = timedelta(0)
    skip_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """Which events of the log make a transition.

    ``ours`` is a queryable of the object that must equal ``theirs``, a path into ``data.object`` of the event; the
    default is an event about the object itself. ``match`` is CQL2 over what the event says.
    """

    type: str
    match: str | None = None
    ours: str = "id"
    theirs: str = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRule:
    """CQL2 over the object that makes a transition by being true, for at least ``lasting`` where that is given."""

    when: str
    lasting: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetField:
    """A field of the object that a transition sets: to a JSON value, or to an answer of its form.

    ``place`` is that of the effect in its list.
    """

    place: int
    field: str
    value: Any = None
    answer: str | None = None


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settable:
    """A field of a noun that definitions may set: the JSON Schema of its values, and its column.

    ``read`` makes the column's value of a JSON value that meets the schema.
    """

    schema: Mapping[str, Any]
    column: str
    read: Callable[[Any], Any] = _as_it_is


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRule:
    """What a transition brings about after it is committed: a registered kind, and what it is told."""

    place: int = 0
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """One effect as its handler gets it.

    ``id`` is its idempotency key, the same in every attempt. ``object`` is the public representation of the object
    right after the transition (``events.rules.feature_object``); ``effective_at`` is when the transition counts from,
    ``transition_id`` its entry in the history. ``attempt`` counts from one.
    """

    id: UUID
    kind: str
    params: Mapping[str, Any]
    noun: str
    object_id: UUID
    object: Mapping[str, Any]
    transition: str
    from_state: str
    to_state: str
    reason: str
    effective_at: datetime
    attempt: int
    transition_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One transition of a definition, and what makes it: by hand (``action``), timer, event, condition, outcome.

    ``form`` is the JSON Schema of what is asked of whoever makes it by hand. ``guard`` names a registered function,
    ``requires`` is CQL2 over the object; both must agree whatever makes the move. Among automatic moves of the same
    instant the highest ``priority`` wins. ``clears`` names stamped columns that it empties.
    """

    name: str
    label: str
    sources: tuple[str, ...]
    target: str
    action: str | None = None
    form: Mapping[str, Any] | None = None
    guard: str | None = None
    requires: str | None = None
    timer: TimerRule | None = None
    event: EventRule | None = None
    condition: ConditionRule | None = None
    by_outcome: bool = False
    priority: int = 0
    clears: tuple[str, ...] = ()
    needs_reason: bool = False
    sets: tuple[SetField, ...] = ()
    effects: tuple[EffectRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One version of a lifecycle that objects of a noun may follow; immutable, and checked when it was read."""

    key: str
    noun: str
    version: int
    initial: str
    title: str = ""
    states: Mapping[str, State] = field(default_factory=dict)
    moves: Mapping[str, Move] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing wrong with a definition: at which line and column (from one) of its text, where in it, and what."""

    line: int
    column: int
    path: tuple[str | int, ...]
    code: str
    detail: str

    def __str__(self) -> str:
        place = ".".join(map(str, self.path))
        return f"{self.line}:{self.column}: {place + ': ' if place else ''}{self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedTransition:
    """A transition that this actor may make on this object now."""

    name: str
    label: str
    target: str
    target_label: str
    tone: Tone
    needs_reason: bool
    form: Mapping[str, Any] | None = None
