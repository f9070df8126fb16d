"""The addresses of incidents and rules."""

from __future__ import annotations

from django.urls import path

from apps.incidents.api.rules import RulesView, RuleView
from apps.incidents.api.views import (
    AssigneeView,
    CommentsView,
    EvidenceView,
    IncidentCallsView,
    IncidentHistoryView,
    IncidentsView,
    IncidentTransitionsView,
    IncidentView,
)

INCIDENT = "api/v1/incidents/<uuid:object_id>"

urlpatterns = [
    path("api/v1/incidents", IncidentsView.as_view(), name="incidents"),
    path(INCIDENT, IncidentView.as_view(), name="incident"),
    path(f"{INCIDENT}/transitions", IncidentTransitionsView.as_view(), name="incident-transitions"),
    path(f"{INCIDENT}/history", IncidentHistoryView.as_view(), name="incident-history"),
    path(f"{INCIDENT}/calls", IncidentCallsView.as_view(), name="incident-calls"),
    path(f"{INCIDENT}/assignee", AssigneeView.as_view(), name="incident-assignee"),
    path(f"{INCIDENT}/comments", CommentsView.as_view(), name="incident-comments"),
    path(f"{INCIDENT}/evidence", EvidenceView.as_view(), name="incident-evidence"),
    path("api/v1/rules", RulesView.as_view(), name="rules"),
    path("api/v1/rules/<uuid:rule_id>", RuleView.as_view(), name="rule"),
]
