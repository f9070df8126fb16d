"""Kinds of operations over REST."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import visible, visible_row
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_text, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.core.clock import now
from apps.filters.api.lists import ListView
from apps.operations import services
from apps.operations.api.serializers import (
    OperationKindChangeSerializer,
    OperationKindSerializer,
    operation_kind_body,
)
from apps.operations.models import OperationKind
from apps.operations.types import OperationKindChanges

VIEW = "operation-kinds.view"
SLUG = OpenApiParameter("slug", description="The one kind of that slug.")


class OperationKindsView(ListView):
    """All kinds of operations."""

    queryables = "operation-kinds"

    @extend_schema(parameters=[SLUG], responses=OperationKindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List kinds of operations."""
        require_known(request, {"slug"})
        kinds = visible(OperationKind.objects.all(), actor_of(request), VIEW)
        if slug := read_text(request, "slug"):
            kinds = kinds.filter(slug=slug)
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(kinds, request, self)
        return paginator.get_paginated_response([operation_kind_body(row) for row in rows])

    @extend_schema(request=OperationKindSerializer, responses={201: OperationKindSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a kind of operation."""
        fields = read_body(request, OperationKindSerializer)
        slug = fields.pop("slug")
        kind = services.create_operation_kind(slug=slug, actor=actor_of(request), at=now(), **_terms(fields))
        location = reverse("operation-kind", args=[kind.pk])
        return created(operation_kind_body(_find(request, kind.pk)), location=location, version=kind.version)


class OperationKindView(NounView):
    """One kind of operation."""

    @extend_schema(responses=OperationKindSerializer)
    def get(self, request: Request, kind_id: UUID) -> Response:
        """Show a kind of operation."""
        kind = _find(request, kind_id)
        return one(request, operation_kind_body(kind), version=kind.version)

    @extend_schema(request=OperationKindChangeSerializer, responses=OperationKindSerializer)
    @if_match
    def patch(self, request: Request, kind_id: UUID, *, expected_version: int | None) -> Response:
        """Change a kind of operation.

        What holds space already follows within seconds: those that may not share it any more are put in review, or
        told while they are under way. Whether a kind is reviewed bears on what is in review.
        """
        kind = _find(request, kind_id)
        fields = read_patch(request, OperationKindChangeSerializer, operation_kind_body(kind))
        services.update_operation_kind(
            kind_id,
            actor=actor_of(request),
            at=now(),
            expected_version=kind.version if expected_version is None else expected_version,
            **_terms(fields),
        )
        changed = _find(request, kind_id)
        return one(request, operation_kind_body(changed), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, kind_id: UUID, *, expected_version: int | None) -> Response:
        """Delete a kind that nothing uses."""
        services.delete_operation_kind(kind_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


def _find(request: Request, kind_id: UUID) -> OperationKind:
    return visible_row(OperationKind.objects.all(), kind_id, actor_of(request), VIEW)


def _terms(fields: dict[str, Any]) -> OperationKindChanges:
    return cast("OperationKindChanges", {name.removesuffix("_s"): value for name, value in fields.items()})
