"""Server frames as text. What several sockets get alike is encoded once and shared.

A frame that many get is put together from the name of the subscription and a body that does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import orjson

from apps.access.judging import FREE, Obligations
from apps.access.veils import STATE, veiled, veiled_object
from apps.core.types import Feature, WatchfloorError
from apps.live.rules.decide import Decision
from apps.live.types import ChangeKind, GapReason, LogRow, Position

Fields = tuple[str, ...] | None
STATUS_OF = {
    "not_authenticated": 401,
    "not_allowed": 403,
    "not_found": 404,
    "unknown_topic": 404,
    "unknown_subscription": 404,
    "conflict": 409,
    "subscription_exists": 409,
    "too_many_subscriptions": 409,
    "already_authenticated": 409,
    "snapshot_too_large": 413,
    "bad_frame": 422,
    "invalid": 422,
    "unavailable": 503,
}


def encode(value: Any) -> str:
    """Return JSON text."""
    return orjson.dumps(value, default=str).decode()


def frame(kind: str, **members: Any) -> str:
    """Return one frame that only one socket gets."""
    return encode({"type": kind, **members})


def error_frame(error: WatchfloorError, frame_id: str | int | None, *, sub: str | None = None) -> str:
    """Return an error as problem details (RFC 9457) in a frame; ``sub`` names a subscription that it ends."""
    problem: dict[str, Any] = {
        "type": f"urn:watchfloor:problem:{error.code}",
        "title": error.message,
        "status": STATUS_OF.get(error.code, 400),
    }
    if error.errors:
        problem["errors"] = [
            {"pointer": field.pointer, "code": field.code, "detail": field.detail} for field in error.errors
        ]
    if error.details:
        problem["details"] = error.details
    ended = {} if sub is None else {"sub": sub}
    return frame("error", id=frame_id, **ended, problem=problem)


def gap_frame(sub: str, reason: GapReason) -> str:
    """Return the frame that says that a subscription is blind until its next snapshot."""
    return frame("gap", sub=sub, reason=reason, action="resync")


def bookmark_frame(sub: str, epoch: str, offset: int, view: str) -> str:
    """Return the frame that says that a subscription has all up to an offset."""
    return frame("bookmark", sub=sub, epoch=epoch, offset=offset, view=view)


def event_text(
    row: LogRow,
    decision: Decision,
    sub: str,
    fields: Fields,
    owed: Obligations = FREE,
    *,
    is_numbered: bool = True,
) -> str:
    """Return the frame of an event, encoded once per name, fields, decision and what is to be kept.

    Where things are told late, frames are not numbered: the last one does not say that all before it has come.
    """
    key = (sub, fields, decision, owed, is_numbered)
    offset = row.offset if is_numbered else None
    return _kept(row.texts, key, lambda: _named("event", sub, _event_body(row, decision, fields, owed, offset)))


def remove_texts(ids: Iterable[UUID], decision: Decision, sub: str) -> list[str]:
    """Return the frames that take objects away without an event of the log."""
    return [
        encode({"type": "event", "sub": sub, "change": decision.change, "id": id_, "reason": decision.reason})
        for id_ in ids
    ]


def upsert_text(feature: Feature, decision: Decision, sub: str, fields: Fields) -> str:
    """Return the frame that brings an object without an event of the log."""
    return encode(
        {
            "type": "event",
            "sub": sub,
            "change": decision.change,
            "id": feature.id,
            "reason": decision.reason,
            "feature": feature_json(feature, fields),
        }
    )


def position_text(position: Position, decision: Decision, sub: str, fields: Fields, owed: Obligations = FREE) -> str:
    """Return the frame of a position."""
    if decision.change is ChangeKind.REMOVE:
        return remove_texts([position.asset_id], decision, sub)[0]
    return upsert_text(veiled(position_feature(position), owed), decision, sub, fields)


def position_feature(position: Position) -> Feature:
    """Return a position as the feature that the topic's snapshot shows."""
    return Feature(
        id=position.asset_id,
        organisation_id=position.organisation_id,
        version=0,
        geometry={"type": "Point", "coordinates": [position.lon, position.lat]},
        properties={
            "fixed_at": instant(position.fixed_at),
            "altitude_m": position.altitude_m,
            "speed_mps": position.speed_mps,
            "course_deg": position.course_deg,
            "heading_deg": position.heading_deg,
            "connectivity": position.connectivity,
        },
    )


