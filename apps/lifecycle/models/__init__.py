"""The tables: what objects follow and have done, what is owed to them, and the services that are called for them."""

from __future__ import annotations

from apps.lifecycle.models.calls import Call, Saga, Service
from apps.lifecycle.models.objects import (
    NAME_LENGTH,
    DefinitionVersion,
    Effect,
    LogReader,
    MigrationRun,
    Stateful,
    Timer,
    Transition,
    state_is_whole,
)

__all__ = [
    "NAME_LENGTH",
    "Call",
    "DefinitionVersion",
    "Effect",
    "LogReader",
    "MigrationRun",
    "Saga",
    "Service",
    "Stateful",
    "Timer",
    "Transition",
    "state_is_whole",
]
