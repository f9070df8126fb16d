"""What every move of an operation brings with it, by whomever it is made: hand, timer, service or bulk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.access.types import Actor
from apps.operations.models import Operation
from apps.operations.services.approvals import take_back_asked
from apps.operations.services.holding import keep_space


def keep_up(operations: Sequence[Operation], actor: Actor, at: datetime) -> None:
    """Hold or free the space of operations that have moved, and forget what those asked for that are drafts again.

    Raises ``SpaceConflict`` where others hold what one of them would hold.
    """
    keep_space(operations, actor, at)
    take_back_asked(operations, at)
