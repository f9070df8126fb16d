"""``/api/v1/policies``, ``/api/v1/user-attributes`` and ``/api/v1/users/{id}/attributes``."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services
from apps.access.api.authentication import actor_of
from apps.access.api.policies import (
    AttributeDefinitionChangeSerializer,
    AttributeDefinitionSerializer,
    AttributeDefinitionWriteSerializer,
    AttributeSerializer,
    AttributesSerializer,
    AttributeValueSerializer,
    PolicyChangeSerializer,
    PolicySerializer,
    PolicyWriteSerializer,
    attribute_body,
)
from apps.access.models import AttributeDefinition, Policy, User, UserAttribute
from apps.access.queries import visible, visible_row
from apps.core import clock
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, created, deleted, one, page, read_body
from apps.core.types import TimeWindow
from apps.filters.api.lists import ListView


class PolicyList(ListView):
    """All policies that you may see."""

    queryables = "policies"
    ordering = ("name", "pk")

    @extend_schema(operation_id="list_policies", responses=PolicySerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the policies."""
        require_known(request, ())
        rows = visible(Policy.objects.prefetch_related("users", "groups"), actor_of(request), "policies.view")
        return page(self, request, rows, PolicySerializer)

    @extend_schema(operation_id="create_policy", request=PolicyWriteSerializer, responses={201: PolicySerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a policy; it permits at most what you hold yourself."""
        body = read_body(request, PolicyWriteSerializer)
        organisation_id = body.pop("organisation_id")
        row = services.create_policy(
            changes_of(body), organisation_id=organisation_id, actor=actor_of(request), at=clock.now()
        )
        return created(PolicySerializer(row).data, location=reverse("policy", args=[row.pk]), version=row.version)


class PolicyDetail(NounView):
    """One policy."""

    @extend_schema(operation_id="read_policy", responses=PolicySerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read a policy."""
        row = visible_row(Policy.objects.all(), pk, actor_of(request), "policies.view")
        return one(request, PolicySerializer(row).data, version=row.version)

    @extend_schema(operation_id="change_policy", request=PolicyChangeSerializer, responses=PolicySerializer)
    @if_match
    def patch(self, request: Request, pk: UUID, *, expected_version: int | None) -> Response:
        """Change a policy, at once in force."""
        visible_row(Policy.objects.all(), pk, actor_of(request), "policies.view")
        changes = changes_of(read_body(request, PolicyChangeSerializer, partial=True), Policy.objects.get(pk=pk))
        row = services.change_policy(
            pk, changes, actor=actor_of(request), at=clock.now(), expected_version=expected_version
        )
        return one(request, PolicySerializer(row).data, version=row.version)

    @extend_schema(operation_id="delete_policy", responses={204: None})
    @if_match
    def delete(self, request: Request, pk: UUID, *, expected_version: int | None) -> Response:
        """Delete a policy, at once."""
        services.delete_policy(pk, actor=actor_of(request), at=clock.now(), expected_version=expected_version)
        return deleted()


class AttributeDefinitionList(ListView):
    """What may be known of users."""

    queryables = "user-attributes"
    ordering = ("name", "pk")

    @extend_schema(operation_id="list_user_attributes", responses=AttributeDefinitionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the attributes that users may have."""
        require_known(request, ())
        rows = visible(AttributeDefinition.objects.all(), actor_of(request), "user-attributes.view")
        return page(self, request, rows, AttributeDefinitionSerializer)

    @extend_schema(
        operation_id="create_user_attribute",
        request=AttributeDefinitionWriteSerializer,
        responses={201: AttributeDefinitionSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Define an attribute."""
        body = read_body(request, AttributeDefinitionWriteSerializer)
        row = services.define_attribute(**body, actor=actor_of(request), at=clock.now())
        shown = AttributeDefinitionSerializer(row).data
        return created(shown, location=reverse("user-attribute", args=[row.pk]), version=row.version)


class AttributeDefinitionDetail(NounView):
    """One attribute that users may have."""

    @extend_schema(operation_id="read_user_attribute", responses=AttributeDefinitionSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read an attribute."""
        row = visible_row(AttributeDefinition.objects.all(), pk, actor_of(request), "user-attributes.view")
        return one(request, AttributeDefinitionSerializer(row).data, version=row.version)

    @extend_schema(
        operation_id="change_user_attribute",
        request=AttributeDefinitionChangeSerializer,
        responses=AttributeDefinitionSerializer,
    )
    @if_match
    def patch(self, request: Request, pk: UUID, *, expected_version: int | None) -> Response:
        """Describe an attribute anew; its name and type stay."""
        description = read_body(request, AttributeDefinitionChangeSerializer)["description"]
        row = services.describe_attribute(
            pk, description, actor=actor_of(request), at=clock.now(), expected_version=expected_version
        )
        return one(request, AttributeDefinitionSerializer(row).data, version=row.version)

    @extend_schema(operation_id="delete_user_attribute", responses={204: None})
    @if_match
    def delete(self, request: Request, pk: UUID, *, expected_version: int | None) -> Response:
        """Delete an attribute that nobody has and no policy asks for."""
        services.delete_attribute(pk, actor=actor_of(request), at=clock.now(), expected_version=expected_version)
        return deleted()


class UserAttributes(NounView):
    """What is known of one user."""

    @extend_schema(operation_id="list_attributes_of_user", responses=AttributesSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """List what is known of a user that you may see."""
        require_known(request, ())
        actor = actor_of(request)
        user = visible_row(User.objects.all(), pk, actor, "users.view")
        rows = visible(UserAttribute.objects.filter(user=user), actor, "users.view").select_related("definition")
        return Response({"items": [attribute_body(row) for row in rows]})


class UserAttributeDetail(NounView):
    """One thing that is known of one user."""

    @extend_schema(
        operation_id="set_attribute_of_user", request=AttributeValueSerializer, responses=AttributeSerializer
    )
    def put(self, request: Request, pk: UUID, name: str) -> Response:
        """Say what is known of a user; policies ask for it from then on."""
        value = read_body(request, AttributeValueSerializer)["value"]
        row = services.set_attribute(pk, name, value, actor=actor_of(request), at=clock.now())
        return Response(attribute_body(row))

    @extend_schema(operation_id="clear_attribute_of_user", responses={204: None})
    def delete(self, request: Request, pk: UUID, name: str) -> Response:
        """Forget what is known of a user."""
        services.clear_attribute(pk, name, actor=actor_of(request), at=clock.now())
        return deleted()


def changes_of(body: dict[str, Any], policy: Policy | None = None) -> services.PolicyChanges:
    """Return a body as the service takes it; a period of which one end is not said keeps that end."""
    changes: Any = dict(body)
    if {"begins_at", "ends_at"} & changes.keys():
        kept = (policy.during.lower, policy.during.upper) if policy else (None, None)
        changes["during"] = TimeWindow(start=changes.pop("begins_at", kept[0]), end=changes.pop("ends_at", kept[1]))
    return changes  # type: ignore[no-any-return]  # the serializer has these fields
