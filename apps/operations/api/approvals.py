"""Approvals over REST: the inbox of those who are asked, and what one operation is waiting for."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.api.hiding import all_shown, require_askable, shown
from apps.access.queries import visible, visible_row
from apps.core.api.etags import if_match
from apps.core.api.parameters import read_text, read_uuid, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, one
from apps.core.clock import now
from apps.filters.api.lists import ListView
from apps.operations import queries, services
from apps.operations.api.serializers import (
    ApprovalChangeSerializer,
    ApprovalSerializer,
    OperationApprovalSerializer,
    approval_body,
    operation_approval_body,
)
from apps.operations.api.views import find_operation
from apps.operations.models import Approval
from apps.operations.published import published_approvals
from apps.operations.types import ApprovalChanges

VIEW = "approvals.view"
FILTERS = {
    "decision": OpenApiParameter("decision", description="`open`, `approved` or `rejected`."),
    "organisation_id": OpenApiParameter("organisation_id", OpenApiTypes.UUID, description="Who is asked."),
    "operation_id": OpenApiParameter("operation_id", OpenApiTypes.UUID, description="What they are asked about."),
}
ASKS = {"decision": ("decision",), "operation_id": ("operation_id",)}


class ApprovalsView(ListView):
    """What the caller's organisations are asked."""

    queryables = "approvals"
    ordering = ("-pk",)

    @extend_schema(parameters=list(FILTERS.values()), responses=ApprovalSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List approvals, the latest first."""
        require_known(request, FILTERS)
        require_askable(request, "approvals", ASKS)
        approvals = queries.approvals_matching(
            visible(published_approvals(), actor_of(request), VIEW),
            decision=read_text(request, "decision"),
            organisation_id=read_uuid(request, "organisation_id"),
            operation_id=read_uuid(request, "operation_id"),
        )
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(approvals, request, self)
        return paginator.get_paginated_response(all_shown(request, VIEW, [approval_body(row) for row in rows]))


class ApprovalView(NounView):
    """One approval."""

    @extend_schema(responses=ApprovalSerializer)
    def get(self, request: Request, approval_id: UUID) -> Response:
        """Show an approval, and what it is asked for."""
        approval = _find(request, approval_id)
        return one(request, shown(request, VIEW, approval_body(approval)), version=approval.version)

    @extend_schema(request=ApprovalChangeSerializer, responses=ApprovalSerializer)
    @if_match
    def patch(self, request: Request, approval_id: UUID, *, expected_version: int | None) -> Response:
        """Decide, or note something. The last approval approves the operation, any rejection rejects it."""
        approval = _find(request, approval_id)
        changes = read_patch(request, ApprovalChangeSerializer, approval_body(approval))
        changed = services.decide_approval(
            approval_id,
            actor=actor_of(request),
            at=now(),
            expected_version=approval.version if expected_version is None else expected_version,
            **cast("ApprovalChanges", changes),
        )
        return one(request, shown(request, VIEW, approval_body(changed)), version=changed.version)


class OperationApprovalsView(ListView):
    """What one operation is waiting for."""

    queryables = "operation-approvals"
    ordering = ("id",)

    @extend_schema(responses=OperationApprovalSerializer(many=True))
    def get(self, request: Request, object_id: UUID) -> Response:
        """List who has to agree to an operation, and what they have said. Not about what: that is theirs.

        Only a rule is named, to whoever may see it as it is now.
        """
        require_known(request, ())
        operation = find_operation(request, object_id)
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(queries.approvals_of(operation.pk), request, self)
        named = queries.rules_seen([row.rule_id for row in rows if row.rule_id], actor_of(request))
        return paginator.get_paginated_response(
            [operation_approval_body(row, is_named=row.rule_id in named) for row in rows]
        )


def _find(request: Request, approval_id: UUID) -> Approval:
    return visible_row(published_approvals(), approval_id, actor_of(request), VIEW)
