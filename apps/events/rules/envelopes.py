"""How events and objects look from outside. Pure: the same row gives the same envelope everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from apps.core.types import Feature
from apps.events.types import Change, NewEvent

SOURCE = "urn:watchfloor"


class LoggedEvent(Protocol):
    """A row of the log, as far as its envelope needs it."""

    id: UUID
    source: str | None
    source_id: str | None
    type: str
    noun: str
    object_id: UUID
    offset: int | None
    actor_label: str
    occurred_at: datetime
    recorded_at: datetime
    data: Any


def feature_object(feature: Feature) -> dict[str, object]:
    """Return a feature as it stands in ``data.object`` and ``data.previous``."""
    return {
        "id": str(feature.id),
        "organisation_id": str(feature.organisation_id) if feature.organisation_id else None,
        "version": feature.version,
        "geometry": feature.geometry,
        "properties": dict(feature.properties),
    }


def changed(
    type_: str,
    noun: str,
    change: Change,
    *,
    before: Feature | None,
    after: Feature | None,
    lifecycle: Mapping[str, Any] | None = None,
    occurred_at: datetime | None = None,
) -> NewEvent:
    """Return the event that an object was one thing and is another: ``before`` is nothing where it is new.

    ``after`` is nothing where it is gone. What has moved to another organisation says from which.
    """
    thing = after or before
    if thing is None:
        raise ValueError("An object was something, or is something.")
    was = before.organisation_id if before else thing.organisation_id
    return NewEvent(
        type=type_,
        noun=noun,
        object_id=thing.id,
        organisation_id=thing.organisation_id,
        previous_organisation_id=None if was == thing.organisation_id else was,
        change=change,
        object=feature_object(after) if after else None,
        previous=feature_object(before) if before else None,
        lifecycle=lifecycle,
        occurred_at=occurred_at,
    )


def feature_of_object(value: Mapping[str, Any]) -> Feature:
    """Return the feature that ``feature_object`` wrote."""
    return Feature(
        id=UUID(value["id"]),
        organisation_id=UUID(value["organisation_id"]) if value["organisation_id"] else None,
        version=value["version"],
        geometry=value["geometry"],
        properties=value["properties"],
    )


def sequence(offset: int) -> str:
    """Return an offset as 20 digits, so that text sorts as numbers do (CloudEvents extension ``sequence``)."""
    return f"{offset:020d}"


def cloud_event(row: LoggedEvent) -> dict[str, object]:
    """Return a numbered row as a CloudEvents 1.0 envelope, ready for JSON.

    ``time`` is when it was true; ``recordedtime`` when we knew. An event from outside has the source, the id and the
    data that it came with. Extension names are lower-case letters and
    digits only, as the standard wants.
    """
    if row.offset is None:
        raise ValueError(f"Event {row.id} has no number yet.")
    return {
        **_attributes(row),
        "specversion": "1.0",
        "id": row.source_id or str(row.id),
        "source": row.source or SOURCE,
        "type": row.type,
        "subject": f"{row.noun}/{row.object_id}",
        "time": instant(row.occurred_at),
        "recordedtime": instant(row.recorded_at),
        "sequence": sequence(row.offset),
        "actor": row.actor_label,
        "datacontenttype": "application/json",
        "data": row.data if row.source is None else row.data["sent"],
    }


def _attributes(row: LoggedEvent) -> dict[str, object]:
    return {} if row.source is None else dict(row.data["attributes"])


def without_object(envelope: Mapping[str, object]) -> dict[str, object]:
    """Return the envelope for somebody who could see the object before this event and cannot any more."""
    return {
        **envelope,
        "data": {"change": "removed", "object": None, "previous": None, "lifecycle": None},
    }


def instant(at: datetime) -> str:
    """Return an aware UTC instant as RFC 3339 with ``Z``."""
    return at.isoformat().replace("+00:00", "Z")
