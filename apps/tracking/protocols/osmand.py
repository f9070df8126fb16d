"""The OsmAnd protocol as OsmAnd, Traccar Client and many trackers speak it, in its three wire forms.

A query string, or the same as a form body (Traccar Client 10): speed in **knots**. JSON (Traccar Client 9): speed
in **metres per second**. Which one it is, the request itself shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec

from apps.core.types import Fix, Malformed
from apps.tracking.protocols.wire import KNOTS_IN_MPS, decode, refused
from apps.tracking.rules.screening import Unusable, fix_of, known
from apps.tracking.types import Refused

MAX_FIELDS = 100
SECONDS_BELOW = 2**31 - 1  # larger timestamps are milliseconds
KEPT = {"batt": "battery_pct", "hdop": "hdop", "charge": "charging", "event": "event", "activity": "activity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """What one request of a device says: which device, and its fix or why there is none."""

    device_id: str
    outcome: Fix | Refused


class Coords(msgspec.Struct):
    """The place in a JSON report. Negative speed, heading and accuracy stand for «unknown»."""

    latitude: float | None = None
    longitude: float | None = None
    accuracy: float | None = None
    speed: float | None = None
    heading: float | None = None
    altitude: float | None = None


class Battery(msgspec.Struct):
    """The battery in a JSON report; ``level`` is a fraction, negative for «unknown»."""

    level: float | None = None
    is_charging: bool | None = None


class Location(msgspec.Struct):
    """One location in a JSON report."""

    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | int | float
    coords: Coords
    battery: Battery | None = None
    event: str | None = None


class _Named(msgspec.Struct):
    device_id: str | int
    location: msgspec.Raw = msgspec.Raw(b"null")


_NAMED = msgspec.json.Decoder(_Named)
_LOCATION = msgspec.json.Decoder(Location)


def parse(query: str, body: bytes, received_at: datetime) -> DeviceReport:
    """Return what the request says; raises ``Malformed`` when it does not even name a device.

    A report without an instant is taken to be of ``received_at``, as OsmAnd's own server does.
    """
    if not query and body.lstrip()[:1] == b"{":
        return _of_json(body)
    fields = _fields(query) or _fields(body.decode(errors="replace").strip())
    device_id = fields.get("id") or fields.get("deviceid") or ""
    if not device_id:
        raise Malformed("The report names no device.", code="no_device")
    try:
        return DeviceReport(device_id=device_id, outcome=_fix_of_fields(fields, received_at))
    except Unusable as error:
        text = query or body
        return DeviceReport(device_id=device_id, outcome=refused(error.code, error.message, text, asset=device_id))


def _of_json(body: bytes) -> DeviceReport:
    try:
        named = decode(_NAMED, body)
    except msgspec.ValidationError as error:
        raise Malformed(f"The report names no device: {error}.", code="no_device") from None
    device_id = str(named.device_id)
    outcome: Fix | Refused
    try:
        outcome = _fix_of_location(decode(_LOCATION, named.location))
    except msgspec.ValidationError as error:
        outcome = refused("wrong_shape", str(error), body, asset=device_id)
    except (Unusable, Malformed) as error:
        outcome = refused(error.code, error.message, body, asset=device_id)
    return DeviceReport(device_id=device_id, outcome=outcome)


def _fix_of_location(location: Location) -> Fix:
    coords, battery = location.coords, location.battery
    at = location.timestamp
    attributes: dict[str, Any] = {}
    if battery is not None and known(battery.level) is not None:
        attributes["battery_pct"] = round((battery.level or 0.0) * 100)
    if location.event:
        attributes["event"] = location.event[:100].replace("\0", "")
    return fix_of(
        fixed_at=at if isinstance(at, datetime) else instant(at),
        lon=coords.longitude,
        lat=coords.latitude,
        altitude_m=coords.altitude,
        speed_mps=known(coords.speed),
        course_deg=known(coords.heading),
        accuracy_m=known(coords.accuracy),
        attributes=attributes,
    )


def _fix_of_fields(fields: Mapping[str, str], received_at: datetime) -> Fix:
    if fields.get("valid", "true").lower() not in {"true", "1"}:
        raise Unusable("The receiver says that it has no position.", code="no_position")
    lat, lon = fields.get("lat"), fields.get("lon")
    if "location" in fields:
        lat, _, lon = fields["location"].partition(",")
    speed_kn = known(_number(fields, "speed"))
    return fix_of(
        fixed_at=_instant_of_text(fields["timestamp"]) if fields.get("timestamp") else received_at,
        lon=_float("lon", lon) if lon else None,
        lat=_float("lat", lat) if lat else None,
        altitude_m=_number(fields, "altitude"),
        speed_mps=None if speed_kn is None else speed_kn * KNOTS_IN_MPS,
        course_deg=known(_number(fields, "bearing", "heading")),
        accuracy_m=known(_number(fields, "accuracy")),
        attributes={name: fields[key][:100].replace("\0", "") for key, name in KEPT.items() if fields.get(key)},
    )


def instant(number: float) -> datetime:
    """Return the instant of a Unix timestamp in seconds or, if it is too large for those, milliseconds."""
    seconds = number if number < SECONDS_BELOW else number / 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise Unusable("The timestamp is no instant.", code="bad_time") from None


def _instant_of_text(text: str) -> datetime:
    """Return the instant of a timestamp: Unix seconds or milliseconds, ISO 8601, or ``2026-03-01 12:00:00`` in UTC."""
    try:
        return instant(float(text))
    except ValueError:
        pass
    try:
        # A plus sign that was not escaped in the query has become a space.
        at = datetime.fromisoformat(text.strip().replace(" ", "+" if "T" in text else " "))
    except ValueError:
        raise Unusable("The timestamp is no instant.", code="bad_time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _fields(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=MAX_FIELDS, errors="replace"))
    except ValueError:
        raise Malformed("The report has too many fields.") from None


def _number(fields: Mapping[str, str], *names: str) -> float | None:
    return next((_float(name, fields[name]) for name in names if fields.get(name)), None)


def _float(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Unusable(f"{name} is no number.", code="out_of_range")
    return number
