"""``/api/v1/organisations``."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services
from apps.access.api.authentication import actor_of
from apps.access.api.serializers import OrganisationSerializer, OrganisationWriteSerializer
from apps.access.models import Organisation
from apps.access.queries import visible, visible_row
from apps.core import clock
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, created, deleted, one, page, read_body
from apps.filters.api.lists import ListView


class OrganisationList(ListView):
    """All organisations that you may see."""

    queryables = "organisations"
    ordering = ("name", "pk")

    @extend_schema(operation_id="list_organisations", responses=OrganisationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the organisations that you may see."""
        require_known(request, ())
        rows = visible(Organisation.objects.all(), actor_of(request), "organisations.view")
        return page(self, request, rows, OrganisationSerializer)

    @extend_schema(
        operation_id="create_organisation", request=OrganisationWriteSerializer, responses={201: OrganisationSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Make an organisation below another; one without a parent is made by a superuser."""
        body = read_body(request, OrganisationWriteSerializer)
        row = services.create_organisation(**body, actor=actor_of(request), at=clock.now())
        location = reverse("organisation", args=[row.pk])
        return created(OrganisationSerializer(row).data, location=location, version=row.version)


class OrganisationDetail(NounView):
    """One organisation."""

    @extend_schema(operation_id="read_organisation", responses=OrganisationSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read an organisation."""
        row = visible_row(Organisation.objects.all(), pk, actor_of(request), "organisations.view")
        return one(request, OrganisationSerializer(row).data, version=row.version)

    @extend_schema(
        operation_id="change_organisation", request=OrganisationWriteSerializer, responses=OrganisationSerializer
    )
    @if_match
    def patch(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Change an organisation; a new parent takes along everything below."""
        body = read_body(request, OrganisationWriteSerializer, partial=True)
        row = services.change_organisation(
            pk,
            body,  # type: ignore[arg-type]  # the serializer's fields are the changes
            expected_version=expected_version,
            actor=actor_of(request),
            at=clock.now(),
        )
        return one(request, OrganisationSerializer(row).data, version=row.version)

    @extend_schema(operation_id="delete_organisation", responses={204: None})
    @if_match
    def delete(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Delete an organisation that owns nothing any more."""
        services.delete_organisation(pk, expected_version=expected_version, actor=actor_of(request), at=clock.now())
        return deleted()
