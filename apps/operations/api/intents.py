"""Operations as operational intents of ASTM F3548-21, for programs that speak of flights that way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.views import NounView, one
from apps.operations import queries
from apps.operations.api.views import find_operation, show_planned
from apps.operations.models import Operation
from apps.operations.rules.intents import write_intent_volumes, written_state
from apps.operations.rules.recurrence import spans_of
from apps.operations.rules.shapes import read_shape


class IntentSerializer(serializers.Serializer[Any]):
    """An operational intent, as F3548-21 shapes it."""

    operational_intent = serializers.DictField(help_text="`reference` and `details`, as in ASTM F3548-21, annex A3.")


class OperationalIntentView(NounView):
    """One operation as an operational intent."""

    @extend_schema(responses=IntentSerializer)
    def get(self, request: Request, object_id: UUID) -> Response:
        """Show an operation as F3548 does; 422 for what that cannot say.

        What only a DSS or another USS gives (`ovn`, `subscription_id`, `uss_base_url`) is not in it, nor a `state`
        before the operation is approved and after it is over: F3548 has none for these.
        """
        operation = find_operation(request, object_id)
        intent = _intent(operation, show_planned(request, operation))
        return one(request, {"operational_intent": intent}, version=operation.version)


def _intent(operation: Operation, shown: dict[str, Any]) -> dict[str, Any]:
    reference = {
        "id": operation.pk,
        "manager": operation.organisation_id,
        "uss_availability": "Unknown",
        "version": operation.version,
        "time_start": {"value": shown["starts_at"], "format": "RFC3339"},
        "time_end": {"value": shown["ends_at"], "format": "RFC3339"},
    }
    details = {"volumes": list(_volumes(operation)), "off_nominal_volumes": []}
    state = written_state(shown.get("state", ""))
    return {
        "reference": reference | ({"state": state} if state else {}),
        "details": details | ({"priority": shown["priority"]} if "priority" in shown else {}),
    }


def _volumes(operation: Operation) -> Iterator[dict[str, Any]]:
    planned = queries.volumes_of([operation.pk]).get(operation.pk, [])
    for place, volume in enumerate(planned):
        times = spans_of(volume.starts_at.astimezone(UTC), volume.ends_at.astimezone(UTC), volume.recurrence)
        footprint = volume.planned.footprint
        yield from write_intent_volumes(
            read_shape(volume.shape), footprint, volume.band, times, pointer=f"/volumes/{place}"
        )
