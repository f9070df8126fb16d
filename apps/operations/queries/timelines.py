"""When operations are planned, and which of their times meet what others hold: what a timeline draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import QuerySet

from apps.access.types import Actor
from apps.operations.models import Occupancy, Operation
from apps.operations.queries.answering import titles_seen
from apps.operations.queries.conflicts import find_conflicts
from apps.operations.queries.operations import volumes_of
from apps.operations.rules.meeting import verdict
from apps.operations.types import OVER, Held, Span, Verdict, Volume4D

# Verdicts of which a planner wants to know; the others let both be.
TOLD: Final = frozenset({Verdict.REFUSED, Verdict.NEEDS_APPROVAL, Verdict.OVERRULES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """A time of an operation at which it meets another. ``other`` is its title, ``None`` where one may not see it."""

    during: Span
    verdict: Verdict
    other: str | None


@dataclass(slots=True)
class Planned:
    """An operation with its times in a window, in order, and those at which it meets others."""

    operation: Operation
    times: list[Span] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)


def planned_between(operations: Sequence[Operation], window: Span, actor: Actor) -> list[Planned]:
    """Return the times of these operations, which the actor may see, that touch a window. Needs ``kind``.

    Six statements however many they are. Operations that are over meet nobody. Of a time at which one meets what the
    actor may not see, all of it is marked: not since when the other is there.
    """
    rows = {each.pk: Planned(each) for each in operations}
    volumes, owners = _times(rows, window)
    for owner, volume in zip(owners, volumes, strict=True):
        if volume.during not in rows[owner].times:
            rows[owner].times.append(volume.during)
    wanted = [place for place, owner in enumerate(owners) if rows[owner].operation.state_category != OVER]
    held = find_conflicts([volumes[place] for place in wanted])
    others = Operation.objects.select_related("kind").in_bulk({each.operation_id for each in held})
    titles = titles_seen(others, actor)
    for each in held:
        row, mine = rows[owners[wanted[each.place]]], volumes[wanted[each.place]]
        if each.operation_id != row.operation.pk and each.operation_id in others:
            _add(row, _clash(row.operation, mine, others[each.operation_id], each, titles))
    return list(rows.values())


def _times(rows: dict[UUID, Planned], window: Span) -> tuple[list[Volume4D], list[UUID]]:
    """Return every time of their volumes that touches the window, and whose each is; two statements."""
    known = {volume.pk: volume for each in volumes_of(rows).values() for volume in each}
    footprints = {pk: volume.planned.footprint for pk, volume in known.items()}
    found: QuerySet[Occupancy] = Occupancy.objects.filter(
        operation__in=list(rows), during__overlap=DateTimeTZRange(window.start, window.end, "[]")
    )
    times = sorted(set(found.values_list("volume_id", "during")), key=lambda each: (each[1].lower, each[1].upper))
    volumes = [
        Volume4D(footprint=footprints[pk], band=known[pk].band, during=Span(during.lower, during.upper))
        for pk, during in times
    ]
    return volumes, [known[pk].operation_id for pk, _ in times]


def _clash(mine: Operation, volume: Volume4D, other: Operation, held: Held, titles: dict[UUID, str]) -> Clash:
    title, during = titles.get(other.pk), volume.during
    if title is not None:
        theirs = held.volume.during
        during = Span(max(during.start, theirs.start), min(during.end, theirs.end))
    return Clash(during=during, verdict=verdict(mine.standing, other.standing, held.meeting), other=title)


def _add(row: Planned, clash: Clash) -> None:
    if clash.verdict in TOLD and clash not in row.clashes:
        row.clashes.append(clash)
