"""From reported numbers to a fix, or to the reason why there is none.

Order matters: sentinels become «not reported» first, then ranges are checked. What is refused here cannot be mended
by sending it again, so callers quarantine it and answer that it was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from apps.core.types import Datum, Fix, WatchfloorError

FUTURE_TOLERANCE = timedelta(minutes=5)
# The first GPS week. A receiver that reports earlier instants has not set its clock.
EARLIEST = datetime(1980, 1, 6, tzinfo=UTC)
# Beyond it a change of zone may leave the calendar.
LATEST = datetime(9000, 1, 1, tzinfo=UTC)

# AIS (ITU-R M.1371): what a transponder sends when it does not know.
NO_LON, NO_LAT, NO_SPEED, NO_COURSE, NO_HEADING = 181.0, 91.0, 1023.0, 3600.0, 511.0

FASTEST_MPS = 12_000.0  # a little above escape velocity
LOWEST_M, HIGHEST_M = -12_000.0, 1_000_000.0
FARTHEST_M = 20_037_509.0  # half-way around the Earth: who is less accurate knows nothing


class Unusable(WatchfloorError):
    """What was reported is no fix; ``code`` says why."""

    code = "unusable"


def fix_of(
    *,
    fixed_at: datetime,
    lon: float | None,
    lat: float | None,
    altitude_m: float | None = None,
    altitude_datum: Datum | None = None,
    speed_mps: float | None = None,
    course_deg: float | None = None,
    heading_deg: float | None = None,
    accuracy_m: float | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Fix:
    """Return the fix that was reported; raises ``Unusable``. ``fixed_at`` is aware, in any zone."""
    if not EARLIEST <= fixed_at < LATEST:
        raise Unusable("The clock of the sender is not set.", code="clock_not_set")
    lon, lat = _place(lon, lat)
    if altitude_m is not None:
        altitude_m = _within("altitude_m", altitude_m, LOWEST_M, HIGHEST_M)
    if speed_mps is not None:
        speed_mps = _within("speed_mps", speed_mps, 0.0, FASTEST_MPS) if speed_mps != NO_SPEED else None
    if accuracy_m is not None:
        accuracy_m = _within("accuracy_m", accuracy_m, 0.0, FARTHEST_M)
    return Fix(
        fixed_at=fixed_at if fixed_at.tzinfo is UTC else fixed_at.astimezone(UTC),
        lon=lon,
        lat=lat,
        altitude_m=altitude_m,
        altitude_datum=altitude_datum if altitude_m is not None else None,
        speed_mps=speed_mps,
        course_deg=_direction("course_deg", course_deg, NO_COURSE),
        heading_deg=_direction("heading_deg", heading_deg, NO_HEADING),
        accuracy_m=accuracy_m,
        attributes=attributes or {},
    )


def known(value: float | None) -> float | None:
    """Return a number that devices send as a negative when they do not know it."""
    return None if value is None or value < 0 else value


def _place(lon: float | None, lat: float | None) -> tuple[float, float]:
    if lon is None or lat is None or lon == NO_LON or lat == NO_LAT or (lon == 0 and lat == 0):
        raise Unusable("There is no position in the report.", code="no_position")
    return _within("lon", lon, -180.0, 180.0), _within("lat", lat, -90.0, 90.0)


def _direction(name: str, value: float | None, sentinel: float) -> float | None:
    """Return a direction in [0, 360); 360 is north too."""
    if value is None or value == sentinel:
        return None
    return _within(name, value, 0.0, 360.0) % 360.0


def _within(name: str, value: float, low: float, high: float) -> float:
    # Not a number compares false with everything, so it is outside as well.
    if low <= value <= high:
        return value
    raise Unusable(f"{name} is outside of {low:g} to {high:g}.", code="out_of_range")
