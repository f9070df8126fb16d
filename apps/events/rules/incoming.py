"""Reading CloudEvents 1.0 that others send: what they must say, what they may not, and how much of it. Pure.

Sources: CloudEvents 1.0.2 (attributes), HTTP Protocol Binding 1.0.2 (binary mode: an attribute is a header ``ce-...``,
percent-encoded; structured and batch modes: it is a member).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote
from uuid import UUID

from apps.core.text import escape_pointer, json_errors, text_fault
from apps.core.types import FieldError, Invalid

# What is ours alone to say.
OURS: Final = "watchfloor."
LATEST_AHEAD: Final = timedelta(minutes=5)
MOST_EVENTS: Final = 500
MOST_ATTRIBUTES: Final = 20
LONGEST: Final[Mapping[str, int]] = {"id": 200, "source": 200, "type": 100, "subject": 100}
LONGEST_ATTRIBUTE: Final = 500
HEADER: Final = "ce-"
_STANDARD: Final = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"}
)
# Names that our own envelopes give a meaning to.
_TAKEN: Final = frozenset({"sequence", "actor", "recordedtime"})
_ATTRIBUTE: Final = re.compile(r"^[a-z0-9]{1,20}$")
_JSON: Final = re.compile(r"^application/(json|[a-z0-9.+-]+\+json)\s*(;.*)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideEvent:
    """What another system says: ``data`` is any JSON, ``attributes`` are its extensions by name."""

    id: str
    source: str
    type: str
    noun: str
    object_id: UUID
    time: datetime | None = None
    data: Any = None
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)


def read_event(members: object, pointer: str = "") -> OutsideEvent:
    """Return the event that a JSON object in structured mode is; raises ``Invalid`` with a pointer to every fault."""
    if not isinstance(members, Mapping):
        error = FieldError(pointer=pointer, code="not_an_object", detail="Expected a JSON object.")
        raise Invalid("An event is a JSON object.", code="not_a_cloud_event", errors=[error])
    errors = [
        FieldError(pointer=f"{pointer}/{escape_pointer(name)}", code=code, detail=detail)
        for name, code, detail in _faults(members)
    ]
    errors += json_errors(members.get("data"), f"{pointer}/data")
    if errors:
        raise Invalid("This is no CloudEvent that can be taken in.", code="not_a_cloud_event", errors=errors[:20])
    noun, _, key = str(members["subject"]).partition("/")
    return OutsideEvent(
        id=members["id"],
        source=members["source"],
        type=members["type"],
        noun=noun,
        object_id=UUID(key),
        time=_instant(members["time"]) if members.get("time") is not None else None,
        data=members.get("data"),
        attributes={name: value for name, value in members.items() if name not in _STANDARD},
    )


def read_batch(members: object) -> list[OutsideEvent]:
    """Return the events of a JSON array in batch mode; raises ``Invalid``, also for too many."""
    if not isinstance(members, list) or len(members) > MOST_EVENTS:
        error = FieldError(pointer="", code="bad_batch", detail=f"Expected an array of at most {MOST_EVENTS} events.")
        raise Invalid("This is no batch that can be taken in.", code="not_a_cloud_event", errors=[error])
    return [read_event(each, f"/{place}") for place, each in enumerate(members)]


def members_of_headers(headers: Mapping[str, str], data: object) -> dict[str, object]:
    """Return an event in binary mode as the object that it would be in structured mode."""
    named = {name.lower().removeprefix(HEADER): unquote(value) for name, value in headers.items() if _is_ours(name)}
    return {**named, "data": data}


def is_binary_mode(headers: Mapping[str, str]) -> bool:
    """Say whether the attributes of an event stand in the headers."""
    return any(name.lower() == f"{HEADER}specversion" for name in headers)


def _is_ours(name: str) -> bool:
    return name.lower().startswith(HEADER)


def _faults(members: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the attributes that are wrong: name, code, and why in words."""
    if members.get("specversion") != "1.0":
        yield "specversion", "unknown_version", "It is 1.0."
    for name, longest in LONGEST.items():
        value = members.get(name)
        if not isinstance(value, str):
            yield name, "required", "It is a text."
        elif fault := text_fault(value, max_length=longest):
            yield name, "bad_text", fault
    yield from _unwelcome(members)
    if members.get("time") is not None and _instant(members["time"]) is None:
        yield "time", "bad_instant", "An instant is like 2026-07-01T12:00:00Z."
    yield from _bad_data(members)
    yield from _bad_attributes(members)


def _unwelcome(members: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if str(members.get("type", "")).lower().startswith(OURS):
        yield "type", "reserved", f"Only Watchfloor says what begins with {OURS}"
    if str(members.get("source", "")).lower().startswith("urn:watchfloor"):
        yield "source", "reserved", "Only Watchfloor is this source."
    noun, slash, key = str(members.get("subject", "")).partition("/")
    if not (noun and slash and _is_uuid(key)):
        yield "subject", "bad_subject", "It names an object: assets/<id>."


def _bad_data(members: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if "data_base64" in members:
        yield "data_base64", "not_json", "Only JSON is taken in."
    kind = members.get("datacontenttype")
    if kind is not None and not (isinstance(kind, str) and _JSON.match(kind)):
        yield "datacontenttype", "not_json", "Only JSON is taken in."


def _bad_attributes(members: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    others = [name for name in members if name not in _STANDARD]
    if len(others) > MOST_ATTRIBUTES:
        yield "", "too_many", f"At most {MOST_ATTRIBUTES} attributes beside those of the standard."
    for name in others[:MOST_ATTRIBUTES]:
        value = members[name]
        if not _ATTRIBUTE.match(name) or name in _TAKEN:
            yield name[:100], "bad_name", "A name of up to 20 small letters and digits, none that is ours."
        elif isinstance(value, str):
            if fault := text_fault(value, max_length=LONGEST_ATTRIBUTE, may_be_blank=True):
                yield name, "bad_text", fault
        elif not isinstance(value, int) or not -(2**31) <= value < 2**31:
            yield name, "bad_value", "A text, a boolean or an integer of 32 bits."


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
        return at.astimezone(UTC) if at.utcoffset() is not None else None
    except (ValueError, OverflowError):
        return None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
