"""OwnTracks over HTTP: one JSON object a request, ``vel`` in **kilometres per hour**, ``tst`` in Unix seconds.

The app puts a message that is not answered with 2xx back into its queue and tries it for ever, so whatever a retry
cannot mend is taken and refused quietly; ``_type``s other than ``location`` are none of our business.
"""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec

from apps.core.types import Datum, Fix, Malformed
from apps.tracking.protocols.osmand import DeviceReport, instant
from apps.tracking.protocols.wire import KMH_IN_MPS, decode, refused
from apps.tracking.rules.screening import Unusable, fix_of, known

TOPIC_PREFIX = "owntracks/"


class Message(msgspec.Struct):
    """A ``location`` message, as far as we read it."""

    tst: int | float | None = None
    lat: float | None = None
    lon: float | None = None
    alt: float | None = None
    vel: float | None = None
    cog: float | None = None
    acc: float | None = None
    batt: float | None = None


class _Head(msgspec.Struct):
    type: str | None = msgspec.field(default=None, name="_type")
    topic: str | None = None
    tid: str | None = None


_HEAD = msgspec.json.Decoder(_Head)
_MESSAGE = msgspec.json.Decoder(Message)


def parse(query: str, body: bytes, *, user: str = "", device: str = "") -> DeviceReport | None:
    """Return what the message says, or ``None`` for one that is not about a location.

    ``user`` and ``device`` are the app's headers ``X-Limit-U`` and ``X-Limit-D``; the topic of the message goes
    before them, ``?u=&d=`` and the tracker id come after. Raises ``Malformed`` when nothing names a device.
    """
    try:
        head = decode(_HEAD, body)
    except (msgspec.ValidationError, Malformed) as error:
        device_id = _device_id(_Head(), query, user, device)
        return DeviceReport(device_id=device_id, outcome=refused("malformed", str(error), body, asset=device_id))
    if head.type != "location":
        return None
    device_id = _device_id(head, query, user, device)
    try:
        return DeviceReport(device_id=device_id, outcome=_fix(decode(_MESSAGE, body)))
    except msgspec.ValidationError as error:
        return DeviceReport(device_id=device_id, outcome=refused("wrong_shape", str(error), body, asset=device_id))
    except (Unusable, Malformed) as error:
        return DeviceReport(device_id=device_id, outcome=refused(error.code, error.message, body, asset=device_id))


def _fix(message: Message) -> Fix:
    if message.tst is None:
        raise Unusable("The message has no tst.", code="bad_time")
    speed_kmh = known(message.vel)
    battery = known(message.batt)
    return fix_of(
        fixed_at=instant(message.tst),
        lon=message.lon,
        lat=message.lat,
        altitude_m=message.alt,
        altitude_datum=Datum.AMSL,
        speed_mps=None if speed_kmh is None else speed_kmh * KMH_IN_MPS,
        course_deg=known(message.cog),
        accuracy_m=known(message.acc),
        attributes={} if battery is None else {"battery_pct": battery},
    )


def _device_id(head: _Head, query: str, user: str, device: str) -> str:
    asked = parse_qs(query, max_num_fields=100) if query.count("&") < 100 else {}
    user = user or asked.get("u", [""])[0]
    device = device or asked.get("d", [""])[0]
    named = (head.topic or "").removeprefix(TOPIC_PREFIX) or (f"{user}/{device}" if user and device else "")
    if not (named or head.tid):
        raise Malformed(
            "The message names no device: it needs a topic, or headers X-Limit-U and X-Limit-D.", code="no_device"
        )
    return named or str(head.tid)
