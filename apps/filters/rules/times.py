"""Instants and intervals: how they are written, and the relations of CQL2 between them (OGC 21-065r2, 7.8; Allen).

An instant is counted in microseconds since 1970 (UTC), an open end is an infinity; so any two ends can be compared.
An interval is compared by its two ends. A date stands for its first instant, in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

Tick: TypeAlias = int | float
Ends: TypeAlias = tuple[Tick, Tick]

OPEN: Final = ".."
EARLIEST: Final = float("-inf")
LATEST: Final = float("inf")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_instant(text: str) -> datetime | None:
    """Return an RFC 3339 instant as aware UTC, to the microsecond; ``None`` for what is none."""
    if not _INSTANT.fullmatch(text.upper()):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> date | None:
    """Return a date; ``None`` for what is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def midnight(day: date) -> datetime:
    """Return the first instant of a date, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def write_instant(at: datetime) -> str:
    """Return an instant as CQL2 writes it, in UTC."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="auto")
    return (text.rstrip("0") if "." in text else text) + "Z"


def tick(at: datetime) -> int:
    """Return the microseconds since 1970 of an aware instant."""
    return (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=16_384)
def tick_of_text(text: str) -> int:
    """Return the microseconds of an instant as our own representations write it."""
    return tick(datetime.fromisoformat(text))


# The ends of the first and of the second interval, by their place in (start, end, start, end).
_A0, _A1, _B0, _B1 = range(4)
Relation: TypeAlias = tuple[tuple[int, str, int], ...]
# Every comparison of a relation must hold. Disjoint is what does not intersect.
RELATIONS: Final[Mapping[str, Relation]] = {
    "t_after": ((_A0, ">", _B1),),
    "t_before": ((_A1, "<", _B0),),
    "t_contains": ((_A0, "<", _B0), (_A1, ">", _B1)),
    "t_during": ((_A0, ">", _B0), (_A1, "<", _B1)),
    "t_equals": ((_A0, "=", _B0), (_A1, "=", _B1)),
    "t_finishedby": ((_A0, "<", _B0), (_A1, "=", _B1)),
    "t_finishes": ((_A0, ">", _B0), (_A1, "=", _B1)),
    "t_intersects": ((_A0, "<=", _B1), (_A1, ">=", _B0)),
    "t_meets": ((_A1, "=", _B0),),
    "t_metby": ((_A0, "=", _B1),),
    "t_overlappedby": ((_A0, ">", _B0), (_A0, "<", _B1), (_A1, ">", _B1)),
    "t_overlaps": ((_A0, "<", _B0), (_A1, ">", _B0), (_A1, "<", _B1)),
    "t_startedby": ((_A0, "=", _B0), (_A1, ">", _B1)),
    "t_starts": ((_A0, "=", _B0), (_A1, "<", _B1)),
}
