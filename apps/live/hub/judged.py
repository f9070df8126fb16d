"""What parts are judged as, and what events speak of besides: kept as published, for policies that ask for it.

Empty while no policy asks. What is not here is not known, and so nobody sees what depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from apps.core.types import Feature
from apps.live.types import LogRow

MOST: Final = 200_000


class Judged:
    """Published objects by id, as new as the log that was handed out, or newer."""

    def __init__(self) -> None:
        self._things: dict[UUID, Feature] = {}

    def get(self, id_: UUID) -> Feature | None:
        """Return an object, if it is known."""
        return self._things.get(id_)

    def missing(self, ids: Iterable[UUID]) -> set[UUID]:
        """Return those that are not known."""
        return {id_ for id_ in ids if id_ not in self._things}

    def put(self, found: Mapping[UUID, Feature]) -> None:
        """Take over what was read."""
        if len(self._things) + len(found) > MOST:
            self._things.clear()
        self._things.update(found)

    def take(self, row: LogRow) -> None:
        """Follow an event of an object that is known here."""
        known = self._things.get(row.object_id)
        if known is None:
            return
        if row.is_deletion:
            del self._things[row.object_id]
        elif row.picture is not None and row.picture.version >= known.version:
            self._things[row.object_id] = row.picture
