"""``POST /api/v1/positions``: a JSON array, NDJSON, or GeoJSON. Metres, metres per second, degrees, RFC 3339.

The body is decoded as a whole in one pass. Only when something in it has the wrong shape is it read again item by
item, to keep what is good and to say of the rest what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from apps.core.types import Datum, Fix, Invalid, Malformed, TooLarge
from apps.tracking.protocols.wire import MAX_ITEMS, MAX_REFERENCE, attributes_fit, decode, refused
from apps.tracking.rules.screening import Unusable, fix_of
from apps.tracking.types import Item, Report

NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Reported(msgspec.Struct, gc=False):
    """What is reported of a fix besides its place."""

    asset: str
    fixed_at: Instant
    altitude_m: float | None = None
    altitude_datum: Datum | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    heading_deg: float | None = None
    accuracy_m: float | None = None
    attributes: dict[str, Any] | None = None


class PositionIn(Reported, gc=False):
    """One element of a JSON array, or one line of NDJSON."""

    lon: float | None = None
    lat: float | None = None


class PointIn(msgspec.Struct, tag="Point"):
    """A GeoJSON point (RFC 7946): lon, lat, and perhaps a height above the ellipsoid."""

    coordinates: Annotated[list[float], msgspec.Meta(min_length=2, max_length=4)]


class FeatureIn(msgspec.Struct, tag="Feature"):
    """A GeoJSON feature that is a fix."""

    properties: Reported
    geometry: PointIn | None = None


class _Head(msgspec.Struct):
    type: str | None = None


class _Features(msgspec.Struct):
    features: list[msgspec.Raw]


In = TypeVar("In", PositionIn, FeatureIn)

_HEAD = msgspec.json.Decoder(_Head)
_RAW = msgspec.json.Decoder(msgspec.Raw)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_FEATURES = msgspec.json.Decoder(_Features)
_POSITION = msgspec.json.Decoder(PositionIn)
_POSITIONS = msgspec.json.Decoder(list[PositionIn])
_FEATURE = msgspec.json.Decoder(FeatureIn)


def parse(body: bytes, content_type: str) -> list[Item]:
    """Return what was sent, in its order: a report for each fix, a refusal for what is none.

    Raises ``Malformed`` when the body cannot be read, ``Invalid`` when it is none of the three forms, ``TooLarge``
    for too many items. An item that is wrong never stops the others.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if content_type.partition(";")[0].strip().lower() in NDJSON_TYPES:
        return _lines(body)
    if body[:1] == b"[":
        return _array(body)
    if body[:1] == b"{":
        return _object(body)
    raise Malformed("The body is not a JSON array, not NDJSON and not GeoJSON.")


def _array(body: bytes) -> list[Item]:
    try:
        positions = decode(_POSITIONS, body)
    except msgspec.ValidationError:
        return _each(_raws(body), _POSITION, _report_of_position)
    _check_count(len(positions))
    return [_item(position, _report_of_position) for position in positions]


def _object(body: bytes) -> list[Item]:
    first_line, _, rest = body.partition(b"\n")
    if rest and _is_whole(first_line):
        return _lines(body)
    decode(_RAW, body)
    try:
        kind = decode(_HEAD, body).type
    except msgspec.ValidationError:
        kind = None
    if kind == "FeatureCollection":
        return _collection(body)
    if kind == "Feature":
        return _each([body], _FEATURE, _report_of_feature)
    return _each([body], _POSITION, _report_of_position)


def _collection(body: bytes) -> list[Item]:
    try:
        features = decode(_FEATURES, body).features
    except msgspec.ValidationError as error:
        raise Invalid(f"The GeoJSON is no FeatureCollection: {error}.") from None
    _check_count(len(features))
    return _each(features, _FEATURE, _report_of_feature)


def _lines(body: bytes) -> list[Item]:
    lines = [line for line in body.splitlines() if line.strip()]
    _check_count(len(lines))
    return _each(lines, _POSITION, _report_of_position)


def _each(
    raws: Iterable[bytes | msgspec.Raw], decoder: msgspec.json.Decoder[In], report_of: Callable[[In], Report]
) -> list[Item]:
    items: list[Item] = []
    for raw in raws:
        try:
            items.append(_item(decode(decoder, raw), report_of))
        except (msgspec.ValidationError, Malformed) as error:
            code = "malformed" if isinstance(error, Malformed) else "wrong_shape"
            items.append(refused(code, str(error), bytes(raw)))
    return items


def _item(sent: In, report_of: Callable[[In], Report]) -> Item:
    try:
        return report_of(sent)
    except Unusable as error:
        return refused(error.code, error.message, msgspec.json.encode(sent), asset=_asset(sent))


def _asset(sent: PositionIn | FeatureIn) -> str:
    return sent.asset if isinstance(sent, PositionIn) else sent.properties.asset


def _report_of_position(sent: PositionIn) -> Report:
    return Report(sent.asset, _fix(sent, sent.lon, sent.lat, sent.altitude_m, sent.altitude_datum))


def _report_of_feature(sent: FeatureIn) -> Report:
    said = sent.properties
    lon, lat, *heights = sent.geometry.coordinates if sent.geometry else (None, None)
    if heights and said.altitude_m is None:
        return Report(said.asset, _fix(said, lon, lat, heights[0], said.altitude_datum or Datum.WGS84))
    return Report(said.asset, _fix(said, lon, lat, said.altitude_m, said.altitude_datum))


def _fix(said: Reported, lon: float | None, lat: float | None, altitude_m: float | None, datum: Datum | None) -> Fix:
    if len(said.asset) > MAX_REFERENCE:
        raise Unusable("The name of the asset is too long.", code="unknown_asset")
    if said.attributes is not None and not attributes_fit(said.attributes):
        raise Unusable("The attributes cannot be stored.", code="bad_attributes")
    return fix_of(
        fixed_at=said.fixed_at,
        lon=lon,
        lat=lat,
        altitude_m=altitude_m,
        altitude_datum=datum,
        speed_mps=said.speed_mps,
        course_deg=said.course_deg,
        heading_deg=said.heading_deg,
        accuracy_m=said.accuracy_m,
        attributes=said.attributes,
    )


def _raws(body: bytes) -> list[msgspec.Raw]:
    raws = decode(_RAWS, body)
    _check_count(len(raws))
    return raws


def _check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise TooLarge(f"At most {MAX_ITEMS} positions are taken at once.", details={"sent": count})


def _is_whole(line: bytes) -> bool:
    """Say whether a line is JSON by itself: then what follows it are further lines of NDJSON."""
    try:
        decode(_HEAD, line)
    except Malformed:
        return False
    except msgspec.ValidationError:
        return True
    return True
