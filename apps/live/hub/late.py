"""What some readers hear only some time later: rows of the log wait by number, and are read again when they are due.

They are judged when they are told, by what their readers may see then. What is told late has an offset behind what was
told before it, so frames of such audiences carry none; bookmarks say how far all has been told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from apps.core import clock
from apps.live.hub.audience import Audience, AudienceKey
from apps.live.hub.deciding import decide_row, withhold
from apps.live.types import GapReason, LogRow

if TYPE_CHECKING:
    from apps.live.hub.hub import Hub

ReadRows: TypeAlias = Callable[[Collection[int]], Awaitable[Sequence[LogRow]]]


class LateRows:
    """Holds rows back for the audiences that are to hear them later, and tells them then."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._told: defaultdict[AudienceKey, list[LogRow]] = defaultdict(list)

    def holds_back(self, audience: Audience, row: LogRow) -> bool:
        """Say whether an audience must not hear a row yet; then the row waits."""
        return audience.hears_late and withhold(row, audience.shown, audience.waiting, clock.now())

    def told_meanwhile(self, key: AudienceKey) -> Sequence[LogRow]:
        """Return what an audience was told late while somebody was joining."""
        return self._told.get(key, ())

    def trim(self, *, is_needed: bool) -> None:
        """Drop what nobody waits for."""
        if not is_needed:
            self._told.clear()

    async def tell(self, read: ReadRows) -> None:
        """Tell what is due; ``read`` brings rows, and what must be known to judge them."""
        due = {}
        for audience in self._hub.audiences.all():
            if offsets := audience.waiting.due(clock.now()):
                due[audience] = offsets
            elif audience.waiting.is_spent:
                audience.blind(GapReason.HELD_BACK)
        if not due:
            return
        rows = {row.offset: row for row in await read(sorted({each for offsets in due.values() for each in offsets}))}
        for audience, offsets in due.items():
            if self._hub.audiences.get(audience.key) is audience:
                self._tell(audience, offsets, rows)

    def _tell(self, audience: Audience, offsets: Sequence[int], rows: Mapping[int, LogRow]) -> None:
        for offset in offsets:
            row = rows.get(offset)
            if row is None:
                # Forgotten by the log before it was due.
                audience.blind(GapReason.TOO_OLD)
                return
            audience.waiting.discard(offset)
            if self._hub.joins.is_busy:
                self._told[audience.key].append(row)
            decision = decide_row(row, audience.shown, audience.known)
            if decision is not None:
                self._hub.tell(audience, row, decision)
