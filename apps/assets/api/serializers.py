"""How assets look over REST. Serializers read bodies and describe the schema; plain functions write answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from apps.assets.models import Asset, AssetKind, Device
from apps.assets.published import asset_feature, asset_kind_feature
from apps.assets.types import AssetShown, Protocol
from apps.core.api.fields import SecondsField
from apps.core.api.rows import RowSerializer, row_body
from apps.lifecycle.types import Category


class AssetKindChangeSerializer(RowSerializer):
    """What can be changed of a kind of asset."""

    name = serializers.CharField(max_length=120)
    icon = serializers.CharField(max_length=64, allow_blank=True, default="", help_text="The map's symbol.")
    attributes_schema = serializers.DictField(
        default=dict, help_text="JSON Schema (2020-12) of the attributes of every asset of this kind."
    )
    late_after_s = SecondsField(default=timedelta(minutes=5), help_text="Silence after which an asset is late.")
    lost_after_s = SecondsField(
        default=timedelta(minutes=15), help_text="Silence after which it is lost; longer than `late_after_s`."
    )
    lifecycle = serializers.CharField(
        max_length=40, allow_blank=True, default="", help_text="What new ones of this kind follow; empty is nothing."
    )


class AssetKindSerializer(AssetKindChangeSerializer):
    """A kind of asset."""

    slug = serializers.CharField(max_length=64, help_text="Its name in addresses and filters; stays for ever.")


class IdentifierSerializer(serializers.Serializer[Any]):
    """A name that the outside knows an asset by."""

    scheme = serializers.CharField(max_length=32, help_text="What numbers it: `mmsi`, `icao24`, `plate`.")
    value = serializers.CharField(max_length=200)


class AssetSerializer(RowSerializer):
    """Something that can be tracked."""

    organisation_id = serializers.UUIDField(help_text="Who owns it.")
    kind = serializers.CharField(max_length=64, help_text="The slug of its kind.")
    name = serializers.CharField(max_length=200)
    is_active = serializers.BooleanField(
        default=True, help_text="Inactive assets keep their history and do not report."
    )
    attributes = serializers.DictField(default=dict, help_text="What the kind's JSON Schema allows.")
    identifiers = IdentifierSerializer(many=True, default=list, help_text="Replaced as a whole.")
    state = serializers.CharField(read_only=True, allow_null=True, help_text="Null where it follows no lifecycle.")
    state_category = serializers.ChoiceField(choices=[each.value for each in Category], read_only=True, allow_null=True)


class DeviceSerializer(RowSerializer):
    """What reports for an asset over one protocol."""

    protocol = serializers.ChoiceField(choices=[each.value for each in Protocol])
    device_id = serializers.CharField(max_length=200)
    is_open = serializers.BooleanField(default=False, help_text="Its id alone is enough to report, without a key.")
    key_id = serializers.UUIDField(
        allow_null=True, default=None, help_text="The device key that it reports with; see `/api/v1/device-keys`."
    )


def asset_kind_body(kind: AssetKind) -> dict[str, object]:
    """Return a kind of asset as REST shows it."""
    return row_body(kind, asset_kind_feature(kind).properties)


def asset_body(asset: Asset) -> dict[str, object]:
    """Return an asset as REST shows it; a list brings kinds and identifiers along (``published_assets``)."""
    return row_body(asset, {"organisation_id": asset.organisation_id, **asset_feature(asset).properties})


def shown_body(asset: AssetShown) -> dict[str, object]:
    """Return the same of an asset that was read as it is shown."""
    return {
        "id": asset.feature.id,
        "version": asset.feature.version,
        "recorded_at": asset.recorded_at,
        "changed_at": asset.changed_at,
        "organisation_id": asset.feature.organisation_id,
        **asset.feature.properties,
    }


def device_body(device: Device) -> dict[str, object]:
    """Return a device as REST shows it."""
    shown = {
        "protocol": device.protocol,
        "device_id": device.device_id,
        "is_open": device.is_open,
        "key_id": device.key_id,
    }
    return row_body(device, shown)
