"""Kinds of assets over REST."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import visible
from apps.assets import services
from apps.assets.api.serializers import AssetKindChangeSerializer, AssetKindSerializer, asset_kind_body
from apps.assets.models import AssetKind
from apps.assets.types import AssetKindChanges
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_text, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.core.clock import now
from apps.core.types import NotFound
from apps.filters.api.lists import ListView

# Where REST says seconds, the service takes a duration.
RENAMED = {"late_after_s": "late_after", "lost_after_s": "lost_after"}
SLUG = OpenApiParameter("slug", description="The one kind of that slug.")


class AssetKindsView(ListView):
    """All kinds of assets."""

    queryables = "asset-kinds"

    @extend_schema(parameters=[SLUG], responses=AssetKindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List kinds of assets."""
        require_known(request, {"slug"})
        kinds = visible(AssetKind.objects.all(), actor_of(request), "asset-kinds.view")
        if slug := read_text(request, "slug"):
            kinds = kinds.filter(slug=slug)
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(kinds, request, self)
        return paginator.get_paginated_response([asset_kind_body(row) for row in rows])

    @extend_schema(request=AssetKindSerializer, responses={201: AssetKindSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a kind of asset."""
        fields = _renamed(read_body(request, AssetKindSerializer))
        kind = services.create_asset_kind(actor=actor_of(request), at=now(), **fields)
        location = reverse("asset-kind", args=[kind.pk])
        return created(asset_kind_body(_find(request, kind.pk)), location=location, version=kind.version)


class AssetKindView(NounView):
    """One kind of asset."""

    @extend_schema(responses=AssetKindSerializer)
    def get(self, request: Request, kind_id: UUID) -> Response:
        """Show a kind of asset."""
        kind = _find(request, kind_id)
        return one(request, asset_kind_body(kind), version=kind.version)

    @extend_schema(request=AssetKindChangeSerializer, responses=AssetKindSerializer)
    @if_match
    def patch(self, request: Request, kind_id: UUID, *, expected_version: int | None) -> Response:
        """Change a kind of asset; a schema that one of its assets does not meet is refused."""
        kind = _find(request, kind_id)
        fields = read_patch(request, AssetKindChangeSerializer, asset_kind_body(kind))
        services.update_asset_kind(
            kind_id,
            actor=actor_of(request),
            at=now(),
            expected_version=kind.version if expected_version is None else expected_version,
            **cast("AssetKindChanges", _renamed(fields)),
        )
        changed = _find(request, kind_id)
        return one(request, asset_kind_body(changed), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, kind_id: UUID, *, expected_version: int | None) -> Response:
        """Delete a kind that nothing uses."""
        services.delete_asset_kind(kind_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


def _find(request: Request, kind_id: UUID) -> AssetKind:
    kind = visible(AssetKind.objects.all(), actor_of(request), "asset-kinds.view").filter(pk=kind_id).first()
    if kind is None:
        raise NotFound("There is no such kind of asset.")
    return kind


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    return {RENAMED.get(name, name): value for name, value in fields.items()}
