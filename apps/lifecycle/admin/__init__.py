"""The admin of lifecycles: definitions, and what the engine writes down."""

from __future__ import annotations

from apps.lifecycle.admin.calls import CallAdmin, SagaAdmin, ServiceAdmin
from apps.lifecycle.admin.definitions import DefinitionAdmin
from apps.lifecycle.admin.raw import EffectAdmin, MigrationRunAdmin, TimerAdmin, TransitionAdmin

__all__ = [
    "CallAdmin",
    "DefinitionAdmin",
    "EffectAdmin",
    "MigrationRunAdmin",
    "SagaAdmin",
    "ServiceAdmin",
    "TimerAdmin",
    "TransitionAdmin",
]
