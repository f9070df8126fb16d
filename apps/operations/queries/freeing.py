"""Where volumes that are refused would be free: the next times, and the nearest layers above and below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from apps.operations.queries.conflicts import judge
from apps.operations.rules.freeing import Blocked, higher_shifts, later_shifts
from apps.operations.types import Judgement, Shift, Span, Standing, Verdict, Volume4D
from apps.zones.types import EVERY_HEIGHT

HORIZON: Final = timedelta(days=7)
# Beyond so many times the search would take longer than a person waits.
MOST_TIMES: Final = 60
FREE: Final = frozenset({Verdict.OVERRULES, Verdict.SHARED, Verdict.CONDITIONAL, Verdict.ADVISORY})


def free_shifts(
    volumes: Sequence[Volume4D], *, standing: Standing, organisation_id: UUID, besides: UUID | None = None
) -> list[Shift]:
    """Return by how much these volumes would have to be moved to be free; nothing where no such way is near.

    Nobody is asked whether they may see what is in the way: a free window tells only where nothing is.
    """
    if len(volumes) > MOST_TIMES:
        return []
    first = min(volume.during.start for volume in volumes)
    for_long = [replace(each, during=Span(each.during.start, each.during.end + HORIZON)) for each in volumes]
    at_every_height = [replace(each, band=EVERY_HEIGHT) for each in volumes]
    later, higher = (
        _blocked(volumes, judge(wanted, standing=standing, organisation_id=organisation_id, besides=besides))
        for wanted in (for_long, at_every_height)
    )
    return [
        *later_shifts(later, first, horizon=HORIZON),
        *higher_shifts(higher, [volume.band for volume in volumes]),
    ]


def _blocked(volumes: Sequence[Volume4D], judgement: Judgement) -> list[Blocked]:
    """Return each volume with what would refuse it, or would need somebody to agree."""
    by_others = [
        Blocked(volumes[piece.place], piece.volume)
        for conflict in judgement.operations
        if conflict.verdict not in FREE
        for piece in conflict.held
    ]
    by_zones = [
        Blocked(volume, zone.volume)
        for zone in judgement.zones
        if zone.verdict is Verdict.REFUSED
        for volume in volumes
    ]
    return by_others + by_zones
