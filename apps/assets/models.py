"""The tables of assets: kinds, assets, identifiers, devices and the grants that share one asset.

Written only by ``services``. What must never be false is a constraint here; the services check the same
things first, for a better message.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from apps.access.granting import GroupGrant, UserGrant
from apps.assets.types import Protocol
from apps.core.models import Row, Token
from apps.lifecycle.models import Stateful, state_is_whole

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"


class AssetKind(Row):
    """A kind of thing that can be tracked: vessel, drone, ranger. Reference data, owned by no organisation."""

    slug = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    icon = models.CharField(max_length=64, blank=True, help_text="The map's symbol for assets of this kind.")
    attributes_schema = models.JSONField(
        default=dict,
        blank=True,
        help_text="JSON Schema (draft 2020-12) that the attributes of every asset of this kind must meet.",
    )
    late_after = models.DurationField(default=timedelta(minutes=5), help_text="Silence after which an asset is late.")
    lost_after = models.DurationField(default=timedelta(minutes=15), help_text="Silence after which it is lost.")
    lifecycle = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="The key of the lifecycle that new ones of this kind follow. Empty means none.",
    )

    class Meta:
        verbose_name = "asset kind"
        ordering = ["name", "id"]
        constraints = (
            models.CheckConstraint(name="asset_kind_slug_is_slug", condition=Q(slug__regex=SLUG)),
            models.CheckConstraint(name="asset_kind_has_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="asset_kind_late_before_lost",
                condition=Q(late_after__gt=timedelta(0), lost_after__gt=F("late_after")),
            ),
        )

    def __str__(self) -> str:
        return self.name


class Asset(Stateful):
    """Something that can be tracked. An inactive asset keeps its history and may not report.

    It follows the lifecycle that its kind named when it was made, or none.
    """

    kind = models.ForeignKey(AssetKind, on_delete=models.PROTECT, related_name="assets")
    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    attributes = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField("active", default=True)

    class Meta:
        ordering = ["name", "id"]
        permissions = (
            ("track_asset", "Can follow asset"),
            ("report_asset", "Can report positions of asset"),
            ("share_asset", "Can share asset"),
            ("advance_asset", "Can move asset along its lifecycle"),
            ("view_calls_asset", "Can see what services were asked about asset"),
            ("settle_calls_asset", "Can try calls about asset again, or give them up"),
        )
        constraints = (
            models.CheckConstraint(name="asset_has_name", condition=~Q(name="")),
            state_is_whole("asset_state_is_whole"),
        )
        indexes = (
            models.Index(fields=["organisation", "id"], name="asset_of_organisation"),
            models.Index(fields=["name", "id"], name="asset_by_name"),
            # As Django asks for a part of a text: upper(name) LIKE upper('%part%').
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="asset_name_parts"),
        )

    def __str__(self) -> str:
        return self.name


class Identifier(Row):
    """One outside name of an asset. Two assets never share one: the unique constraint decides races."""

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="identifiers")
    scheme = models.CharField(max_length=32, help_text="What numbers it: mmsi, icao24, plate.")
    value = models.CharField(max_length=200)

    class Meta:
        ordering = ["scheme", "value"]
        constraints = (
            models.UniqueConstraint(fields=["scheme", "value"], name="identifier_is_one_asset"),
            models.CheckConstraint(name="identifier_scheme_is_slug", condition=Q(scheme__regex=SLUG)),
            models.CheckConstraint(name="identifier_has_value", condition=~Q(value="")),
        )
        indexes = (GinIndex(OpClass(Upper("value"), name="gin_trgm_ops"), name="identifier_value_parts"),)

    def __str__(self) -> str:
        return f"{self.scheme} {self.value}"


class Device(Row):
    """What reports for an asset over one protocol.

    Without a key only an *open* device may report: then whoever knows its id can speak for the asset, which
    is all that some trackers can do.
    """

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="devices")
    protocol = models.CharField(max_length=16, choices=[(each.value, each.value) for each in Protocol])
    device_id = models.CharField("device id", max_length=200)
    key = models.ForeignKey(
        "access.DeviceKey", on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="key"
    )
    is_open = models.BooleanField("open", default=False, help_text="Its id alone is enough to report, without a key.")

    class Meta:
        ordering = ["protocol", "device_id"]
        constraints = (
            models.UniqueConstraint(fields=["protocol", "device_id"], name="device_is_one_asset"),
            models.CheckConstraint(
                name="device_protocol_is_known", condition=Q(protocol__in=[each.value for each in Protocol])
            ),
            models.CheckConstraint(name="device_has_id", condition=~Q(device_id="")),
        )

    def __str__(self) -> str:
        return f"{self.protocol} {self.device_id}"


class AssetSet(Token):
    """One row: changes whenever an asset, an identifier or a kind does."""

    class Meta:
        constraints = (models.CheckConstraint(name="asset_set_is_one_row", condition=Q(id=1)),)


class AssetUserGrant(UserGrant):
    """One asset shared with one person, for one action."""

    content_object = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="user_grants")


class AssetGroupGrant(GroupGrant):
    """One asset shared with one group, for one action."""

    content_object = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="group_grants")
