"""Definitions over REST: every version, drafts and what is wrong with them, publishing and retiring."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import visible, visible_row
from apps.core import clock
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_text, require_known
from apps.core.api.rows import RowSerializer, row_body
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.filters.api.lists import ListView
from apps.lifecycle import services
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.types import Status

VIEW = "lifecycles.view"
FILTERS = {
    "key": OpenApiParameter("key"),
    "noun": OpenApiParameter("noun"),
    "status": OpenApiParameter("status", enum=[each.value for each in Status]),
}


class DraftSerializer(serializers.Serializer[Any]):
    """A draft as it is written."""

    document = serializers.CharField(
        trim_whitespace=False, max_length=65_536, help_text="YAML; see `docs/apps/lifecycle.md`."
    )


class MistakeSerializer(serializers.Serializer[Any]):
    """One thing that stands against publishing a draft."""

    line = serializers.IntegerField()
    column = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()


class LifecycleSerializer(RowSerializer):
    """One version of a lifecycle."""

    key = serializers.CharField()
    number = serializers.IntegerField(help_text="Which version of its key it is.")
    noun = serializers.CharField(help_text="What may follow it.")
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=[each.value for each in Status])
    is_shipped = serializers.BooleanField()
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = serializers.CharField()
    document = serializers.CharField()


class LifecycleInDetailSerializer(LifecycleSerializer):
    """One version, with what is wrong with it while it is a draft."""

    mistakes = MistakeSerializer(many=True)


class LifecyclesView(ListView):
    """All versions of all lifecycles."""

    queryables = "lifecycles"
    ordering = ("id",)

    @extend_schema(parameters=list(FILTERS.values()), responses=LifecycleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List versions."""
        require_known(request, FILTERS)
        rows = visible(DefinitionVersion.objects.all(), actor_of(request), VIEW)
        wanted = {name: read_text(request, name) for name in FILTERS}
        rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
        paginator = self.pagination_class()
        found = paginator.paginate_queryset(rows, request, self)
        return paginator.get_paginated_response([definition_body(row) for row in found])

    @extend_schema(request=DraftSerializer, responses={201: LifecycleInDetailSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a draft. It need not be right yet; the answer says what is wrong with it."""
        body = read_body(request, DraftSerializer)
        row = services.create_draft(body["document"], actor=actor_of(request), at=clock.now())
        row.refresh_from_db()
        return created(detail_body(row), location=reverse("lifecycle", args=[row.pk]), version=row.version)


class DefinitionView(NounView):
    """One version."""

    @extend_schema(responses=LifecycleInDetailSerializer)
    def get(self, request: Request, definition_id: UUID) -> Response:
        """Show a version."""
        row = _find(request, definition_id)
        return one(request, detail_body(row), version=row.version)

    @extend_schema(request=DraftSerializer, responses=LifecycleInDetailSerializer)
    @if_match
    def patch(self, request: Request, definition_id: UUID, *, expected_version: int | None) -> Response:
        """Change a draft."""
        _find(request, definition_id)
        body = read_body(request, DraftSerializer)
        services.change_draft(
            definition_id, body["document"], actor=actor_of(request), at=clock.now(), expected_version=expected_version
        )
        return self.get(request, definition_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, definition_id: UUID) -> Response:
        """Delete a draft; what is published stays for ever."""
        _find(request, definition_id)
        services.delete_draft(definition_id, actor=actor_of(request), at=clock.now())
        return deleted()


class PublishView(NounView):
    """Publishing one draft."""

    @extend_schema(request=None, responses=LifecycleInDetailSerializer)
    @idempotent
    @if_match
    def post(self, request: Request, definition_id: UUID, *, expected_version: int | None) -> Response:
        """Publish a draft: new objects follow it from now on. 422 has every mistake, with its line and column."""
        _find(request, definition_id)
        row = services.publish_definition(
            definition_id, actor=actor_of(request), at=clock.now(), expected_version=expected_version
        )
        return one(request, detail_body(row), version=row.version)


class RetireView(NounView):
    """Retiring one version."""

    @extend_schema(request=None, responses=LifecycleInDetailSerializer)
    @idempotent
    @if_match
    def post(self, request: Request, definition_id: UUID, *, expected_version: int | None) -> Response:
        """Let no new object follow a version; those that do go on."""
        _find(request, definition_id)
        row = services.retire_definition(
            definition_id, actor=actor_of(request), at=clock.now(), expected_version=expected_version
        )
        return one(request, detail_body(row), version=row.version)


def definition_body(row: DefinitionVersion) -> dict[str, object]:
    """Return a version as REST lists it."""
    names = ("key", "number", "noun", "title", "status", "is_shipped", "published_at", "published_by", "document")
    return row_body(row, {name: getattr(row, name) for name in names})


def detail_body(row: DefinitionVersion) -> dict[str, object]:
    """Return a version with what is wrong with it."""
    found = services.checked(row).mistakes if row.status == Status.DRAFT else ()
    shown = [{"line": each.line, "column": each.column, "code": each.code, "detail": str(each)} for each in found]
    return {**definition_body(row), "mistakes": shown}


def _find(request: Request, definition_id: UUID) -> DefinitionVersion:
    return visible_row(DefinitionVersion.objects.all(), definition_id, actor_of(request), VIEW)
