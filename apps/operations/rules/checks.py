"""What an operation and its kind may say of themselves. Shapes were judged before, when they were read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import shapely

from apps.core.text import text_error
from apps.core.types import FieldError, Invalid
from apps.operations.rules.recurrence import spans_of
from apps.operations.types import OperationDraft, PlannedVolume, Volume4D, VolumeDraft
from apps.zones.rules.checks import band_errors

SLUG: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
MOST_VOLUMES: Final = 50
MOST_OCCUPANCIES: Final = 1_000
# All of it stands in every event and every answer: a few numbers are enough for a circle of thousands of vertices.
MOST_VERTICES: Final = 50_000
MOST_ASSETS: Final = 100
HIGHEST_PRIORITY: Final = 100
LONGEST_TIME: Final = timedelta(days=31)
FURTHEST: Final = timedelta(days=731)
LONGEST_LIMIT: Final = timedelta(days=1)
LARGEST_TOLERANCE_M: Final = 10_000.0


def written_out(planned: Sequence[PlannedVolume]) -> list[Volume4D]:
    """Return every time of every volume, in the order of the volumes; raises ``Invalid`` for a bad recurrence."""
    return [
        Volume4D(footprint=volume.footprint, band=volume.band, during=span, number=number)
        for number, volume in enumerate(planned, start=1)
        for span in spans_of(volume.starts_at, volume.ends_at, volume.recurrence)
    ]


def operation_errors(draft: OperationDraft, *, at: datetime) -> Iterator[FieldError]:
    """Yield everything that is wrong with a plan; pointers are those of the REST body."""
    yield from text_errors(title=draft.title, description=draft.description, contact=draft.contact)
    yield from priority_errors(draft.priority or 0, "/priority")
    yield from assets_errors(draft.asset_ids)
    yield from volumes_errors(draft.volumes, at=at)


def text_errors(*, title: str, description: str, contact: str) -> Iterator[FieldError]:
    """Yield everything that is wrong with what an operation says in words."""
    yield from text_error(title, "/title", max_length=200)
    yield from text_error(description, "/description", max_length=20_000, may_be_blank=True, is_multiline=True)
    yield from text_error(contact, "/contact", max_length=200, may_be_blank=True)


def priority_errors(priority: int, pointer: str) -> Iterator[FieldError]:
    """Yield the one error of a priority, if it has one."""
    if not 0 <= priority <= HIGHEST_PRIORITY:
        detail = f"A priority is a number from 0 to {HIGHEST_PRIORITY}."
        yield FieldError(pointer=pointer, code="out_of_range", detail=detail)


def assets_errors(asset_ids: Sequence[UUID]) -> Iterator[FieldError]:
    """Yield the one error of the assets of an operation, if they have one."""
    if len(set(asset_ids)) > MOST_ASSETS:
        detail = f"At most {MOST_ASSETS} assets take part in one operation."
        yield FieldError(pointer="/asset_ids", code="too_many", detail=detail)


def volumes_errors(drafts: Sequence[VolumeDraft], *, at: datetime) -> Iterator[FieldError]:
    """Yield everything that is wrong with the volumes of a plan that is made at an instant."""
    if not 1 <= len(drafts) <= MOST_VOLUMES:
        yield FieldError(pointer="/volumes", code="out_of_range", detail=f"There are 1 to {MOST_VOLUMES} volumes.")
        return
    errors = [error for place, draft in enumerate(drafts) for error in _volume_errors(draft, f"/volumes/{place}", at)]
    yield from errors
    if errors:
        return
    vertices = sum(int(shapely.get_num_coordinates(draft.footprint)) for draft in drafts)
    if vertices > MOST_VERTICES:
        detail = f"Their outlines have {vertices} vertices together; {MOST_VERTICES} are allowed."
        yield FieldError(pointer="/volumes", code="too_many_vertices", detail=detail)
        return
    times = written_out(drafts)
    if len(times) > MOST_OCCUPANCIES:
        detail = f"Written out, they have {len(times)} times; {MOST_OCCUPANCIES} are allowed."
        yield FieldError(pointer="/volumes", code="too_many_times", detail=detail)
    if max(each.during.end for each in times) <= at:
        yield FieldError(pointer="/volumes", code="over", detail="All of it lies in the past.")
    if max(each.during.end for each in times) > at + FURTHEST:
        yield FieldError(pointer="/volumes", code="too_far", detail="Nothing is planned more than two years ahead.")


def kind_errors(
    *, slug: str, name: str, colour: str, default_priority: int, tolerance_m: float, limits: Sequence[timedelta | None]
) -> Iterator[FieldError]:
    """Yield everything that is wrong with a kind; ``limits`` are when it is nonconforming and contingent."""
    if len(slug) > 64 or not SLUG.fullmatch(slug):
        detail = "Use lower-case letters, digits and single dashes or underscores, 64 at most."
        yield FieldError(pointer="/slug", code="bad_slug", detail=detail)
    yield from text_error(name, "/name", max_length=120)
    if not COLOUR.fullmatch(colour):
        yield FieldError(pointer="/colour", code="bad_colour", detail="A colour is written #rrggbb, in lower case.")
    yield from priority_errors(default_priority, "/default_priority")
    if not (math.isfinite(tolerance_m) and 0 <= tolerance_m <= LARGEST_TOLERANCE_M):
        detail = f"A tolerance is from 0 to {LARGEST_TOLERANCE_M:.0f} m."
        yield FieldError(pointer="/tolerance_m", code="out_of_range", detail=detail)
    for pointer, limit in zip(("/nonconforming_after_s", "/contingent_after_s"), limits, strict=True):
        if limit is not None and not timedelta(0) <= limit <= LONGEST_LIMIT:
            yield FieldError(pointer=pointer, code="out_of_range", detail="It is at most a day.")


def _volume_errors(draft: VolumeDraft, pointer: str, at: datetime) -> Iterator[FieldError]:
    for error in band_errors(draft.band):
        yield FieldError(pointer=pointer + error.pointer, code=error.code, detail=error.detail)
    if draft.starts_at.utcoffset() is None or draft.ends_at.utcoffset() is None:
        detail = "An instant needs its offset from UTC: 2026-07-01T12:00:00Z."
        yield FieldError(pointer=f"{pointer}/starts_at", code="no_offset", detail=detail)
    elif not timedelta(0) < draft.ends_at - draft.starts_at <= LONGEST_TIME:
        detail = f"It ends after it starts, and at most {LONGEST_TIME.days} days later."
        yield FieldError(pointer=f"{pointer}/ends_at", code="out_of_order", detail=detail)
    elif abs(draft.starts_at - at) > FURTHEST:
        detail = "Nothing is planned that begins more than two years before or after now."
        yield FieldError(pointer=f"{pointer}/starts_at", code="too_far", detail=detail)
    else:
        yield from _recurrence_errors(draft, pointer)


def _recurrence_errors(draft: VolumeDraft, pointer: str) -> Iterator[FieldError]:
    try:
        spans_of(draft.starts_at, draft.ends_at, draft.recurrence)
    except Invalid as error:
        for each in error.errors:
            yield FieldError(pointer=pointer + each.pointer, code=each.code, detail=each.detail)
