"""Volumes as bodies say them become drafts; faults are told with their place in the body."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from apps.core.api.problems import FAULTY, field_errors
from apps.core.types import Datum, FieldError, Invalid
from apps.operations.models import OperationKind
from apps.operations.queries import find_operation_kind
from apps.operations.rules.intents import intent_pointer, is_intent_volume
from apps.operations.rules.shapes import footprint_of
from apps.operations.types import Recurrence, VolumeDraft
from apps.zones.types import AltitudeBand

_IN_VOLUME: Final = re.compile(r"(/volumes/(\d+))(/.*)")


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


def told_as_sent(error: Exception, request: Request) -> Exception:
    """Return an error with its places in the body as it was sent: volumes may be written as F3548 writes them."""
    if isinstance(error, ValidationError):
        error = Invalid(FAULTY, errors=field_errors(error.detail))
    if not isinstance(error, Invalid) or not any(map(_place_in_volume, error.errors)):
        return error
    volumes = cast("Mapping[str, Any]", request.data).get("volumes")
    if not isinstance(volumes, list):
        return error
    return Invalid(error.message, code=error.code, errors=[_as_sent(each, volumes) for each in error.errors])


def _as_sent(error: FieldError, volumes: Sequence[object]) -> FieldError:
    found = _place_in_volume(error)
    if found is None or not is_intent_volume(volumes[int(found[2])]):
        return error
    return replace(error, pointer=found[1] + intent_pointer(found[3]))


def _place_in_volume(error: FieldError) -> re.Match[str] | None:
    return _IN_VOLUME.fullmatch(error.pointer)


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