def position_of(feature: Feature) -> Position:
    """Return the position that a feature of the topic shows."""
    told: Any = feature.properties
    place: Any = feature.geometry
    lon, lat = place["coordinates"]
    return Position(
        asset_id=feature.id,
        organisation_id=cast("UUID", feature.organisation_id),
        fixed_at=datetime.fromisoformat(told["fixed_at"]),
        lon=lon,
        lat=lat,
        altitude_m=told["altitude_m"],
        speed_mps=told["speed_mps"],
        course_deg=told["course_deg"],
        heading_deg=told["heading_deg"],
        connectivity=told["connectivity"],
    )


def snapshot_bodies(features: Sequence[Feature], fields: Fields, chunk: int) -> list[str]:
    """Return the bodies of a snapshot's frames, at least one, the last one marked."""
    starts = range(0, len(features), chunk) if features else range(1)
    return [
        orjson.dumps(
            {
                "features": [feature_json(feature, fields) for feature in features[start : start + chunk]],
                "last": start + chunk >= len(features),
            },
            default=str,
        ).decode()[1:]
        for start in starts
    ]


def snapshot_texts(bodies: Sequence[str], sub: str) -> Iterator[str]:
    """Yield the frames of a snapshot for one name."""
    return (_named("snapshot", sub, body) for body in bodies)


def feature_json(feature: Feature, fields: Fields) -> dict[str, Any]:
    """Return the GeoJSON feature with the wanted properties."""
    properties: Mapping[str, object] = feature.properties
    if fields is not None:
        properties = {name: properties[name] for name in fields if name in properties}
    return {
        "type": "Feature",
        "id": feature.id,
        "organisation_id": feature.organisation_id,
        "version": feature.version,
        "geometry": feature.geometry,
        "properties": dict(properties),
    }


def instant(at: datetime) -> str:
    """Return an aware UTC instant as RFC 3339 with ``Z``."""
    return at.isoformat().replace("+00:00", "Z")


def _event_body(row: LogRow, decision: Decision, fields: Fields, owed: Obligations, offset: int | None) -> str:
    # No ``previous`` of pictures: the reader may not have been allowed to see the object as it was.
    body: dict[str, Any] = {
        **({} if offset is None else {"offset": offset}),
        "change": decision.change,
        "id": row.object_id,
        "reason": decision.reason,
    }
    if decision.change is ChangeKind.UPSERT and row.picture is not None:
        body["feature"] = orjson.Fragment(_feature_text(row, fields, owed))
    if decision.change is not ChangeKind.REMOVE:
        body["event"] = _envelope(row, owed)
    if decision.change is ChangeKind.EVENT:
        body["event"] |= {
            "object": veiled_object(row.content, owed),
            "previous": veiled_object(row.corrected, owed),
        }
    return encode(body)[1:]


def _envelope(row: LogRow, owed: Obligations) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.type,
        "time": row.occurred_at,
        "change": row.change,
        "lifecycle": None if STATE in owed.hidden else row.lifecycle,
    }


def _feature_text(row: LogRow, fields: Fields, owed: Obligations) -> str:
    picture = row.picture
    assert picture is not None  # noqa: S101 - said by the caller
    return _kept(row.texts, ("feature", fields, owed), lambda: encode(feature_json(veiled(picture, owed), fields)))


def _kept(texts: dict[Hashable, str], key: Hashable, make: Callable[[], str]) -> str:
    text = texts.get(key)
    if text is None:
        text = texts[key] = make()
    return text


def _named(kind: str, sub: str, body: str) -> str:
    return f'{{"type":"{kind}","sub":{encode(sub)},{body}'
