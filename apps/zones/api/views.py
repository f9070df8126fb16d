"""Zones over REST: parse, ask the door, one service or query call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import orjson
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.api.hiding import all_shown, require_askable, shown
from apps.access.queries import find_organisation, visible
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import (
    BBOX,
    read_bbox,
    read_flag,
    read_instant,
    read_text,
    read_uuid,
    require_known,
)
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.core.clock import now
from apps.core.types import Datum, FieldError, Invalid, NotFound, TimeWindow
from apps.filters.api.lists import ListView
from apps.zones import services
from apps.zones.api.serializers import (
    MARK,
    ZoneSerializer,
    ZoneVersionSerializer,
    zone_body,
    zone_page,
    zone_page_rows,
    zone_rows,
    zone_version_body,
    zone_version_rows,
)
from apps.zones.models import Zone, ZoneKind
from apps.zones.queries import find_zone_kind, zone_versions, zones_matching
from apps.zones.types import AltitudeBand, ZoneChanges, ZoneDraft

FILTERS = {
    "kind": OpenApiParameter("kind", description="The slug of a kind."),
    "organisation_id": OpenApiParameter("organisation_id", OpenApiTypes.UUID, description="Who owns it."),
    "bbox": BBOX,
    "valid_at": OpenApiParameter("valid_at", OpenApiTypes.DATETIME, description="In force at this instant."),
    "is_active": OpenApiParameter("is_active", OpenApiTypes.BOOL),
    "q": OpenApiParameter("q", description="A part of the name or of the description."),
}
BAND = frozenset({"lower_m", "lower_datum", "upper_m", "upper_datum"})
VALIDITY = frozenset({"valid_from", "valid_to"})

VIEW = "zones.view"
ASKS = {
    "kind": ("kind",),
    "bbox": ("geometry",),
    "valid_at": ("valid_from", "valid_to"),
    "is_active": ("is_active",),
    "q": ("name", "description"),
}


class ZonesView(ListView):
    """All zones that the caller may see."""

    queryables = "zones"

    @extend_schema(parameters=list(FILTERS.values()), responses=ZoneSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List zones."""
        require_known(request, FILTERS)
        require_askable(request, "zones", ASKS)
        zones = zones_matching(
            visible(Zone.objects.all(), actor_of(request), "zones.view"),
            kind=read_text(request, "kind"),
            organisation_id=read_uuid(request, "organisation_id"),
            bbox=read_bbox(request),
            valid_at=read_instant(request, "valid_at"),
            is_active=read_flag(request, "is_active"),
            q=read_text(request, "q"),
        )
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(zone_page_rows(zones), request, self)
        return paginator.get_paginated_response(all_shown(request, VIEW, zone_page(rows, zones)))

    @extend_schema(request=ZoneSerializer, responses={201: ZoneSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a zone."""
        body = read_body(request, ZoneSerializer)
        zone = services.create_zone(
            ZoneDraft(
                name=body["name"],
                description=body["description"],
                area=body["area"],
                band=_band(body),
                validity=_validity(body),
                dwell_after=body["dwell_after_s"],
                is_active=body["is_active"],
            ),
            kind=_kind(body["kind"]),
            organisation=find_organisation(body["organisation_id"]),
            actor=actor_of(request),
            at=now(),
        )
        location = reverse("zone", args=[zone.pk])
        body = shown(request, VIEW, zone_body(_find(request, zone.pk)))
        return created(body, location=location, version=zone.version)


class ZoneView(NounView):
    """One zone."""

    @extend_schema(responses=ZoneSerializer)
    def get(self, request: Request, zone_id: UUID) -> Response:
        """Show a zone."""
        zone = _find(request, zone_id)
        return one(request, shown(request, VIEW, zone_body(zone)), version=zone["version"])

    @extend_schema(request=ZoneSerializer, responses=ZoneSerializer)
    @if_match
    def patch(self, request: Request, zone_id: UUID, *, expected_version: int | None) -> Response:
        """Change a zone; the version before stays readable."""
        zone = _find(request, zone_id)
        current = {**zone_body(zone), "area": orjson.loads(zone[f"{MARK}area"])}
        # A band and a validity are judged whole, so all of their members are read when one of them changes.
        fields = read_patch(request, ZoneSerializer, current, together=(BAND, VALIDITY))
        services.update_zone(
            zone_id,
            actor=actor_of(request),
            at=now(),
            # What the patch was merged into is what it changes, also when the caller does not care.
            expected_version=zone["version"] if expected_version is None else expected_version,
            **_changes(fields),
        )
        changed = _find(request, zone_id)
        return one(request, shown(request, VIEW, zone_body(changed)), version=changed["version"])

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, zone_id: UUID, *, expected_version: int | None) -> Response:
        """Delete a zone that nothing else needs; its versions are kept."""
        services.delete_zone(zone_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


class ZoneVersionsView(ListView):
    """All versions of one zone."""

    queryables = "zone-versions"
    ordering = ("-version",)

    @extend_schema(responses=ZoneVersionSerializer(many=True))
    def get(self, request: Request, zone_id: UUID) -> Response:
        """List what a zone was, newest first. Who may see the zone may see what it was."""
        require_known(request, ())
        versions = visible(zone_versions(_find(request, zone_id)["id"]), actor_of(request), "zones.view")
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(zone_version_rows(versions), request, self)
        # As the zone itself has them, so that what is hidden of it is hidden here.
        bodies = [{**zone_version_body(row), "id": zone_id, "kind": row["kind_id"]} for row in rows]
        kept = all_shown(request, VIEW, bodies)
        return paginator.get_paginated_response([_version_shown(body) for body in kept])


def _version_shown(body: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {"id", "kind"} if "kind" in body else {"id", "kind_id"}
    return {key: value for key, value in body.items() if key not in left_out}


def find_kind(slug: str, pointer: str) -> ZoneKind:
    """Return the kind of that slug; raises ``Invalid`` at the pointer."""
    kind = find_zone_kind(slug)
    if kind is None:
        error = FieldError(pointer=pointer, code="unknown", detail="There is no such kind of zone.")
        raise Invalid("The kind is not known.", errors=[error])
    return kind


def _find(request: Request, zone_id: UUID) -> dict[str, Any]:
    zone = zone_rows(visible(Zone.objects.all(), actor_of(request), "zones.view")).filter(pk=zone_id).first()
    if zone is None:
        raise NotFound("There is no such zone, or you may not see it.")
    return zone


def _kind(slug: str) -> ZoneKind:
    return find_kind(slug, "/kind")


def _changes(fields: dict[str, Any]) -> ZoneChanges:
    changes = {name: value for name, value in fields.items() if name not in BAND | VALIDITY}
    if BAND & fields.keys():
        changes["band"] = _band(fields)
    if VALIDITY & fields.keys():
        changes["validity"] = _validity(fields)
    if "dwell_after_s" in changes:
        changes["dwell_after"] = changes.pop("dwell_after_s")
    if "kind" in changes:
        changes["kind"] = _kind(changes["kind"])
    if "organisation_id" in changes:
        changes["organisation"] = find_organisation(changes.pop("organisation_id"))
    return cast("ZoneChanges", changes)


def _band(body: dict[str, Any]) -> AltitudeBand:
    return AltitudeBand(
        lower_m=body["lower_m"],
        lower_datum=Datum(body["lower_datum"]) if body["lower_datum"] else None,
        upper_m=body["upper_m"],
        upper_datum=Datum(body["upper_datum"]) if body["upper_datum"] else None,
    )


def _validity(body: dict[str, Any]) -> TimeWindow:
    return TimeWindow(start=body["valid_from"], end=body["valid_to"])
