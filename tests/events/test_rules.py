"""The envelope: the same row gives the same CloudEvent everywhere."""

from __future__ import annotations

from uuid import UUID

import pytest

from apps.core.types import Feature, Invalid
from apps.events.models import Event
from apps.events.rules import cloud_event, feature_object, feature_of_object, sequence, without_object
from apps.events.types import Cursor
from tests.factories.core import NOON, after

EVENT = UUID("0197c5a3-0000-7000-8000-000000000001")
INCIDENT = UUID("0197c5a3-0000-7000-8000-000000000002")
HARBOUR = UUID("0197c5a3-0000-7000-8000-000000000003")


def numbered_event() -> Event:
    return Event(
        seq=7,
        id=EVENT,
        offset=12,
        type="watchfloor.incident.updated.v1",
        noun="incidents",
        object_id=INCIDENT,
        organisation_id=HARBOUR,
        actor_label="Alice",
        occurred_at=NOON,
        recorded_at=after(1),
        data={"change": "updated", "object": {"id": str(INCIDENT)}, "previous": None, "lifecycle": None},
    )


def test_an_event_is_a_cloud_event() -> None:
    assert cloud_event(numbered_event()) == {
        "specversion": "1.0",
        "id": "0197c5a3-0000-7000-8000-000000000001",
        "source": "urn:watchfloor",
        "type": "watchfloor.incident.updated.v1",
        "subject": "incidents/0197c5a3-0000-7000-8000-000000000002",
        "time": "2026-06-30T12:00:00Z",
        "recordedtime": "2026-06-30T12:00:01Z",
        "sequence": "00000000000000000012",
        "actor": "Alice",
        "datacontenttype": "application/json",
        "data": {"change": "updated", "object": {"id": str(INCIDENT)}, "previous": None, "lifecycle": None},
    }


def test_an_event_without_a_number_has_no_envelope() -> None:
    event = numbered_event()
    event.offset = None
    with pytest.raises(ValueError, match="no number"):
        cloud_event(event)


def test_who_lost_an_object_is_told_nothing_about_it() -> None:
    envelope = without_object(cloud_event(numbered_event()))
    assert envelope["data"] == {"change": "removed", "object": None, "previous": None, "lifecycle": None}
    assert envelope["subject"] == f"incidents/{INCIDENT}"


def test_a_sequence_sorts_as_text_as_it_does_as_a_number() -> None:
    offsets = [1, 9, 10, 99, 2**62]
    assert sorted(map(sequence, offsets)) == list(map(sequence, offsets))
    assert {len(sequence(offset)) for offset in offsets} == {20}


@pytest.mark.parametrize("organisation_id", [HARBOUR, None])
def test_a_feature_survives_the_log(organisation_id: UUID | None) -> None:
    feature = Feature(
        id=INCIDENT,
        organisation_id=organisation_id,
        version=4,
        properties={"title": "A tug drifts"},
        geometry={"type": "Point", "coordinates": [-74.0, 40.5]},
    )
    assert feature_of_object(feature_object(feature)) == feature


def test_a_cursor_is_read_as_it_is_written() -> None:
    cursor = Cursor(epoch=HARBOUR, offset=42)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text", ["", "42", f"{HARBOUR}:", f"{HARBOUR}:-1", f"{HARBOUR}:1e3", "x:1", f"{HARBOUR}:{2**63}"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Cursor.parse(text)
    assert refusal.value.code == "malformed_cursor"
