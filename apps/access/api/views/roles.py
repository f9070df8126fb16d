"""``/api/v1/roles`` and ``/api/v1/assignments``."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services
from apps.access.api.authentication import actor_of
from apps.access.api.serializers import (
    AssignmentSerializer,
    AssignmentWriteSerializer,
    RoleSerializer,
    RoleWriteSerializer,
)
from apps.access.models import Assignment, Role
from apps.access.queries import visible, visible_row
from apps.core import clock
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, created, deleted, one, page, read_body
from apps.core.types import TimeWindow
from apps.filters.api.lists import ListView


class RoleList(ListView):
    """All roles."""

    queryables = "roles"
    ordering = ("name", "pk")

    @extend_schema(operation_id="list_roles", responses=RoleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the roles."""
        require_known(request, ())
        return page(self, request, visible(Role.objects.all(), actor_of(request), "roles.view"), RoleSerializer)

    @extend_schema(operation_id="create_role", request=RoleWriteSerializer, responses={201: RoleSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a role of actions that you hold yourself."""
        row = services.create_role(**read_body(request, RoleWriteSerializer), actor=actor_of(request), at=clock.now())
        return created(RoleSerializer(row).data, location=reverse("role", args=[row.pk]), version=row.version)


class RoleDetail(NounView):
    """One role."""

    @extend_schema(operation_id="read_role", responses=RoleSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read a role."""
        row = visible_row(Role.objects.all(), pk, actor_of(request), "roles.view")
        return one(request, RoleSerializer(row).data, version=row.version)

    @extend_schema(operation_id="change_role", request=RoleWriteSerializer, responses=RoleSerializer)
    @if_match
    def patch(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Change a role, at once in force wherever it is assigned."""
        body = read_body(request, RoleWriteSerializer, partial=True)
        row = services.change_role(
            pk,
            body,  # type: ignore[arg-type]  # the serializer's fields are the changes
            expected_version=expected_version,
            actor=actor_of(request),
            at=clock.now(),
        )
        return one(request, RoleSerializer(row).data, version=row.version)

    @extend_schema(operation_id="delete_role", responses={204: None})
    @if_match
    def delete(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Delete a role that nobody has any more."""
        services.delete_role(pk, expected_version=expected_version, actor=actor_of(request), at=clock.now())
        return deleted()


class AssignmentList(ListView):
    """All assignments that you may see."""

    queryables = "assignments"
    ordering = ("-recorded_at", "-pk")

    @extend_schema(operation_id="list_assignments", responses=AssignmentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the assignments that you may see, newest first."""
        require_known(request, ())
        rows = visible(Assignment.objects.all(), actor_of(request), "assignments.view")
        return page(self, request, rows, AssignmentSerializer)

    @extend_schema(
        operation_id="create_assignment", request=AssignmentWriteSerializer, responses={201: AssignmentSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Assign a role, none of whose actions you lack there, to a user or a group."""
        body = read_body(request, AssignmentWriteSerializer)
        during = TimeWindow(start=body.pop("begins_at", None), end=body.pop("ends_at", None))
        row = services.assign_role(**body, during=during, actor=actor_of(request), at=clock.now())
        location = reverse("assignment", args=[row.pk])
        return created(AssignmentSerializer(row).data, location=location, version=row.version)


class AssignmentDetail(NounView):
    """One assignment."""

    @extend_schema(operation_id="read_assignment", responses=AssignmentSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read an assignment."""
        row = visible_row(Assignment.objects.all(), pk, actor_of(request), "assignments.view")
        return one(request, AssignmentSerializer(row).data, version=row.version)

    @extend_schema(operation_id="delete_assignment", responses={204: None})
    @if_match
    def delete(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Take an assignment away, at once."""
        services.end_assignment(pk, expected_version=expected_version, actor=actor_of(request), at=clock.now())
        return deleted()
