"""Where volumes that are refused would be free: the next times, and the nearest layers above and below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import groupby, islice
from operator import attrgetter
from typing import Final, TypeAlias
from uuid import UUID

from apps.core.types import Invalid
from apps.operations.queries.conflicts import judge
from apps.operations.rules.checks import written_out
from apps.operations.rules.freeing import Blocked, higher_shifts, later_shifts, moved, searched, times_reached
from apps.operations.rules.meeting import meetings
from apps.operations.types import FreeWindow, Judgement, Meeting, PlannedVolume, Shift, Standing, Verdict, Volume4D
from apps.zones.types import EVERY_HEIGHT

HORIZON: Final = timedelta(days=7)
MOST_TIMES: Final = 3
# So many gaps are tried for what recurs: across a change of clocks its times are not all moved by the same.
MOST_TRIED: Final = 6
FREE: Final = frozenset({Verdict.OVERRULES, Verdict.SHARED, Verdict.CONDITIONAL, Verdict.ADVISORY})

_Ask: TypeAlias = Callable[[Sequence[Volume4D]], Judgement]


def free_windows(
    planned: Sequence[PlannedVolume], *, standing: Standing, organisation_id: UUID, besides: UUID | None = None
) -> list[FreeWindow]:
    """Return the next times, then the nearest layers, in which these volumes would be free; none where none is near.

    What recurs stays weekly: at another time of day, and perhaps on other days. Nobody is asked whether they may see
    what is in the way: a free window tells only where nothing is.
    """
    ask = partial(judge, standing=standing, organisation_id=organisation_id, besides=besides)
    later = islice(_moved_by(_later_shifts(planned, ask), planned), MOST_TRIED)
    return [
        *islice((window for window in later if _is_free(planned, window, ask)), MOST_TIMES),
        *_moved_by(_higher_shifts(planned, ask), planned),
    ]


def _moved_by(shifts: Iterator[Shift], planned: Sequence[PlannedVolume]) -> Iterator[FreeWindow]:
    return (FreeWindow(shift=shift, volumes=[moved(each, shift) for each in planned]) for shift in shifts)


def _later_shifts(planned: Sequence[PlannedVolume], ask: _Ask) -> Iterator[Shift]:
    by_volume = [list(times) for _, times in groupby(written_out(planned), key=attrgetter("number"))]
    asked = [(one, times) for times in by_volume for one in searched(times, horizon=HORIZON)]
    blocked = (
        Blocked(each, by)
        for place, by in _in_the_way([one for one, _ in asked], ask)
        for each in times_reached(asked[place][1], by.during, horizon=HORIZON)
    )
    return later_shifts(blocked, min(each.starts_at for each in planned), horizon=HORIZON)


def _higher_shifts(planned: Sequence[PlannedVolume], ask: _Ask) -> Iterator[Shift]:
    times = written_out(planned)
    at_every_height = [replace(each, band=EVERY_HEIGHT) for each in times]
    blocked = (Blocked(times[place], by) for place, by in _in_the_way(at_every_height, ask))
    return higher_shifts(blocked, [each.band for each in planned])


def _is_free(planned: Sequence[PlannedVolume], window: FreeWindow, ask: _Ask) -> bool:
    """Say whether a gap is one for each time of what recurs, and leaves as many of them as there were."""
    if not any(each.recurrence for each in planned):
        return True
    try:
        times = written_out(window.volumes)
    except Invalid:
        return False
    return len(times) == len(written_out(planned)) and not any(_in_the_way(times, ask))


def _in_the_way(volumes: Sequence[Volume4D], ask: _Ask) -> Iterator[tuple[int, Volume4D]]:
    """Yield what would refuse volumes, or need somebody to agree to them, each with the place of the one it meets."""
    judgement = ask(volumes)
    for conflict in judgement.operations:
        if conflict.verdict not in FREE:
            yield from ((piece.place, piece.volume) for piece in conflict.held)
    for zone in judgement.zones:
        if zone.verdict is Verdict.REFUSED:
            met = meetings(volumes, [zone.volume] * len(volumes))
            yield from ((place, zone.volume) for place, how in enumerate(met) if how is Meeting.MEET)
