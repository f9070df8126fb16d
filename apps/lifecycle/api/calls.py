"""Services over REST, the answers that they give later, and the calls of an object.

A noun with a lifecycle finishes ``CallsView`` in a few lines, as it does ``TransitionsView``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.authentication import actor_of
from apps.access.queries import holds_at_root, visible, visible_row
from apps.core import clock
from apps.core.api.etags import if_match
from apps.core.api.fields import SecondsField
from apps.core.api.idempotency import idempotent
from apps.core.api.json import JSONParser
from apps.core.api.parameters import require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.filters.api.lists import ListView
from apps.lifecycle import queries, services
from apps.lifecycle.api.views import LifecycleView
from apps.lifecycle.models import Service
from apps.lifecycle.registry import lifecycle_of
from apps.lifecycle.types import Auth, CallState, SagaState

Shape = serializers.Serializer[Any]
# Where REST says seconds, the service takes a duration.
SECONDS: Final = {"timeout_s": "timeout", "break_for_s": "break_for"}
VIEW, CHANGE = "services.view", "services.change"


class ServiceSerializer(Shape):
    """A service that lifecycles may call. Where it is, and how it is called, is shown to whoever may change it."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    changed_at = serializers.DateTimeField(read_only=True)
    key = serializers.CharField(max_length=40, help_text="What definitions call it; it never changes.")
    name = serializers.CharField(max_length=100)
    is_enabled = serializers.BooleanField(default=True, help_text="What it is owed waits while it is not.")
    base_url = serializers.CharField(max_length=500)
    auth = serializers.ChoiceField(choices=Auth.choices, default=Auth.NONE)
    header = serializers.CharField(
        max_length=100, default="", allow_blank=True, help_text="Its name, where a header carries the secret."
    )
    secret = serializers.CharField(
        write_only=True, default="", allow_blank=True, help_text="Token, user:password, or the header's value."
    )
    timeout_s = SecondsField(default=timedelta(seconds=10), help_text="How long one request may take.")
    concurrency = serializers.IntegerField(default=8, min_value=1, max_value=100)
    break_after = serializers.IntegerField(default=5, min_value=1, max_value=1000, help_text="Failures in a row.")
    break_for_s = SecondsField(default=timedelta(seconds=30), help_text="How long its circuit stays broken.")
    failures = serializers.IntegerField(read_only=True, help_text="In a row, until now.")
    open_until = serializers.DateTimeField(read_only=True, help_text="Until then its circuit is broken.")


class ServiceChangeSerializer(ServiceSerializer):
    """What may be changed of a service."""

    key = None  # type: ignore[assignment]  # DRF: a field of the parent's that is not one here


class LaterAnswerSerializer(Shape):
    """What a service answers later."""

    outcome = serializers.ChoiceField(choices=["succeeded", "failed"])
    answer = serializers.JSONField(required=False, help_text="Anything that should be kept with the call.")


class CallSerializer(Shape):
    """One call of a service about an object. Those of one transition go one after the other, all of them or none."""

    id = serializers.UUIDField(help_text="The idempotency key.")
    transition = serializers.CharField(source="saga.transition")
    saga = serializers.ChoiceField(choices=SagaState.choices, source="saga.state", help_text="How far all of it is.")
    reason = serializers.CharField(source="saga.reason", help_text="Why it was undone.")
    place = serializers.IntegerField(help_text="In its transition, from 0.")
    service = serializers.CharField(source="service.key")
    state = serializers.ChoiceField(choices=CallState.choices)
    method = serializers.CharField()
    path = serializers.CharField(allow_null=True)
    body = serializers.JSONField(allow_null=True)
    status = serializers.IntegerField(allow_null=True)
    answer = serializers.CharField(allow_null=True, help_text="Its beginning.")
    last_error = serializers.CharField()
    attempts = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True, help_text="When it is sent (again), or its answer is late.")
    give_up_at = serializers.DateTimeField(allow_null=True)
    decided = serializers.CharField(help_text="What somebody decided: retried or given up.")
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    recorded_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


