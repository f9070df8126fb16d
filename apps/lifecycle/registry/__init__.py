"""Nouns and kinds of effects, filled by other apps from their ``ready()``, and published definitions."""

from __future__ import annotations

from apps.lifecycle.registry.definitions import (
    current,
    definition_of,
    find_definition,
    followed,
    forget_definitions,
    keys_of,
    predicate,
    shipped,
)
from apps.lifecycle.registry.effects import (
    EffectKind,
    Perform,
    effect_kind,
    effect_kinds,
    find_effect_kind,
    register_effect,
)
from apps.lifecycle.registry.matching import event_feature, event_predicate, event_queryables
from apps.lifecycle.registry.nouns import (
    Guard,
    Keep,
    Lifecycle,
    all_lifecycles,
    find_lifecycle,
    lifecycle,
    lifecycle_of,
    register,
)

__all__ = [
    "EffectKind",
    "Guard",
    "Keep",
    "Lifecycle",
    "Perform",
    "all_lifecycles",
    "current",
    "definition_of",
    "effect_kind",
    "effect_kinds",
    "event_feature",
    "event_predicate",
    "event_queryables",
    "find_definition",
    "find_effect_kind",
    "find_lifecycle",
    "followed",
    "forget_definitions",
    "keys_of",
    "lifecycle",
    "lifecycle_of",
    "predicate",
    "register",
    "register_effect",
    "shipped",
]
