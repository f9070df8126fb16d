"""The admin of lifecycles: definitions, and what the engine writes down."""

from __future__ import annotations

from apps.lifecycle.admin.calls import CallAdmin, SagaAdmin, ServiceAdmin
from apps.lifecycle.admin.definitions import DefinitionAdmin
from apps.lifecycle.admin.raw import EffectAdmin, TimerAdmin, TransitionAdmin

__all__ = [
    "CallAdmin",
    "DefinitionAdmin",
    "EffectAdmin",
    "SagaAdmin",
    "ServiceAdmin",
    "TimerAdmin",
    "TransitionAdmin",
]
