"""Kinds of zones over REST."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import visible
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_text, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.core.clock import now
from apps.core.types import NotFound
from apps.filters.api.lists import ListView
from apps.zones import services
from apps.zones.api.serializers import ZoneKindChangeSerializer, ZoneKindSerializer, zone_kind_body
from apps.zones.models import ZoneKind
from apps.zones.types import ZoneKindChanges

SLUG = OpenApiParameter("slug", description="The one kind of that slug.")


class ZoneKindsView(ListView):
    """All kinds of zones."""

    queryables = "zone-kinds"

    @extend_schema(parameters=[SLUG], responses=ZoneKindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List kinds of zones."""
        require_known(request, {"slug"})
        kinds = visible(ZoneKind.objects.all(), actor_of(request), "zone-kinds.view")
        if slug := read_text(request, "slug"):
            kinds = kinds.filter(slug=slug)
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(kinds, request, self)
        return paginator.get_paginated_response([zone_kind_body(row) for row in rows])

    @extend_schema(request=ZoneKindSerializer, responses={201: ZoneKindSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a kind of zone."""
        fields = read_body(request, ZoneKindSerializer)
        kind = services.create_zone_kind(actor=actor_of(request), at=now(), **fields)
        location = reverse("zone-kind", args=[kind.pk])
        return created(zone_kind_body(_find(request, kind.pk)), location=location, version=kind.version)


class ZoneKindView(NounView):
    """One kind of zone."""

    @extend_schema(responses=ZoneKindSerializer)
    def get(self, request: Request, kind_id: UUID) -> Response:
        """Show a kind of zone."""
        kind = _find(request, kind_id)
        return one(request, zone_kind_body(kind), version=kind.version)

    @extend_schema(request=ZoneKindChangeSerializer, responses=ZoneKindSerializer)
    @if_match
    def patch(self, request: Request, kind_id: UUID, *, expected_version: int | None) -> Response:
        """Change a kind of zone."""
        kind = _find(request, kind_id)
        fields = read_patch(request, ZoneKindChangeSerializer, zone_kind_body(kind))
        services.update_zone_kind(
            kind_id,
            actor=actor_of(request),
            at=now(),
            expected_version=kind.version if expected_version is None else expected_version,
            **cast("ZoneKindChanges", fields),
        )
        changed = _find(request, kind_id)
        return one(request, zone_kind_body(changed), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, kind_id: UUID, *, expected_version: int | None) -> Response:
        """Delete a kind that nothing uses."""
        services.delete_zone_kind(kind_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


def _find(request: Request, kind_id: UUID) -> ZoneKind:
    kind = visible(ZoneKind.objects.all(), actor_of(request), "zone-kinds.view").filter(pk=kind_id).first()
    if kind is None:
        raise NotFound("There is no such kind of zone.")
    return kind
