"""Import of GeoJSON over REST: all of the file or nothing, and a report for every row."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import find_organisation
from apps.core.api.idempotency import idempotent
from apps.core.api.json import JSONParser
from apps.core.api.parameters import read_flag, read_text, read_uuid, require_known
from apps.core.api.views import NounView
from apps.core.clock import now
from apps.core.types import FieldError, Invalid
from apps.zones import services
from apps.zones.api.serializers import FeatureCollectionSerializer, ImportReportSerializer
from apps.zones.api.views import find_kind
from apps.zones.types import Change, ImportReport

MOST_ERRORS = 200
PARAMETERS = {
    "organisation_id": OpenApiParameter(
        "organisation_id", OpenApiTypes.UUID, required=True, description="Who shall own the zones."
    ),
    "kind": OpenApiParameter("kind", description="The kind of the zones that name none."),
    "kind_property": OpenApiParameter("kind_property", description="Where a feature names its kind; `kind`."),
    "key": OpenApiParameter(
        "key", description="What the source calls a feature: its zone is found again, and updated where it differs."
    ),
    "dry_run": OpenApiParameter("dry_run", OpenApiTypes.BOOL, description="Judge, and write nothing."),
}


class GeoJSONParser(JSONParser):
    """Reads GeoJSON."""

    media_type = "application/geo+json"


class ZonesImportView(NounView):
    """Zones from a file."""

    def get_parsers(self) -> list[Any]:
        """Return the parsers: GeoJSON comes under two names."""
        return [GeoJSONParser(), JSONParser()]

    @extend_schema(
        parameters=list(PARAMETERS.values()),
        request={"application/geo+json": FeatureCollectionSerializer, "application/json": FeatureCollectionSerializer},
        responses=ImportReportSerializer,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a zone of every feature, or none: then 422 names what is wrong with which."""
        require_known(request, PARAMETERS)
        kind = read_text(request, "kind")
        report = services.import_zones(
            request.data,
            organisation=find_organisation(_required_organisation(request)),
            kind=find_kind(kind, "?kind") if kind else None,
            kind_property=read_text(request, "kind_property") or "kind",
            key_property=read_text(request, "key"),
            is_dry_run=bool(read_flag(request, "dry_run")),
            actor=actor_of(request),
            at=now(),
        )
        if report.faulty:
            raise _refused(report)
        return Response(_body(report))


def _required_organisation(request: Request) -> Any:
    organisation_id = read_uuid(request, "organisation_id")
    if organisation_id is None:
        error = FieldError(pointer="?organisation_id", code="required", detail="Say who shall own the zones.")
        raise Invalid("The parameter organisation_id is missing.", code="invalid_parameter", errors=[error])
    return organisation_id


def _refused(report: ImportReport) -> Invalid:
    errors = [
        FieldError(pointer=f"/features/{row.index}{error.pointer}", code=error.code, detail=error.detail)
        for row in report.faulty
        for error in row.errors
    ]
    return Invalid(
        f"Nothing was imported: {len(report.faulty)} of {len(report.rows)} features are not right.",
        code="import_refused",
        errors=errors[:MOST_ERRORS],
        details={"features": len(report.rows), "faulty": [row.index for row in report.faulty]},
    )


def _body(report: ImportReport) -> dict[str, object]:
    rows = [
        {
            "index": row.index,
            "name": row.name,
            "zone_id": row.zone_id,
            "change": row.change.value if row.change else None,
        }
        for row in report.rows
    ]
    counts = {"updated": report.count(Change.UPDATED), "unchanged": report.count(None)}
    return {"imported": report.imported, **counts, "is_dry_run": report.is_dry_run, "rows": rows}
