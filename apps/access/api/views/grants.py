"""``/api/v1/grants``: who else may do what to one object. A grant has no version: it stands or it does not."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services
from apps.access.api.authentication import actor_of
from apps.access.api.serializers import GrantSerializer, GrantsSerializer, GrantWriteSerializer
from apps.access.queries import find_grant, find_holder, grantable_object, grants_of
from apps.core import clock
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_text, read_uuid, require_known
from apps.core.api.views import NounView, deleted, read_body
from apps.core.types import Invalid, TimeWindow


class GrantList(NounView):
    """The grants of an object."""

    @extend_schema(
        operation_id="list_grants",
        parameters=[
            OpenApiParameter("noun", OpenApiTypes.STR, required=True, description="Such as `assets`."),
            OpenApiParameter("object_id", OpenApiTypes.UUID, required=True),
        ],
        responses=GrantsSerializer,
    )
    def get(self, request: Request) -> Response:
        """List the grants of one object that you may share."""
        require_known(request, {"noun", "object_id"})
        noun, object_id = read_text(request, "noun"), read_uuid(request, "object_id")
        if noun is None or object_id is None:
            raise Invalid("Name the object: noun and object_id.", code="invalid_parameter")
        thing = grantable_object(noun, object_id, actor=actor_of(request))
        return Response({"items": GrantSerializer(grants_of(thing), many=True).data})

    @extend_schema(operation_id="create_grant", request=GrantWriteSerializer, responses={201: GrantSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Let a user or a group do one action to one object, for a period; to grant it twice changes nothing."""
        actor, body = actor_of(request), read_body(request, GrantWriteSerializer)
        to = find_holder(body.get("user_id"), body.get("group_id"))
        thing = grantable_object(body["noun"], body["object_id"], actor=actor)
        during = TimeWindow(start=body.get("begins_at"), end=body.get("ends_at"))
        services.grant_access(thing, body["action"], to=to, during=during, actor=actor, at=clock.now())
        made = next(
            each
            for each in grants_of(thing)
            if each.action == body["action"] and each.is_for(to) and each.covers(during)
        )
        return Response(GrantSerializer(made).data, status=201)


class GrantDetail(NounView):
    """One grant."""

    @extend_schema(operation_id="delete_grant", responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Take a grant back, at once."""
        actor = actor_of(request)
        thing, action, to, only = find_grant(pk, actor=actor)
        services.revoke_access(thing, action, to=to, only=only, actor=actor, at=clock.now())
        return deleted()
