"""What a zone may say of itself. The area was judged before, when it was parsed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import timedelta

from apps.core.text import text_error
from apps.core.types import Datum, FieldError, TimeWindow
from apps.zones.types import AltitudeBand, Constraint, ZoneDraft

SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
COLOUR = re.compile(r"#[0-9a-f]{6}")
LONGEST_DWELL = timedelta(days=365)
# Below the deepest sea and above every satellite; a height beyond is a mistake of units.
LOWEST_M, HIGHEST_M = -12_000.0, 1_000_000.0


def zone_errors(zone: ZoneDraft) -> Iterator[FieldError]:
    """Yield everything that is wrong with a zone, area apart; pointers are those of the REST body."""
    yield from text_error(zone.name, "/name", max_length=200)
    yield from text_error(zone.description, "/description", max_length=10_000, may_be_blank=True, is_multiline=True)
    yield from band_errors(zone.band)
    yield from _validity_errors(zone.validity)
    if zone.dwell_after is not None and not timedelta(0) < zone.dwell_after <= LONGEST_DWELL:
        yield FieldError(
            pointer="/dwell_after_s", code="out_of_range", detail="It must be from 1 s to a year, or null."
        )


def kind_errors(*, slug: str, name: str, label: str, colour: str, constraint: str) -> Iterator[FieldError]:
    """Yield everything that is wrong with a kind of zone."""
    if len(slug) > 64 or not SLUG.fullmatch(slug):
        detail = "Use lower-case letters, digits and single dashes or underscores, 64 at most."
        yield FieldError(pointer="/slug", code="bad_slug", detail=detail)
    yield from text_error(name, "/name", max_length=120)
    yield from text_error(label, "/label", max_length=24, may_be_blank=True)
    if not COLOUR.fullmatch(colour):
        yield FieldError(pointer="/colour", code="bad_colour", detail="A colour is written #rrggbb, in lower case.")
    if constraint not in {each.value for each in Constraint}:
        detail = f"One of {', '.join(each.value for each in Constraint if each)}, or empty."
        yield FieldError(pointer="/constraint", code="unknown", detail=detail)


def band_errors(band: AltitudeBand) -> Iterator[FieldError]:
    """Yield everything that is wrong with a band, of a zone or of anything else that has one."""
    yield from _bound_errors("lower", band.lower_m, band.lower_datum)
    yield from _bound_errors("upper", band.upper_m, band.upper_datum)
    if band.lower_m is None or band.upper_m is None or band.lower_datum != band.upper_datum:
        return
    if band.lower_m >= band.upper_m:
        yield FieldError(pointer="/upper_m", code="out_of_order", detail="It must lie above lower_m.")


def _bound_errors(which: str, height_m: float | None, datum: Datum | None) -> Iterator[FieldError]:
    if height_m is None:
        if datum is not None:
            detail = f"{which}_datum says what {which}_m is measured from, and {which}_m is missing."
            yield FieldError(pointer=f"/{which}_m", code="required", detail=detail)
        return
    if not math.isfinite(height_m) or not LOWEST_M <= height_m <= HIGHEST_M:
        detail = f"A height lies between {LOWEST_M:.0f} m and {HIGHEST_M:.0f} m."
        yield FieldError(pointer=f"/{which}_m", code="out_of_range", detail=detail)
    if datum is None:
        detail = f"Say what {which}_m is measured from: {', '.join(Datum)}."
        yield FieldError(pointer=f"/{which}_datum", code="required", detail=detail)


def _validity_errors(validity: TimeWindow) -> Iterator[FieldError]:
    for which, instant in (("from", validity.start), ("to", validity.end)):
        if instant is not None and instant.utcoffset() is None:
            detail = "An instant needs its offset from UTC: 2026-07-01T12:00:00Z."
            yield FieldError(pointer=f"/valid_{which}", code="no_offset", detail=detail)
            return
    if validity.start is not None and validity.end is not None and validity.start >= validity.end:
        yield FieldError(pointer="/valid_to", code="out_of_order", detail="It must lie after valid_from.")
