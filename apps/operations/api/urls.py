"""The addresses of operations."""

from __future__ import annotations

from django.urls import path

from apps.operations.api.approvals import ApprovalsView, ApprovalView, OperationApprovalsView
from apps.operations.api.calendars import CalendarView, OperationCalendarView
from apps.operations.api.conformance import OperationConformanceView
from apps.operations.api.intents import OperationalIntentView
from apps.operations.api.kinds import OperationKindsView, OperationKindView
from apps.operations.api.review_rules import ReviewRulesView, ReviewRuleView
from apps.operations.api.views import (
    OperationCallsView,
    OperationHistoryView,
    OperationsCheckView,
    OperationsView,
    OperationTransitionsView,
    OperationView,
)

OPERATION = "api/v1/operations/<uuid:object_id>"

urlpatterns = [
    path("api/v1/operations", OperationsView.as_view(), name="operations"),
    path("api/v1/operations.ics", CalendarView.as_view(), name="operations-calendar"),
    path("api/v1/operations:check", OperationsCheckView.as_view(), name="operations-check"),
    path(OPERATION, OperationView.as_view(), name="operation"),
    path(f"{OPERATION}.ics", OperationCalendarView.as_view(), name="operation-calendar"),
    path(f"{OPERATION}/operational-intent", OperationalIntentView.as_view(), name="operation-intent"),
    path(f"{OPERATION}/transitions", OperationTransitionsView.as_view(), name="operation-transitions"),
    path(f"{OPERATION}/history", OperationHistoryView.as_view(), name="operation-history"),
    path(f"{OPERATION}/calls", OperationCallsView.as_view(), name="operation-calls"),
    path(f"{OPERATION}/approvals", OperationApprovalsView.as_view(), name="operation-approvals"),
    path(f"{OPERATION}/conformance", OperationConformanceView.as_view(), name="operation-conformance"),
    path("api/v1/approvals", ApprovalsView.as_view(), name="approvals"),
    path("api/v1/approvals/<uuid:approval_id>", ApprovalView.as_view(), name="approval"),
    path("api/v1/review-rules", ReviewRulesView.as_view(), name="review-rules"),
    path("api/v1/review-rules/<uuid:rule_id>", ReviewRuleView.as_view(), name="review-rule"),
    path("api/v1/operation-kinds", OperationKindsView.as_view(), name="operation-kinds"),
    path("api/v1/operation-kinds/<uuid:kind_id>", OperationKindView.as_view(), name="operation-kind"),
]
