"""Client frames: bytes in, typed values out, or an error that names what is wrong."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from apps.core.types import BBox, FieldError, Invalid
from apps.live.types import Close, FeedError, View

FrameId: TypeAlias = str | int | None
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Secret = Annotated[str, Meta(min_length=1, max_length=256)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Box: TypeAlias = tuple[Lon, Lat, Lon, Lat]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Fields = Annotated[list[Name], Meta(max_length=64)]
# CQL2 text, or the tree of CQL2 JSON; what it says is read where the topic is known.
Filtering: TypeAlias = str | dict[str, Any] | bool
Interval = Annotated[int, Meta(ge=0, le=60_000)]


class Auth(msgspec.Struct, frozen=True, kw_only=True, tag="auth"):
    """Who the client is, where neither header nor address could say so."""

    id: FrameId = None
    token: Secret | None = None
    ticket: Secret | None = None


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """How far the client had come."""

    epoch: Name
    offset: Offset
    view: Name


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, tag="subscribe"):
    """Begin a subscription."""

    sub: Name
    topic: Name
    id: FrameId = None
    bbox: Box | None = None
    fields: Fields | None = None
    snapshot: bool = True
    min_interval_ms: Interval = 0
    resume: Resume | None = None
    filter: Filtering | None = None


class Update(msgspec.Struct, frozen=True, kw_only=True, tag="update"):
    """Change the box or the filter of a subscription; what is missing stays."""

    sub: Name
    id: FrameId = None
    bbox: Box | UnsetType | None = UNSET
    filter: Filtering | UnsetType | None = UNSET


class Unsubscribe(msgspec.Struct, frozen=True, kw_only=True, tag="unsubscribe"):
    """End a subscription."""

    sub: Name
    id: FrameId = None


class Ack(msgspec.Struct, frozen=True, kw_only=True, tag="ack"):
    """How far the client has worked."""

    sub: Name
    offset: Offset
    id: FrameId = None


class Ping(msgspec.Struct, frozen=True, kw_only=True, tag="ping"):
    """Ask for a sign of life."""

    id: FrameId = None


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag="pong"):
    """Give a sign of life."""

    id: FrameId = None


Request: TypeAlias = Subscribe | Update | Unsubscribe | Ack
ClientFrame: TypeAlias = Auth | Ping | Pong | Request
_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_anything = msgspec.json.Decoder()


class BadFrame(Invalid):
    """A frame that is JSON but not one of ours; ``frame_id`` goes back with the error."""

    code = "bad_frame"

    def __init__(self, message: str, *, frame_id: FrameId, pointer: str) -> None:
        super().__init__(message, errors=[FieldError(pointer=pointer, code="bad_frame", detail=message)])
        self.frame_id = frame_id


def parse_frame(text: str | None, *, max_bytes: int) -> ClientFrame:
    """Return the frame; raises ``BadFrame`` for a wrong one, ``FeedError`` for what is no frame at all."""
    if text is None:
        raise FeedError(Close.BAD_FRAME, "Frames are text.")
    # A character is up to four bytes; counting them exactly would encode every frame once more.
    if len(text) > max_bytes:
        raise FeedError(Close.BAD_FRAME, f"A frame may have {max_bytes} bytes.")
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _bad_frame(text, str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise FeedError(Close.BAD_FRAME, "A frame is a JSON object.") from None


def view_of(frame: Subscribe) -> View:
    """Return what a subscription asks to see, its filter apart; raises ``BadFrame`` for an impossible box."""
    return View(
        topic=frame.topic,
        bbox=parse_box(frame.bbox, frame.id),
        fields=None if frame.fields is None else tuple(sorted(set(frame.fields))),
        min_interval_ms=frame.min_interval_ms,
    )


def parse_box(box: Box | None, frame_id: FrameId) -> BBox | None:
    """Return a box as a value; raises ``BadFrame`` when south lies above north."""
    if box is None:
        return None
    west, south, east, north = box
    if south > north:
        raise BadFrame(
            "A box is [west, south, east, north], with south below north.", frame_id=frame_id, pointer="/bbox"
        )
    return BBox(west=west, south=south, east=east, north=north)


def _bad_frame(text: str, message: str) -> BadFrame | FeedError:
    """Return the error for a frame of the wrong shape: with its id, if that can be read."""
    try:
        frame: Any = _anything.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        frame = None
    if not isinstance(frame, dict):
        return FeedError(Close.BAD_FRAME, "A frame is a JSON object.")
    frame_id = frame.get("id")
    readable_id = frame_id if isinstance(frame_id, str | int) and not isinstance(frame_id, bool) else None
    what, _, where = message.partition(" - at `$")
    pointer = where.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
    return BadFrame(what + ("" if what.endswith(".") else "."), frame_id=readable_id, pointer=pointer)
