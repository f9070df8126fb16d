"""Assets over REST: parse, ask the door, one service or query call, answer."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.api.hiding import all_shown, require_askable, shown
from apps.access.models import DeviceKey
from apps.access.queries import authorize, find_organisation, predicate, shows, visible
from apps.access.types import Actor
from apps.assets import services
from apps.assets.api.serializers import AssetSerializer, DeviceSerializer, asset_body, device_body, shown_body
from apps.assets.models import Asset, AssetKind, Device
from apps.assets.published import published_assets
from apps.assets.queries import asset_shown, assets_matching, devices_of, find_asset_kind
from apps.assets.types import AssetChanges, DeviceChanges, IdentifierPair
from apps.core.api.etags import if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_flag, read_text, read_uuid, require_known
from apps.core.api.patches import read_patch
from apps.core.api.views import NounView, created, deleted, one, read_body
from apps.core.clock import now
from apps.core.types import FieldError, Invalid, NotFound
from apps.filters.api.lists import ListView

FILTERS = {
    "kind": OpenApiParameter("kind", description="The slug of a kind."),
    "organisation_id": OpenApiParameter("organisation_id", OpenApiTypes.UUID, description="Who owns it."),
    "identifier": OpenApiParameter("identifier", description="`scheme:value`, such as `mmsi:367000001`."),
    "is_active": OpenApiParameter("is_active", OpenApiTypes.BOOL),
    "q": OpenApiParameter("q", description="A part of the name or of an identifier."),
}

VIEW = "assets.view"
ASKS = {
    "kind": ("kind",),
    "identifier": ("identifiers",),
    "is_active": ("is_active",),
    "q": ("name", "identifiers"),
    "sort": ("name",),
}


class AssetsView(ListView):
    """All assets that the caller may see."""

    queryables = "assets"

    @extend_schema(parameters=list(FILTERS.values()), responses=AssetSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List assets."""
        require_known(request, FILTERS)
        require_askable(request, "assets", ASKS)
        assets = assets_matching(
            visible(published_assets(), actor_of(request), "assets.view"),
            kind=read_text(request, "kind"),
            organisation_id=read_uuid(request, "organisation_id"),
            identifier=_read_identifier(request),
            is_active=read_flag(request, "is_active"),
            q=read_text(request, "q"),
        )
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(assets, request, self)
        return paginator.get_paginated_response(all_shown(request, VIEW, [asset_body(row) for row in rows]))

    @extend_schema(request=AssetSerializer, responses={201: AssetSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Make an asset."""
        body = read_body(request, AssetSerializer)
        asset = services.create_asset(
            name=body["name"],
            kind=_kind(body["kind"]),
            organisation=find_organisation(body["organisation_id"]),
            attributes=body["attributes"],
            identifiers=_pairs(body["identifiers"]),
            is_active=body["is_active"],
            actor=actor_of(request),
            at=now(),
        )
        location = reverse("asset", args=[asset.pk])
        return created(
            shown(request, VIEW, asset_body(_find(request, asset.pk))), location=location, version=asset.version
        )


class AssetView(NounView):
    """One asset."""

    @extend_schema(responses=AssetSerializer)
    def get(self, request: Request, asset_id: UUID) -> Response:
        """Show an asset."""
        asset = asset_shown(asset_id)
        if asset is None or not shows(predicate(actor_of(request), VIEW), "assets", asset.feature):
            raise _not_found()
        return one(request, shown(request, VIEW, shown_body(asset)), version=asset.feature.version)

    @extend_schema(request=AssetSerializer, responses=AssetSerializer)
    @if_match
    def patch(self, request: Request, asset_id: UUID, *, expected_version: int | None) -> Response:
        """Change an asset. `attributes` are merged, `identifiers` replaced as a whole."""
        asset = _find(request, asset_id)
        fields = read_patch(request, AssetSerializer, asset_body(asset))
        services.update_asset(
            asset_id,
            actor=actor_of(request),
            at=now(),
            # What the patch was merged into is what it changes, also when the caller does not care.
            expected_version=asset.version if expected_version is None else expected_version,
            **_changes(fields),
        )
        changed = _find(request, asset_id)
        return one(request, shown(request, VIEW, asset_body(changed)), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, asset_id: UUID, *, expected_version: int | None) -> Response:
        """Delete an asset that nothing else needs; `is_active: false` is the gentler way."""
        services.delete_asset(asset_id, actor=actor_of(request), at=now(), expected_version=expected_version)
        return deleted()


class DevicesView(ListView):
    """The devices of one asset, for whoever may change it: an open device's id is all that it takes to report."""

    queryables = "devices"

    @extend_schema(responses=DeviceSerializer(many=True))
    def get(self, request: Request, asset_id: UUID) -> Response:
        """List the devices of an asset."""
        require_known(request, ())
        paginator = self.pagination_class()
        rows = paginator.paginate_queryset(_devices(request, asset_id), request, self)
        return paginator.get_paginated_response([device_body(row) for row in rows])

    @extend_schema(request=DeviceSerializer, responses={201: DeviceSerializer})
    @idempotent
    def post(self, request: Request, asset_id: UUID) -> Response:
        """Add a device to an asset."""
        actor = actor_of(request)
        body = read_body(request, DeviceSerializer)
        device = services.add_device(
            asset_id,
            protocol=body["protocol"],
            device_id=body["device_id"],
            is_open=body["is_open"],
            key=_device_key(body["key_id"], actor),
            actor=actor,
            at=now(),
        )
        location = reverse("asset-device", args=[asset_id, device.pk])
        device.refresh_from_db()
        return created(device_body(device), location=location, version=device.version)


class DeviceView(NounView):
    """One device."""

    @extend_schema(responses=DeviceSerializer)
    def get(self, request: Request, asset_id: UUID, device_pk: UUID) -> Response:
        """Show a device."""
        device = _device(request, asset_id, device_pk)
        return one(request, device_body(device), version=device.version)

    @extend_schema(request=DeviceSerializer, responses=DeviceSerializer)
    @if_match
    def patch(self, request: Request, asset_id: UUID, device_pk: UUID, *, expected_version: int | None) -> Response:
        """Change a device."""
        actor = actor_of(request)
        fields = read_patch(request, DeviceSerializer, device_body(_device(request, asset_id, device_pk)))
        if "key_id" in fields:
            fields["key"] = _device_key(fields.pop("key_id"), actor)
        changes = cast("DeviceChanges", fields)
        services.update_device(asset_id, device_pk, actor=actor, at=now(), expected_version=expected_version, **changes)
        changed = _device(request, asset_id, device_pk)
        return one(request, device_body(changed), version=changed.version)

    @extend_schema(responses={204: None})
    @if_match
    def delete(self, request: Request, asset_id: UUID, device_pk: UUID, *, expected_version: int | None) -> Response:
        """Remove a device; its key stays."""
        services.remove_device(
            asset_id, device_pk, actor=actor_of(request), at=now(), expected_version=expected_version
        )
        return deleted()


def _find(request: Request, asset_id: UUID) -> Asset:
    asset = visible(published_assets(), actor_of(request), "assets.view").filter(pk=asset_id).first()
    if asset is None:
        raise _not_found()
    return asset


def _not_found() -> NotFound:
    return NotFound("There is no such asset, or you may not see it.")


def _devices(request: Request, asset_id: UUID) -> QuerySet[Device]:
    authorize(actor_of(request), "assets.change", _find(request, asset_id))
    return devices_of(asset_id)


def _device(request: Request, asset_id: UUID, device_pk: UUID) -> Device:
    device = _devices(request, asset_id).filter(pk=device_pk).first()
    if device is None:
        raise NotFound("The asset has no such device.")
    return device


def _device_key(key_id: UUID | None, actor: Actor) -> DeviceKey | None:
    """Return the key, ``None`` for none; raises ``Invalid`` for one that the actor may not see."""
    if key_id is None:
        return None
    key = visible(DeviceKey.objects.filter(pk=key_id), actor, "device-keys.view").first()
    if key is None:
        error = FieldError(pointer="/key_id", code="unknown", detail="There is no such key, or you may not see it.")
        raise Invalid("The key is not known.", errors=[error])
    return key


def _changes(fields: dict[str, Any]) -> AssetChanges:
    changes: dict[str, Any] = dict(fields)
    if "kind" in changes:
        changes["kind"] = _kind(changes["kind"])
    if "organisation_id" in changes:
        changes["organisation"] = find_organisation(changes.pop("organisation_id"))
    if "identifiers" in changes:
        changes["identifiers"] = _pairs(changes["identifiers"])
    return cast("AssetChanges", changes)


def _kind(slug: str) -> AssetKind:
    kind = find_asset_kind(slug)
    if kind is None:
        error = FieldError(pointer="/kind", code="unknown", detail="There is no such kind of asset.")
        raise Invalid("The kind is not known.", errors=[error])
    return kind


def _pairs(identifiers: list[dict[str, str]]) -> list[IdentifierPair]:
    return [IdentifierPair(each["scheme"], each["value"]) for each in identifiers]


def _read_identifier(request: Request) -> IdentifierPair | None:
    text = read_text(request, "identifier", max_length=250)
    if text is None:
        return None
    scheme, separator, value = text.partition(":")
    if not separator:
        error = FieldError(pointer="?identifier", code="bad_identifier", detail="It is scheme:value.")
        raise Invalid("The parameter identifier is not right.", code="invalid_parameter", errors=[error])
    return IdentifierPair(scheme, value)
