"""The only writers of states, history and timers: ``moves`` by hand and by rule, ``timers`` by the clock."""

from __future__ import annotations

from apps.lifecycle.services.moves import LONGEST_REASON, advance, begin, begin_all, plan_timers
from apps.lifecycle.services.timers import LEASE, Claim, advance_due, claim_due

__all__ = [
    "LEASE",
    "LONGEST_REASON",
    "Claim",
    "advance",
    "advance_due",
    "begin",
    "begin_all",
    "claim_due",
    "plan_timers",
]
