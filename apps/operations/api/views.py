"""Operations over REST: parse, ask the door, one service or query call, answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.api.hiding import all_shown, require_askable
from apps.access.queries import authorize_in, find_organisation, visible, visible_row
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
from apps.core.types import NotAllowed
from apps.filters.api.lists import ListView
from apps.lifecycle.api.calls import CallsView
from apps.lifecycle.api.serializers import TransitionRequestSerializer
from apps.lifecycle.api.views import HistoryView, LifecycleView, TransitionsView
from apps.operations import queries, services
from apps.operations.api.reading import read_kind, read_volumes, told_as_sent
from apps.operations.api.serializers import (
    CheckSerializer,
    OperationChangeSerializer,
    OperationSerializer,
    PlanSerializer,
    operation_body,
)
from apps.operations.models import Operation
from apps.operations.published import published_operations
from apps.operations.types import OperationChanges, OperationDraft

VIEW = "operations.view"
# What a rule of review may ask about besides the plan.
WORDS = ("title", "description", "contact")
FILTERS = {
    "state": OpenApiParameter("state"),
    "is_over": OpenApiParameter("is_over", OpenApiTypes.BOOL, description="Ended, cancelled, rejected or expired."),
    "kind": OpenApiParameter("kind", description="The slug of a kind."),
    "organisation_id": OpenApiParameter("organisation_id", OpenApiTypes.UUID, description="Who owns it."),
    "asset_id": OpenApiParameter("asset_id", OpenApiTypes.UUID, description="An asset that takes part."),
    "valid_at": OpenApiParameter("valid_at", OpenApiTypes.DATETIME, description="Between its start and its end."),
    "bbox": BBOX,
    "q": OpenApiParameter("q", description="A part of the title or of the description."),
}
ASKS = {
    "state": ("state",),
    "is_over": ("state",),
    "kind": ("kind",),
    "valid_at": ("starts_at", "ends_at"),
    "bbox": ("geometry",),
    "q": ("title", "description"),
}


class PlanningView(NounView):
    """A view that takes volumes: what is wrong with them is told with its place in what was sent."""

    def handle_exception(self, exc: Exception) -> Response:
        """Return the problem that an error is."""
        return super().handle_exception(told_as_sent(exc, self.request))


class OperationsView(PlanningView, ListView):
    """All operations that the caller may see."""

    queryables = "operations"
    ordering = ("-starts_at",)

    @extend_schema(parameters=list(FILTERS.values()), responses=OperationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List operations, the latest start first."""
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(operations_asked(request), request, self)
        return paginator.get_paginated_response(show_operations(request, rows))

    @extend_schema(request=OperationSerializer, responses={201: OperationSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Plan an operation: a draft, which holds nothing until it is submitted."""
        body = read_body(request, OperationSerializer)
        operation = services.create_operation(
            OperationDraft(
                title=body["title"],
                description=body["description"],
                contact=body["contact"],
                priority=body["priority"],
                asset_ids=body["asset_ids"],
                volumes=read_volumes(body["volumes"]),
            ),
            kind=read_kind(body["kind"]),
            organisation=find_organisation(body["organisation_id"]),
            actor=actor_of(request),
            at=now(),
        )
        location = reverse("operation", args=[operation.pk])
        body = show_operation(request, find_operation(request, operation.pk))
        return created(body, location=location, version=operation.version)


class OperationView(PlanningView):
    """One operation."""

    @extend_schema(responses=OperationSerializer)
    def get(self, request: Request, object_id: UUID) -> Response:
        """Show an operation."""
        operation = find_operation(request, object_id)
        return one(request, show_operation(request, operation), version=operation.version)

    @extend_schema(request=OperationChangeSerializer, responses=OperationSerializer)
    @if_match
    def patch(self, request: Request, object_id: UUID, *, expected_version: int | None) -> Response:
        """Change an operation; one that holds space is judged anew, and 409 says what refuses the change."""
        operation = find_operation(request, object_id)
        fields = read_patch(request, OperationChangeSerializer, _bodies([operation])[0])
        changed = services.update_operation(
            object_id,
            actor=actor_of(request),
            at=now(),
            # What the patch was merged into is what it changes, also when the caller does not care.
            expected_version=operation.version if expected_version is None else expected_version,
            **_changes(fields, operation),
        )
        return one(request, show_operation(request, changed), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, object_id: UUID, *, expected_version: int | None) -> Response:
        """Delete a draft; what was submitted is cancelled instead."""
        services.delete_operation(object_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


class OperationsCheckView(PlanningView):
    """What a plan would meet."""

    @extend_schema(request=PlanSerializer, responses=CheckSerializer)
    def post(self, request: Request) -> Response:
        """Say what submitting a plan would meet, and where it would be free; nothing is written or held."""
        body = read_body(request, PlanSerializer)
        actor, organisation = actor_of(request), find_organisation(body["organisation_id"])
        authorize_in(actor, "operations.add", organisation.pk)
        besides = body["operation_id"]
        if besides is not None:
            find_operation(request, besides)
        found = queries.check_draft(
            read_volumes(body["volumes"]),
            kind=read_kind(body["kind"]),
            priority=body["priority"],
            organisation_id=organisation.pk,
            besides=besides,
            words={name: body[name] for name in WORDS if body[name] is not None},
            actor=actor,
            at=now(),
        )
        return Response(found)


class OneOperation(LifecycleView):
    """What the lifecycle's views must know of operations."""

    history_url_name = "operation-history"

    def find(self, request: Request, object_id: UUID) -> Operation:
        """Return the operation, if the caller may see it."""
        return find_operation(request, object_id)

    def show(self, request: Request, row: Any) -> object:
        """Return the operation as REST shows it."""
        return show_operation(request, row)


class OperationTransitionsView(OneOperation, TransitionsView):
    """What may happen to one operation now."""

    move = staticmethod(services.move_operation)
    post = extend_schema(request=TransitionRequestSerializer, responses=OperationSerializer)(TransitionsView.post)


class OperationHistoryView(OneOperation, HistoryView):
    """What has happened to one operation."""


class OperationCallsView(OneOperation, CallsView):
    """What services were asked about one operation."""


def operations_asked(request: Request) -> QuerySet[Operation]:
    """Return the operations that a list asks for, of those that the caller may see; not yet filtered."""
    require_known(request, FILTERS)
    require_askable(request, "operations", ASKS)
    return queries.operations_matching(
        visible(published_operations(), actor_of(request), VIEW),
        state=read_text(request, "state"),
        is_over=read_flag(request, "is_over"),
        kind=read_text(request, "kind"),
        organisation_id=read_uuid(request, "organisation_id"),
        asset_id=read_uuid(request, "asset_id"),
        valid_at=read_instant(request, "valid_at"),
        bbox=read_bbox(request),
        q=read_text(request, "q"),
    )


def find_operation(request: Request, operation_id: UUID) -> Operation:
    """Return an operation that the caller may see; raises ``NotFound``."""
    return visible_row(published_operations(), operation_id, actor_of(request), VIEW)


def show_operation(request: Request, operation: Operation) -> Any:
    """Return an operation as the caller may see it."""
    return show_operations(request, [operation])[0]


def show_planned(request: Request, operation: Operation) -> Any:
    """Return an operation as the caller may see it, with its plan; raises ``NotAllowed`` where that is kept back."""
    shown = show_operation(request, operation)
    if "volumes" not in shown:
        raise NotAllowed("Where and when it is planned is not shown to you.")
    return shown


def show_operations(request: Request, operations: Sequence[Operation]) -> list[Any]:
    """Return operations as the caller may see them: whoever may not see exactly where or when sees no volume."""
    bodies = _bodies(operations)
    kept = all_shown(request, VIEW, bodies)
    for body, shown in zip(bodies, kept, strict=True):
        if not queries.shows_plan(body, shown):
            shown.pop("volumes", None)
    return kept


def _bodies(operations: Sequence[Operation]) -> list[dict[str, Any]]:
    ids = [each.pk for each in operations]
    volumes, assets = queries.volumes_of(ids), queries.assigned_asset_ids(ids)
    return [operation_body(each, volumes.get(each.pk, []), assets.get(each.pk, [])) for each in operations]


def _changes(fields: dict[str, Any], operation: Operation) -> OperationChanges:
    changes = dict(fields)
    if "volumes" in changes:
        changes["volumes"] = read_volumes(changes["volumes"])
    if "priority" in changes and changes["priority"] is None:
        changes["priority"] = operation.kind.default_priority
    return cast("OperationChanges", changes)
