"""``/api/v1/webhooks``: endpoints, what they are owed, and what became of it.

A secret is in the one answer that makes it, so those answers are never kept: no ``Idempotency-Key`` there.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import visible, visible_row
from apps.access.types import Actor
from apps.core import clock
from apps.core.api.etags import if_match
from apps.core.api.fields import FiniteFloatField
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, created, deleted, one, page, read_body
from apps.core.types import NotAllowed, NotFound
from apps.events import services
from apps.events.models import Delivery, Endpoint
from apps.events.queries import may_command
from apps.events.types import Cause, Cursor, DeliveryState
from apps.filters.api.lists import ListView

Shape = serializers.Serializer[Any]


class WebhookSerializer(Shape):
    """An address that is told of events, as its owner may see them."""

    id = serializers.UUIDField()
    version = serializers.IntegerField()
    recorded_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    user_id = serializers.UUIDField(help_text="With whose eyes it reads.")
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="Null confines nothing.")
    name = serializers.CharField()
    url = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField(), help_text="None are all; `prefix.*` is many.")
    noun = serializers.CharField(help_text="Events of these objects only; empty for all.")
    filter = serializers.CharField(help_text="CQL2 over the queryables of the noun.")
    rate = serializers.FloatField(allow_null=True, help_text="At most so many a second.")
    is_enabled = serializers.BooleanField()
    stopped_by = serializers.CharField(help_text="What has switched it off: hand, gone (410), owner or filter.")


class NewWebhookSerializer(WebhookSerializer):
    """A webhook with a new secret: the only time that it is told."""

    secret = serializers.CharField(help_text="Standard Webhooks, `whsec_...`. It is not shown again.")


class WebhookWriteSerializer(Shape):
    """What is said to make a webhook; for oneself unless a user is named."""

    user_id = serializers.UUIDField(required=False)
    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=500)
    types = serializers.ListField(child=serializers.CharField(max_length=100), required=False, max_length=50)
    noun = serializers.CharField(max_length=40, required=False, allow_blank=True)
    filter = serializers.CharField(max_length=8192, required=False, allow_blank=True, trim_whitespace=False)
    rate = FiniteFloatField(required=False, allow_null=True)


class WebhookChangeSerializer(WebhookWriteSerializer):
    """What may be changed of a webhook."""

    user_id = None  # type: ignore[assignment]  # DRF: a field of the parent's that is not one here
    is_enabled = serializers.BooleanField(required=False)


class DeliverySerializer(Shape):
    """One event that is owed to a webhook, or was."""

    id = serializers.IntegerField()
    message_id = serializers.UUIDField(help_text="`webhook-id`: the same in every attempt and replay.")
    type = serializers.CharField()
    subject = serializers.CharField()
    cause = serializers.ChoiceField(choices=Cause.choices)
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    attempts = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True, help_text="Null while an earlier one of its subject waits.")
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    recorded_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class AttemptSerializer(Shape):
    """One attempt, with the beginning of both bodies."""

    number = serializers.IntegerField()
    sent_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    sent = serializers.CharField()
    answer = serializers.CharField()


class DeliveryLogSerializer(DeliverySerializer):
    """A delivery and all its attempts."""

    log = AttemptSerializer(many=True)


class RangeSerializer(Shape):
    """A stretch of the log."""

    after = serializers.CharField(max_length=100, help_text="A cursor.")
    until = serializers.CharField(max_length=100, help_text="A cursor, itself included.")


class OwedSerializer(Shape):
    """How many deliveries came of it."""

    owed = serializers.IntegerField()


class WebhookList(ListView):
    """All webhooks that you may see."""

    queryables = "webhooks"
    ordering = ("-recorded_at", "-pk")

    @extend_schema(operation_id="list_webhooks", responses=WebhookSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List your webhooks and those of the people whom you administer, newest first."""
        require_known(request, ())
        return page(
            self, request, visible(Endpoint.objects.all(), actor_of(request), "webhooks.view"), WebhookSerializer
        )

    @extend_schema(operation_id="create_webhook", request=WebhookWriteSerializer, responses={201: NewWebhookSerializer})
    def post(self, request: Request) -> Response:
        """Make a webhook, told of what happens from now on; its secret is in this answer and never again."""
        body = {"user_id": request.user.pk, **read_body(request, WebhookWriteSerializer)}
        user_id = body.pop("user_id")
        row, secret = services.create_endpoint(body, user_id=user_id, actor=actor_of(request), at=clock.now())
        answer = {**WebhookSerializer(row).data, "secret": secret}
        return created(answer, location=reverse("webhook", args=[row.pk]), version=row.version)


