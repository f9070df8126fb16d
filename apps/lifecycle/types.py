"""Definitions as frozen values, and what the engine answers."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.core.types import Conflict, Invalid


class Tone(enum.StrEnum):
    """How a state looks: the one thing about colours that a definition may say."""

    CALM = "calm"
    NOTICE = "notice"
    ALERT = "alert"
    DONE = "done"


class Cause(enum.StrEnum):
    """What made a transition happen."""

    HAND = "hand"
    RULE = "rule"
    TIMER = "timer"
    EVENT = "event"
    CONDITION = "condition"
    SERVICE = "service"
    MIGRATION = "migration"


class EffectStatus(enum.StrEnum):
    """What has become of an effect."""

    OWED = "owed"
    DONE = "done"
    DEAD = "dead"


class IllegalTransition(Conflict):
    """The object's state does not have this transition; ``details["allowed"]`` lists those that it has."""

    code = "illegal_transition"


class GuardRefused(Conflict):
    """The transition exists, and its guard says no; the message says why."""

    code = "guard_refused"


class DefinitionError(Invalid):
    """A definition does not make sense; the message names the file and the place in it."""

    code = "bad_definition"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state. ``stamps`` names the column that keeps when the object last entered it."""

    name: str
    label: str
    tone: Tone
    stamps: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRule:
    """When the clock makes a transition: so long after the object entered one of ``states``.

    Exactly one of ``after`` (the same for all) and ``field`` (a duration on the object; null means never) is set.
    """

    states: tuple[str, ...]
    after: timedelta | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRule:
    """What a transition brings about after it is committed: a registered kind, and what it is told."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """One effect as its handler gets it.

    ``id`` is its idempotency key, the same in every attempt. ``object`` is the public representation of the object
    right after the transition (``events.rules.feature_object``); ``effective_at`` is when the transition counts from.
    ``attempt`` counts from one.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One transition of a definition. ``clears`` names stamped columns that it empties."""

    name: str
    label: str
    sources: tuple[str, ...]
    target: str
    action: str
    guard: str | None = None
    timer: TimerRule | None = None
    clears: tuple[str, ...] = ()
    needs_reason: bool = False
    effects: tuple[EffectRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One version of a noun's lifecycle; immutable, and checked when it was read."""

    noun: str
    version: int
    initial: str
    states: Mapping[str, State] = field(default_factory=dict)
    moves: Mapping[str, Move] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedTransition:
    """A transition that this actor may make on this object now."""

    name: str
    label: str
    target: str
    target_label: str
    tone: Tone
    needs_reason: bool
