"""Volumes as bodies say them become drafts; faults are told with their place in the body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.core.types import Datum, FieldError, Invalid
from apps.operations.models import OperationKind
from apps.operations.queries import find_operation_kind
from apps.operations.rules.shapes import footprint_of
from apps.operations.types import Recurrence, VolumeDraft
from apps.zones.types import AltitudeBand


def read_volumes(bodies: Sequence[Any]) -> list[VolumeDraft]:
    """Return the volumes of a body that the serializer has read; raises ``Invalid`` for a shape without an area."""
    return [_read_volume(body, f"/volumes/{place}") for place, body in enumerate(bodies)]


def read_kind(slug: str) -> OperationKind:
    """Return the kind of that slug; raises ``Invalid``."""
    kind = find_operation_kind(slug)
    if kind is None:
        error = FieldError(pointer="/kind", code="unknown", detail="There is no such kind of operation.")
        raise Invalid("The kind is not known.", errors=[error])
    return kind


def _read_volume(body: Any, pointer: str) -> VolumeDraft:
    recurrence = body["recurrence"]
    return VolumeDraft(
        shape=body["shape"],
        footprint=footprint_of(body["shape"], pointer=f"{pointer}/shape"),
        band=AltitudeBand(
            lower_m=body["lower_m"],
            lower_datum=Datum(body["lower_datum"]) if body["lower_datum"] else None,
            upper_m=body["upper_m"],
            upper_datum=Datum(body["upper_datum"]) if body["upper_datum"] else None,
        ),
        starts_at=body["starts_at"],
        ends_at=body["ends_at"],
        recurrence=Recurrence(**recurrence) if recurrence else None,
    )