# What holds words of the object.
TELLING: Final = ("path", "body", "answer")
PRIVATE: Final = ("base_url", "auth", "header", "timeout_s", "concurrency", "break_after", "break_for_s")


class ServicesView(ListView):
    """All services."""

    queryables = "services"
    ordering = ("key",)

    @extend_schema(operation_id="list_services", responses=ServiceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List services by key."""
        require_known(request, ())
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(visible(Service.objects.all(), actor_of(request), VIEW), request, self)
        return paginator.get_paginated_response([_body(request, row) for row in rows])

    @extend_schema(operation_id="create_service", request=ServiceSerializer, responses={201: ServiceSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Register a service."""
        given = _renamed(read_body(request, ServiceSerializer))
        row = services.create_service(given, actor=actor_of(request), at=clock.now())
        return created(_body(request, row), location=reverse("service", args=[row.pk]), version=row.version)


class ServiceView(NounView):
    """One service."""

    @extend_schema(operation_id="get_service", responses=ServiceSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Show a service."""
        row = visible_row(Service.objects.all(), pk, actor_of(request), VIEW)
        return one(request, _body(request, row), version=row.version)

    @extend_schema(operation_id="change_service", request=ServiceChangeSerializer, responses=ServiceSerializer)
    @if_match
    def patch(self, request: Request, pk: UUID, *, expected_version: int | None) -> Response:
        """Change a service; its circuit is closed. Where it moves, its secret is said again."""
        row = visible_row(Service.objects.all(), pk, actor_of(request), VIEW)
        given = _renamed(read_patch(request, ServiceChangeSerializer, _body(request, row) | {"secret": None}))
        changed = services.update_service(
            pk, given, expected_version=expected_version, actor=actor_of(request), at=clock.now()
        )
        return one(request, _body(request, changed), version=changed.version)

    @extend_schema(operation_id="delete_service", responses={204: None})
    @if_match
    def delete(self, request: Request, pk: UUID, *, expected_version: int | None) -> Response:
        """Delete a service that was never called."""
        services.delete_service(pk, expected_version=expected_version, actor=actor_of(request), at=clock.now())
        return deleted()


class CallsView(LifecycleView, ListView):
    """The calls about one object, for its noun to finish."""

    queryables = "calls"
    ordering = ("-pk",)

    @extend_schema(responses=CallSerializer(many=True))
    def get(self, request: Request, object_id: UUID) -> Response:
        """List what services were asked about it, the latest first; nothing for who may not see that."""
        require_known(request, ())
        row, actor = self.find_with_state(request, object_id), actor_of(request)
        paginator = self.pagination_class()
        calls = paginator.paginate_queryset(queries.visible_calls(row, actor), request, self)
        told = [dict(CallSerializer(call).data) for call in calls]
        if queries.is_told_in_part(lifecycle_of(row).noun, actor):
            told = [each | dict.fromkeys(TELLING) for each in told]
        return paginator.get_paginated_response(told)


class CallbackView(APIView):
    """Where a service answers a call that it has accepted. The token in the address is all that it needs."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="answer_call", request=LaterAnswerSerializer, responses={204: None}, auth=[])
    def post(self, request: Request, token: str) -> Response:
        """Answer a call, once. A token that never was, was used or is too old is the same 404."""
        body = read_body(request, LaterAnswerSerializer)
        has_succeeded = body["outcome"] == "succeeded"
        services.answer_call(token, body.get("answer", {}), has_succeeded=has_succeeded, at=clock.now())
        return Response(status=204, headers={"Cache-Control": "no-store"})


def _body(request: Request, row: Service) -> dict[str, Any]:
    body: dict[str, Any] = dict(ServiceSerializer(_Shown(row)).data)
    if not holds_at_root(actor_of(request), [CHANGE]):
        body |= dict.fromkeys(PRIVATE)
    return body


class _Shown:
    """A service with its durations under the names that REST gives them."""

    def __init__(self, row: Service) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, SECONDS.get(name, name))


def _renamed(given: dict[str, Any]) -> dict[str, Any]:
    return {SECONDS.get(name, name): value for name, value in given.items()}
