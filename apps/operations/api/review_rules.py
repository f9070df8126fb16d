"""Review rules over REST."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import find_organisation, visible, visible_row
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_flag, read_uuid, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.core.clock import now
from apps.filters.api.lists import ListView
from apps.operations import queries, services
from apps.operations.api.serializers import ReviewRuleChangeSerializer, ReviewRuleSerializer, review_rule_body
from apps.operations.models import ReviewRule
from apps.operations.types import ReviewRuleChanges

VIEW = "review-rules.view"
FILTERS = {
    "organisation_id": OpenApiParameter("organisation_id", OpenApiTypes.UUID, description="Who is asked."),
    "is_enabled": OpenApiParameter("is_enabled", OpenApiTypes.BOOL),
}


class ReviewRulesView(ListView):
    """All review rules that the caller may see."""

    queryables = "review-rules"
    ordering = ("name",)

    @extend_schema(parameters=list(FILTERS.values()), responses=ReviewRuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List review rules."""
        require_known(request, FILTERS)
        rules = queries.review_rules_matching(
            visible(ReviewRule.objects.all(), actor_of(request), VIEW),
            organisation_id=read_uuid(request, "organisation_id"),
            is_enabled=read_flag(request, "is_enabled"),
        )
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(rules, request, self)
        return paginator.get_paginated_response([review_rule_body(row) for row in rows])

    @extend_schema(request=ReviewRuleSerializer, responses={201: ReviewRuleSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a review rule; what is in review by then is asked about as well, within seconds."""
        body = read_body(request, ReviewRuleSerializer)
        organisation = find_organisation(body.pop("organisation_id"))
        rule = services.create_review_rule(organisation=organisation, actor=actor_of(request), at=now(), **_terms(body))
        shown = review_rule_body(_find(request, rule.pk))
        return created(shown, location=reverse("review-rule", args=[rule.pk]), version=rule.version)


class ReviewRuleView(NounView):
    """One review rule."""

    @extend_schema(responses=ReviewRuleSerializer)
    def get(self, request: Request, rule_id: UUID) -> Response:
        """Show a review rule."""
        rule = _find(request, rule_id)
        return one(request, review_rule_body(rule), version=rule.version)

    @extend_schema(request=ReviewRuleChangeSerializer, responses=ReviewRuleSerializer)
    @if_match
    def patch(self, request: Request, rule_id: UUID, *, expected_version: int | None) -> Response:
        """Change a review rule; what is in review follows within seconds, what is approved stays approved."""
        rule = _find(request, rule_id)
        changes = read_patch(request, ReviewRuleChangeSerializer, review_rule_body(rule))
        services.update_review_rule(
            rule_id,
            actor=actor_of(request),
            at=now(),
            expected_version=rule.version if expected_version is None else expected_version,
            **_terms(changes),
        )
        changed = _find(request, rule_id)
        return one(request, review_rule_body(changed), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, rule_id: UUID, *, expected_version: int | None) -> Response:
        """Delete a review rule, and within seconds what it still asks for."""
        services.delete_review_rule(rule_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


def _find(request: Request, rule_id: UUID) -> ReviewRule:
    return visible_row(ReviewRule.objects.all(), rule_id, actor_of(request), VIEW)


def _terms(fields: dict[str, Any]) -> ReviewRuleChanges:
    return cast("ReviewRuleChanges", fields)
