"""``/api/v1/users`` and ``/api/v1/me``."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services
from apps.access.api.authentication import actor_of
from apps.access.api.serializers import (
    MeSerializer,
    UserChangeSerializer,
    UserCreateSerializer,
    UserSerializer,
)
from apps.access.models import User
from apps.access.queries import has_second_factor, held_actions, is_enrolled, visible, visible_row
from apps.access.types import Actor
from apps.core import clock
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, created, one, page, read_body
from apps.filters.api.lists import ListView


class UserList(ListView):
    """All users that you may see."""

    queryables = "users"
    ordering = ("username", "pk")

    @extend_schema(operation_id="list_users", responses=UserSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the users that you may see; yourself always."""
        require_known(request, ())
        return page(self, request, visible(User.objects.all(), actor_of(request), "users.view"), UserSerializer)

    @extend_schema(operation_id="create_user", request=UserCreateSerializer, responses={201: UserSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make a user in an organisation; what they may do is said by assignments and grants."""
        body = read_body(request, UserCreateSerializer)
        row = services.create_user(**body, actor=actor_of(request), at=clock.now())
        location = reverse("user", args=[row.pk])
        return created(UserSerializer(row).data, location=location, version=row.version)


class UserDetail(NounView):
    """One user."""

    @extend_schema(operation_id="read_user", responses=UserSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read a user."""
        row = visible_row(User.objects.all(), pk, actor_of(request), "users.view")
        return one(request, UserSerializer(row).data, version=row.version)

    @extend_schema(operation_id="change_user", request=UserChangeSerializer, responses=UserSerializer)
    @if_match
    def patch(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Change a user who holds no more than you do; users are deactivated, never deleted."""
        body = read_body(request, UserChangeSerializer, partial=True)
        row = services.change_user(
            pk,
            body,  # type: ignore[arg-type]  # the serializer's fields are the changes
            expected_version=expected_version,
            actor=actor_of(request),
            at=clock.now(),
        )
        return one(request, UserSerializer(row).data, version=row.version)


class Me(NounView):
    """Whoever is signed in."""

    @extend_schema(operation_id="read_me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Read who you are and what you hold."""
        actor = actor_of(request)
        body = {
            **UserSerializer(request.user).data,
            "actions": sorted(held_actions(actor)),
            "scopes": None if actor.scopes is None else sorted(actor.scopes),
            "signed_in_by": _way_of(actor),
            "second_factor": _second_factor_of(request, actor),
        }
        return Response(body)


def _way_of(actor: Actor) -> str:
    if actor.token_id is not None:
        return "oauth_token"
    return "api_key" if actor.key_id is not None else "session"


def _second_factor_of(request: Request, actor: Actor) -> str:
    if actor.is_signed_in and has_second_factor(request._request):  # noqa: SLF001 - DRF's own name for it
        return "shown"
    return "enrolled" if actor.user_id is not None and is_enrolled(actor.user_id) else "none"
