"""How an operation that runs, or ran, keeps to its plan."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView
from apps.core.clock import now
from apps.operations import queries
from apps.operations.api.views import find_operation, show_planned
from apps.operations.models import AssignedAsset, Intrusion, Operation


class AssetConformanceSerializer(serializers.Serializer[AssignedAsset]):
    """How one asset keeps to the plan; nulls where that is not known yet."""

    asset_id = serializers.UUIDField()
    followed_at = serializers.DateTimeField(
        allow_null=True, help_text="Of the latest fix that was compared with the volumes in force."
    )
    is_inside = serializers.BooleanField(allow_null=True)
    outside_since = serializers.DateTimeField(allow_null=True)
    distance_m = serializers.FloatField(allow_null=True, help_text="How far outside of its nearest volume; 0 inside.")
    progress = serializers.FloatField(allow_null=True, help_text="How far along the corridor, from 0 to 1.")
    reached_at = serializers.DateTimeField(allow_null=True, help_text="When it was first seen inside.")
    late_by_s = serializers.FloatField(help_text="How much later than planned it was seen inside, as far as is known.")


class IntruderSerializer(serializers.Serializer[Intrusion]):
    """An asset of somebody else in a volume of the operation."""

    asset_id = serializers.UUIDField()
    entered_at = serializers.DateTimeField()


class ConformanceSerializer(serializers.Serializer[Operation]):
    """How an operation keeps to its plan; of its assets, those that the caller may follow exactly.

    ``state`` and ``overrun_s`` are missing where the state is hidden.
    """

    state = serializers.CharField(required=False)
    overrun_s = serializers.FloatField(required=False, help_text="For how long it has gone on after its planned end.")
    assets = AssetConformanceSerializer(many=True)
    intruders = IntruderSerializer(many=True)


class OperationConformanceView(NounView):
    """How one operation keeps to its plan."""

    @extend_schema(responses=ConformanceSerializer)
    def get(self, request: Request, object_id: UUID) -> Response:
        """Show where the assets are beside where they should be; 403 where the plan is kept back.

        Where the state is kept back, nothing is said of it, nor of the overrun.
        """
        require_known(request, ())
        operation = find_operation(request, object_id)
        # Whoever may follow an asset learns where a volume is from where the asset is beside it.
        shown = show_planned(request, operation)
        found = queries.conformance_of(operation, actor_of(request), at=now())
        standing = {"state": operation.state, "overrun_s": found.overrun.total_seconds()}
        return Response(
            {
                **(standing if {"state", "closed_at"} <= set(shown) else {}),
                "assets": [_body(each) for each in found.assets],
                "intruders": [IntruderSerializer(each).data for each in found.intrusions],
            }
        )


def _body(found: queries.AssetConformance) -> dict[str, object]:
    return {
        "asset_id": str(found.asset_id),
        "followed_at": found.followed_at,
        "is_inside": found.is_inside,
        "outside_since": found.outside_since,
        "distance_m": None if found.distance_m is None else round(found.distance_m, 2),
        "progress": None if found.progress is None else round(found.progress, 4),
        "reached_at": found.reached_at,
        "late_by_s": found.late_by.total_seconds(),
    }
