"""Incidents over REST: parse, ask the door, one service or query call, answer."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.api.hiding import all_shown, require_askable, shown
from apps.access.queries import find_organisation, find_user, owed_for, parts_of, scope, visible, visible_row
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import BBOX, bad_parameter, read_bbox, read_flag, read_text, read_uuid, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, one, page, read_body
from apps.core.clock import now
from apps.core.types import FieldError, Invalid
from apps.filters.api.lists import ListView
from apps.incidents import queries, services
from apps.incidents.api.serializers import (
    AssigneeSerializer,
    CommentSerializer,
    EvidenceSerializer,
    IncidentChangeSerializer,
    IncidentSerializer,
    incident_body,
    kept_evidence,
)
from apps.incidents.models import Incident
from apps.incidents.published import incident_feature, published_incidents
from apps.incidents.types import IncidentChanges
from apps.lifecycle.api.calls import CallsView
from apps.lifecycle.api.serializers import TransitionRequestSerializer
from apps.lifecycle.api.views import HistoryView, LifecycleView, TransitionsView

VIEW = "incidents.view"
FILTERS = {
    "state": OpenApiParameter("state"),
    "is_over": OpenApiParameter("is_over", OpenApiTypes.BOOL, description="Resolved or closed."),
    "severity": OpenApiParameter("severity", OpenApiTypes.INT, description="At least so bad, 1 to 4."),
    "organisation_id": OpenApiParameter("organisation_id", OpenApiTypes.UUID, description="Who owns it."),
    "rule_id": OpenApiParameter("rule_id", OpenApiTypes.UUID, description="The rule that opened it."),
    "asset_id": OpenApiParameter("asset_id", OpenApiTypes.UUID, description="The asset that it is about."),
    "zone_id": OpenApiParameter("zone_id", OpenApiTypes.UUID, description="The zone that it is about."),
    "assignee_id": OpenApiParameter("assignee_id", OpenApiTypes.UUID, description="In whose hands it is."),
    "bbox": BBOX,
    "q": OpenApiParameter("q", description="A part of the title, or of the asset's or zone's name."),
}
IDS = ("organisation_id", "rule_id", "asset_id", "zone_id", "assignee_id")

ASKS = {
    **{name: (name,) for name in FILTERS if name not in ("is_over", "bbox", "q", "organisation_id")},
    "is_over": ("state",),
    "bbox": ("geometry",),
    "q": ("title", "asset_name", "zone_name"),
}


class IncidentsView(ListView):
    """All incidents that the caller may see."""

    queryables = "incidents"
    ordering = ("-opened_at",)

    @extend_schema(parameters=list(FILTERS.values()), responses=IncidentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List incidents, the latest first."""
        require_known(request, FILTERS)
        require_askable(request, "incidents", ASKS)
        incidents = queries.incidents_matching(
            visible(published_incidents(), actor_of(request), VIEW),
            state=read_text(request, "state"),
            is_over=read_flag(request, "is_over"),
            severity=_read_severity(request),
            bbox=read_bbox(request),
            q=read_text(request, "q"),
            ids={name: key for name in IDS if (key := read_uuid(request, name)) is not None},
        )
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(incidents, request, self)
        return paginator.get_paginated_response(all_shown(request, VIEW, [incident_body(row) for row in rows]))

    @extend_schema(request=IncidentSerializer, responses={201: IncidentSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Open an incident by hand."""
        body = read_body(request, IncidentSerializer)
        incident = services.open_incident(
            organisation=find_organisation(body["organisation_id"]),
            title=body["title"],
            description=body["description"],
            severity=body["severity"],
            location=body["location"],
            escalate_after=body["escalate_after_s"],
            actor=actor_of(request),
            at=now(),
        )
        body = shown(request, VIEW, incident_body(find_incident(request, incident.pk)))
        return created(body, location=reverse("incident", args=[incident.pk]), version=incident.version)


class IncidentView(NounView):
    """One incident."""

    @extend_schema(responses=IncidentSerializer)
    def get(self, request: Request, object_id: UUID) -> Response:
        """Show an incident."""
        incident = find_incident(request, object_id)
        return one(request, shown(request, VIEW, incident_body(incident)), version=incident.version)

    @extend_schema(request=IncidentChangeSerializer, responses=IncidentSerializer)
    @if_match
    def patch(self, request: Request, object_id: UUID, *, expected_version: int | None) -> Response:
        """Change what an incident says. Its state is moved by transitions, its assignee has an address of its own."""
        incident = find_incident(request, object_id)
        changes = read_patch(request, IncidentChangeSerializer, incident_body(incident))
        if "escalate_after_s" in changes:
            changes["escalate_after"] = changes.pop("escalate_after_s")
        changed = services.update_incident(
            object_id,
            actor=actor_of(request),
            at=now(),
            # What the patch was merged into is what it changes, also when the caller does not care.
            expected_version=incident.version if expected_version is None else expected_version,
            **cast("IncidentChanges", changes),
        )
        return one(request, shown(request, VIEW, incident_body(changed)), version=changed.version)


class AssigneeView(NounView):
    """In whose hands one incident is."""

    @extend_schema(request=AssigneeSerializer, responses=IncidentSerializer)
    @if_match
    def put(self, request: Request, object_id: UUID, *, expected_version: int | None) -> Response:
        """Put an incident into somebody's hands, or into nobody's."""
        user_id = read_body(request, AssigneeSerializer)["user_id"]
        find_incident(request, object_id)
        assignee = find_user(user_id)
        if user_id is not None and assignee is None:
            error = FieldError(pointer="/user_id", code="unknown", detail="There is no such user.")
            raise Invalid("There is no such user.", errors=[error])
        changed = services.assign_incident(
            object_id, assignee, actor=actor_of(request), at=now(), expected_version=expected_version
        )
        return one(request, shown(request, VIEW, incident_body(changed)), version=changed.version)


class CommentsView(ListView):
    """What was said about one incident."""

    queryables = "comments"
    ordering = ("id",)

    @extend_schema(responses=CommentSerializer(many=True))
    def get(self, request: Request, object_id: UUID) -> Response:
        """List comments, oldest first."""
        require_known(request, ())
        incident = find_incident(request, object_id)
        comments = parts_of(queries.comments_on(incident.pk), incident, actor_of(request), VIEW, instant="said_at")
        return page(self, request, comments, CommentSerializer)

    @extend_schema(request=CommentSerializer, responses={201: CommentSerializer})
    @idempotent
    def post(self, request: Request, object_id: UUID) -> Response:
        """Say something about an incident."""
        text = read_body(request, CommentSerializer)["text"]
        comment = services.comment_on_incident(object_id, text, actor=actor_of(request), at=now())
        return Response(CommentSerializer(comment).data, status=201)


class EvidenceView(ListView):
    """What was found about one incident."""

    queryables = "evidence"
    ordering = ("effective_at", "id")

    @extend_schema(responses=EvidenceSerializer(many=True))
    def get(self, request: Request, object_id: UUID) -> Response:
        """List evidence, in the order in which it was true."""
        require_known(request, ())
        incident = find_incident(request, object_id)
        evidence = parts_of(queries.evidence_of(incident.pk), incident, actor_of(request), VIEW, instant="effective_at")
        rows = self.pagination_class()
        owed = owed_for(scope(actor_of(request), VIEW), "incidents", incident_feature(incident))
        found = rows.paginate_queryset(evidence, request, self)
        bodies = EvidenceSerializer(found, many=True).data
        return rows.get_paginated_response([kept_evidence(body, owed) for body in bodies])


class OneIncident(LifecycleView):
    """What the lifecycle's views must know of incidents."""

    history_url_name = "incident-history"

    def find(self, request: Request, object_id: UUID) -> Incident:
        """Return the incident, if the caller may see it."""
        return find_incident(request, object_id)

    def show(self, request: Request, row: Any) -> object:
        """Return the incident as REST shows it."""
        return shown(request, VIEW, incident_body(row))


class IncidentTransitionsView(OneIncident, TransitionsView):
    """What may happen to one incident now."""

    post = extend_schema(request=TransitionRequestSerializer, responses=IncidentSerializer)(TransitionsView.post)


class IncidentHistoryView(OneIncident, HistoryView):
    """What has happened to one incident."""


class IncidentCallsView(OneIncident, CallsView):
    """What services were asked about one incident."""


def find_incident(request: Request, incident_id: UUID) -> Incident:
    """Return an incident that the caller may see; raises ``NotFound``."""
    return visible_row(published_incidents(), incident_id, actor_of(request), VIEW)


def _read_severity(request: Request) -> int | None:
    severity = read_text(request, "severity")
    if severity is not None and severity not in ("1", "2", "3", "4"):
        raise bad_parameter("severity", "It is a number from 1 to 4.")
    return None if severity is None else int(severity)
