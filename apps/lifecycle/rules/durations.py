"""Durations as they are written, and how long what failed rests."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(hours=1)
_DURATION: Final = re.compile(r"^(-?)P(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?$")


def parse_duration(text: str) -> timedelta:
    """Return an ISO 8601 duration of days, hours, minutes and seconds; years and months have no fixed length.

    Raises ``ValueError`` for anything else, and for nothing.
    """
    duration = parse_offset(text)
    if duration <= timedelta(0):
        raise ValueError(f"«{text}» is no duration above zero, such as PT5M or P1DT12H.")
    return duration


def parse_offset(text: str) -> timedelta:
    """Return the same where a duration may be zero, or negative (``-PT30M``)."""
    found = _DURATION.match(text)
    if found is None or not any(found.groups()[1:]):
        raise ValueError(f"«{text}» is no duration above zero, such as PT5M or P1DT12H.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -duration if found[1] else duration


def pause_after(attempts: int) -> timedelta:
    """Return how long something rests after so many failures: doubling, up to an hour."""
    return min(FIRST_PAUSE * int(2 ** min(attempts - 1, 20)), LONGEST_PAUSE)
