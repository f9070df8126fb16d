"""What an audience is to hear only later: numbers of events and when they are due. The events stay in the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from apps.live.types import LogRow

NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Wait(NamedTuple):
    """One event that waits. ``is_picture`` says whether it brings a new picture of its object."""

    object_id: UUID
    due_at: datetime
    is_picture: bool


class Waiting:
    """The events that wait, in the order of the log, at most ``most``; those of one object become due in order.

    When there are more, the later ones are cut off: they are withheld and not waited for. Once everything before has
    become due, the wait ``is_spent``, and whoever waits needs a new picture.
    """

    __slots__ = ("_by_object", "_cut", "_earliest", "_most", "_waits")

    def __init__(self, most: int) -> None:
        self._most = most
        self._waits: dict[int, Wait] = {}
        self._by_object: dict[UUID, list[int]] = {}
        self._earliest = NEVER
        self._cut: int | None = None

    def __len__(self) -> int:
        return len(self._waits)

    def __contains__(self, offset: object) -> bool:
        return offset in self._waits

    @property
    def is_spent(self) -> bool:
        """Whether all that could be waited for has become due, and what came after it was cut off."""
        return self._cut is not None and not self._waits

    def withhold(self, row: LogRow, due_at: datetime, at: datetime) -> bool:
        """Say whether an event must not be told at the instant; it waits from now on, if there is room.

        One that is due itself waits as well where an earlier one of its object does.
        """
        before = self._by_object.get(row.object_id, ())
        if due_at <= at and not before and self._cut is None:
            return False
        if len(self._waits) >= self._most:
            self.cut(row.offset)
        if self._cut is None:
            due_at = max([due_at, *(self._waits[offset].due_at for offset in before[-1:])])
            self._waits[row.offset] = Wait(row.object_id, due_at, row.picture is not None)
            self._by_object.setdefault(row.object_id, []).append(row.offset)
            self._earliest = min(self._earliest, due_at)
        return True

    def cut(self, offset: int) -> None:
        """Wait for nothing more from this event on."""
        self._cut = offset if self._cut is None else self._cut

    def withholds(self, offset: int) -> bool:
        """Say whether an event that is to be told late waits, or was cut off."""
        return offset in self._waits or (self._cut is not None and offset >= self._cut)

    def due(self, at: datetime) -> list[int]:
        """Return what is due, in order; it waits on until it is discarded."""
        if at < self._earliest:
            return []
        found = [offset for offset, wait in self._waits.items() if wait.due_at <= at]
        if not found:
            self._earliest = min((wait.due_at for wait in self._waits.values()), default=NEVER)
        return found

    def discard(self, offset: int) -> None:
        """Wait for an event no more: it is being told."""
        wait = self._waits.pop(offset)
        offsets = self._by_object[wait.object_id]
        offsets.remove(offset)
        if not offsets:
            del self._by_object[wait.object_id]

    def forget_pictures(self, object_id: UUID) -> None:
        """Wait no more for pictures of an object: it is gone, not to be seen, or a newer one was told."""
        for offset in [each for each in self._by_object.get(object_id, ()) if self._waits[each].is_picture]:
            self.discard(offset)

    def tidings(self) -> tuple[int, ...]:
        """Return what waits and brings no picture: a new picture would not tell it."""
        return tuple(offset for offset, wait in self._waits.items() if not wait.is_picture)

    def cursor(self, offset: int) -> int:
        """Return how far everything has been told, for whoever has heard the log up to an offset."""
        first = min(next(iter(self._waits), offset + 1), self._cut or offset + 1)
        return min(offset, first - 1)
