"""The only writers of states, history, timers and effects."""

from __future__ import annotations

from apps.lifecycle.services.effects import (
    EFFECT_LEASE,
    claim_effects,
    forget_effects,
    perform_effects,
    retry_effect,
)
from apps.lifecycle.services.engine import EFFECTS_DOORBELL
from apps.lifecycle.services.moves import LONGEST_REASON, advance, advance_after, begin, begin_all, plan_timers
from apps.lifecycle.services.telling import register_telling
from apps.lifecycle.services.timers import LEASE, Claim, advance_due, claim_due

__all__ = [
    "EFFECTS_DOORBELL",
    "EFFECT_LEASE",
    "LEASE",
    "LONGEST_REASON",
    "Claim",
    "advance",
    "advance_after",
    "advance_due",
    "begin",
    "begin_all",
    "claim_due",
    "claim_effects",
    "forget_effects",
    "perform_effects",
    "plan_timers",
    "register_telling",
    "retry_effect",
]
