"""Rules over REST."""

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
from apps.assets.models import AssetKind
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_flag, read_uuid, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.core.clock import now
from apps.core.types import FieldError, Invalid, NotFound
from apps.filters.api.lists import ListView
from apps.incidents import services
from apps.incidents.api.serializers import RuleSerializer, rule_body
from apps.incidents.models import Rule
from apps.incidents.types import RuleChanges
from apps.zones.models import Zone, ZoneKind

FILTERS = {
    "organisation_id": OpenApiParameter("organisation_id", OpenApiTypes.UUID, description="Who owns it."),
    "is_enabled": OpenApiParameter("is_enabled", OpenApiTypes.BOOL),
}
# The selectors: the model that each points at, and what its caller must be allowed to do to name one.
SELECTORS: dict[str, tuple[Any, str]] = {
    "zone_kind_id": (ZoneKind, "zone-kinds.view"),
    "zone_id": (Zone, "zones.view"),
    "asset_kind_id": (AssetKind, "asset-kinds.view"),
}
DURATIONS = ("hysteresis_s", "dedupe_window_s", "escalate_after_s")


class RulesView(ListView):
    """All rules that the caller may see."""

    queryables = "rules"
    ordering = ("name",)

    @extend_schema(parameters=list(FILTERS.values()), responses=RuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List rules."""
        require_known(request, FILTERS)
        rules = visible(Rule.objects.all(), actor_of(request), "rules.view")
        if (organisation_id := read_uuid(request, "organisation_id")) is not None:
            rules = rules.filter(organisation_id=organisation_id)
        if (is_enabled := read_flag(request, "is_enabled")) is not None:
            rules = rules.filter(is_enabled=is_enabled)
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(rules, request, self)
        return paginator.get_paginated_response([rule_body(row) for row in rows])

    @extend_schema(request=RuleSerializer, responses={201: RuleSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a rule."""
        body = read_body(request, RuleSerializer)
        organisation = find_organisation(body.pop("organisation_id"))
        rule = services.create_rule(
            organisation=organisation, actor=actor_of(request), at=now(), **_terms(request, body)
        )
        shown = rule_body(_find(request, rule.pk))
        return created(shown, location=reverse("rule", args=[rule.pk]), version=rule.version)


class RuleView(NounView):
    """One rule."""

    @extend_schema(responses=RuleSerializer)
    def get(self, request: Request, rule_id: UUID) -> Response:
        """Show a rule."""
        rule = _find(request, rule_id)
        return one(request, rule_body(rule), version=rule.version)

    @extend_schema(request=RuleSerializer, responses=RuleSerializer)
    @if_match
    def patch(self, request: Request, rule_id: UUID, *, expected_version: int | None) -> Response:
        """Change a rule; incidents that it has opened stay as they are."""
        rule = _find(request, rule_id)
        changes = read_patch(request, RuleSerializer, rule_body(rule))
        organisation_id = changes.pop("organisation_id", None)
        changed = services.update_rule(
            rule_id,
            actor=actor_of(request),
            at=now(),
            # What the patch was merged into is what it changes, also when the caller does not care.
            expected_version=rule.version if expected_version is None else expected_version,
            organisation=find_organisation(organisation_id) if organisation_id else None,
            **_terms(request, changes),
        )
        return one(request, rule_body(changed), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, rule_id: UUID, *, expected_version: int | None) -> Response:
        """Delete a rule; the incidents that it has opened stay."""
        services.delete_rule(rule_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


def _find(request: Request, rule_id: UUID) -> Rule:
    return visible_row(Rule.objects.all(), rule_id, actor_of(request), "rules.view")


def _terms(request: Request, fields: dict[str, Any]) -> RuleChanges:
    """Return a body's fields as the services take them: rows for ids, durations for seconds."""
    terms = {name: value for name, value in fields.items() if name not in (*SELECTORS, *DURATIONS)}
    terms |= {name.removesuffix("_s"): fields[name] for name in DURATIONS if name in fields}
    terms |= {name.removesuffix("_id"): _selected(request, name, fields[name]) for name in SELECTORS if name in fields}
    return cast("RuleChanges", terms)


def _selected(request: Request, name: str, key: UUID | None) -> Any:
    if key is None:
        return None
    model, action = SELECTORS[name]
    try:
        return visible_row(model.objects.all(), key, actor_of(request), action)
    except NotFound:
        error = FieldError(pointer=f"/{name}", code="unknown", detail="There is no such thing, or you may not see it.")
        raise Invalid("The rule names something that does not exist.", errors=[error]) from None
