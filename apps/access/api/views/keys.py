"""``/api/v1/api-keys`` and ``/api/v1/device-keys``.

A new key's secret is in the one answer that makes it, so that answer is never kept: no ``Idempotency-Key`` here.
Revoking takes no ``If-Match``: whoever has lost a key must not have to read it first.
"""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import services
from apps.access.api.authentication import actor_of
from apps.access.api.serializers import (
    ApiKeySerializer,
    ApiKeyWriteSerializer,
    DeviceKeySerializer,
    DeviceKeyWriteSerializer,
    NewApiKeySerializer,
    NewDeviceKeySerializer,
)
from apps.access.models import ApiKey, DeviceKey
from apps.access.queries import visible, visible_row
from apps.core import clock
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, created, deleted, one, page, read_body
from apps.filters.api.lists import ListView


class ApiKeyList(ListView):
    """All API keys that you may see."""

    queryables = "api-keys"
    ordering = ("-recorded_at", "-pk")

    @extend_schema(operation_id="list_api_keys", responses=ApiKeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """List your API keys and those of the people whom you administer, newest first."""
        require_known(request, ())
        return page(self, request, visible(ApiKey.objects.all(), actor_of(request), "api-keys.view"), ApiKeySerializer)

    @extend_schema(operation_id="create_api_key", request=ApiKeyWriteSerializer, responses={201: NewApiKeySerializer})
    def post(self, request: Request) -> Response:
        """Make an API key; its secret is in this answer and never again."""
        body = {"user_id": request.user.pk, **read_body(request, ApiKeyWriteSerializer)}
        row, token = services.create_api_key(**body, actor=actor_of(request), at=clock.now())
        answer = {**ApiKeySerializer(row).data, "token": token}
        return created(answer, location=reverse("api-key", args=[row.pk]), version=row.version)


class ApiKeyDetail(NounView):
    """One API key."""

    @extend_schema(operation_id="read_api_key", responses=ApiKeySerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read an API key, without its secret."""
        row = visible_row(ApiKey.objects.all(), pk, actor_of(request), "api-keys.view")
        return one(request, ApiKeySerializer(row).data, version=row.version)

    @extend_schema(operation_id="revoke_api_key", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Revoke an API key, at once and for ever."""
        services.revoke_api_key(pk, actor=actor_of(request), at=clock.now())
        return deleted()


class DeviceKeyList(ListView):
    """All device keys that you may see."""

    queryables = "device-keys"
    ordering = ("-recorded_at", "-pk")

    @extend_schema(operation_id="list_device_keys", responses=DeviceKeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the device keys that you may see, newest first."""
        require_known(request, ())
        rows = visible(DeviceKey.objects.all(), actor_of(request), "device-keys.view")
        return page(self, request, rows, DeviceKeySerializer)

    @extend_schema(
        operation_id="create_device_key", request=DeviceKeyWriteSerializer, responses={201: NewDeviceKeySerializer}
    )
    def post(self, request: Request) -> Response:
        """Make a device key; its secret is in this answer and never again."""
        body = read_body(request, DeviceKeyWriteSerializer)
        row, token = services.create_device_key(**body, actor=actor_of(request), at=clock.now())
        answer = {**DeviceKeySerializer(row).data, "token": token}
        return created(answer, location=reverse("device-key", args=[row.pk]), version=row.version)


class DeviceKeyDetail(NounView):
    """One device key."""

    @extend_schema(operation_id="read_device_key", responses=DeviceKeySerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Read a device key, without its secret."""
        row = visible_row(DeviceKey.objects.all(), pk, actor_of(request), "device-keys.view")
        return one(request, DeviceKeySerializer(row).data, version=row.version)

    @extend_schema(operation_id="revoke_device_key", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Revoke a device key, at once and for ever."""
        services.revoke_device_key(pk, actor=actor_of(request), at=clock.now())
        return deleted()