class WebhookDetail(NounView):
    """One webhook."""

    @extend_schema(operation_id="read_webhook", responses=WebhookSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read a webhook, without its secret."""
        row = visible_row(Endpoint.objects.all(), pk, actor_of(request), "webhooks.view")
        return one(request, WebhookSerializer(row).data, version=row.version)

    @extend_schema(operation_id="change_webhook", request=WebhookChangeSerializer, responses=WebhookSerializer)
    @if_match
    def patch(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Change a webhook, or switch it off and on; switched on, it goes on where it was."""
        row = services.update_endpoint(
            pk,
            read_body(request, WebhookChangeSerializer, partial=True),
            expected_version=expected_version,
            actor=actor_of(request),
            at=clock.now(),
        )
        return one(request, WebhookSerializer(row).data, version=row.version)

    @extend_schema(operation_id="delete_webhook", responses={204: None})
    @if_match
    def delete(self, request: Request, pk: UUID, expected_version: int | None) -> Response:
        """Delete a webhook, with what was and is owed to it."""
        services.delete_endpoint(pk, expected_version=expected_version, actor=actor_of(request), at=clock.now())
        return deleted()


class WebhookSecret(NounView):
    """The secret of a webhook."""

    @extend_schema(operation_id="rotate_webhook_secret", request=None, responses=NewWebhookSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Renew the secret; for a day messages are signed with the former one as well."""
        row, secret = services.rotate_secret(pk, actor=actor_of(request), at=clock.now())
        return Response({**WebhookSerializer(row).data, "secret": secret})


class WebhookTest(NounView):
    """A test of a webhook."""

    @extend_schema(operation_id="test_webhook", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Send an event that says only that this is a test; read its delivery to see what became of it."""
        row = services.test_endpoint(pk, actor=actor_of(request), at=clock.now())
        return Response(DeliverySerializer(row).data, status=202)


class WebhookReplay(NounView):
    """A stretch of the log, once more."""

    @extend_schema(operation_id="replay_webhook_range", request=RangeSerializer, responses={202: OwedSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Send once more what lies between two cursors, as the owner may see it now, after what waits already."""
        body = read_body(request, RangeSerializer)
        owed = services.replay_range(
            pk,
            after=Cursor.parse(body["after"]),
            until=Cursor.parse(body["until"]),
            actor=actor_of(request),
            at=clock.now(),
        )
        return Response({"owed": owed}, status=202)


class DeliveryList(ListView):
    """What a webhook is owed, and was."""

    queryables = "deliveries"
    ordering = ("-pk",)

    @extend_schema(operation_id="list_webhook_deliveries", responses=DeliverySerializer(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """List the deliveries of a webhook, newest first; to its owner, and to whoever sees no less."""
        require_known(request, ())
        endpoint = _commanded(pk, actor_of(request))
        return page(self, request, Delivery.objects.filter(endpoint=endpoint), DeliverySerializer)


class DeliveryDetail(NounView):
    """One delivery."""

    @extend_schema(operation_id="read_webhook_delivery", responses=DeliveryLogSerializer)
    def get(self, request: Request, pk: UUID, delivery_id: int) -> Response:
        """Read a delivery, with what was sent and answered in each attempt."""
        endpoint = _commanded(pk, actor_of(request))
        row = Delivery.objects.filter(endpoint=endpoint, pk=delivery_id).first()
        if row is None:
            raise NotFound("There is no such delivery.")
        return Response(DeliveryLogSerializer({**DeliverySerializer(row).data, "log": row.log.all()}).data)


class DeliveryReplay(NounView):
    """One delivery, once more."""

    @extend_schema(operation_id="replay_webhook_delivery", request=None, responses={202: DeliverySerializer})
    def post(self, request: Request, pk: UUID, delivery_id: int) -> Response:
        """Send it once more, whatever became of it."""
        row = services.replay_delivery(pk, delivery_id, actor=actor_of(request), at=clock.now())
        return Response(DeliverySerializer(row).data, status=202)


def _commanded(pk: UUID, actor: Actor) -> Endpoint:
    """Return an endpoint whose deliveries somebody may read: these show all that its owner sees."""
    endpoint = visible_row(Endpoint.objects.select_related("user"), pk, actor, "webhooks.view")
    if not may_command(actor, endpoint):
        raise NotAllowed("This webhook sees more than you do.")
    return endpoint
