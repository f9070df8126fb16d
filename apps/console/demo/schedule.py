"""When each report of the hour is due again. Pure: instants are seconds since the replay began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from apps.console.demo.dataset import HOUR_S, Broadcast

# The hour begins again here: a fishing vessel enters a security zone 38 s later, a ferry the Narrows after 75 s.
START_S = 2240.0
PREROLL_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A report and when it is due; negative is before the replay began."""

    due_s: float
    broadcast: Broadcast


def preroll(broadcasts: Sequence[Broadcast], *, speed: float) -> list[Due]:
    """Return what was reported in the last minutes before the start, so that every ship has a wake at once."""
    return [
        Due(due_s=(each.second - START_S) / speed, broadcast=each)
        for each in broadcasts
        if START_S - PREROLL_S <= each.second < START_S
    ]


def laps(broadcasts: Sequence[Broadcast], *, speed: float) -> Iterator[Due]:
    """Yield the hour from the start on, again and again, in order and with its spacing divided by ``speed``."""
    for lap in count():
        for each in _rotated(broadcasts):
            yield Due(due_s=(lap * HOUR_S + (each.second - START_S) % HOUR_S) / speed, broadcast=each)


def _rotated(broadcasts: Sequence[Broadcast]) -> list[Broadcast]:
    later = [each for each in broadcasts if each.second >= START_S]
    earlier = [each for each in broadcasts if each.second < START_S]
    return later + earlier
