"""Devices: what may report for an asset, and with which key. A change of a device is a change of its asset."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack
from uuid import UUID

from django.db import transaction

from apps.access.models import DeviceKey
from apps.access.queries import authorize
from apps.access.types import Actor
from apps.assets.models import Asset, Device
from apps.assets.published import asset_feature
from apps.assets.services.assets import lock_asset, save_changed
from apps.assets.types import DeviceChanges, Protocol
from apps.core.constraints import broken_constraints
from apps.core.text import text_error
from apps.core.types import Conflict, FieldError, Invalid, NotFound


@transaction.atomic
def add_device(
    asset_id: UUID,
    *,
    protocol: str,
    device_id: str,
    key: DeviceKey | None = None,
    is_open: bool = False,
    actor: Actor,
    at: datetime,
) -> Device:
    """Return the new device. Raises ``Conflict`` when the protocol knows that id already, or ``Invalid``."""
    asset = _lock_asset_to_change(asset_id, actor)
    device = Device(
        asset=asset, protocol=protocol, device_id=device_id.strip(), key=key, is_open=is_open, changed_at=at
    )
    _check(device)
    with broken_constraints({"device_is_one_asset": _taken}):
        device.save(force_insert=True)
    save_changed(asset, asset_feature(asset), actor=actor, at=at)
    return device


@transaction.atomic
def update_device(
    asset_id: UUID,
    device_pk: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[DeviceChanges],
) -> Device:
    """Return the device as changed. Locks the asset, which guards its devices as well."""
    asset = _lock_asset_to_change(asset_id, actor)
    device = _find(asset, device_pk)
    device.require_version(expected_version)
    before = (device.protocol, device.device_id, device.key_id, device.is_open)
    for field, value in changes.items():
        setattr(device, field, value)
    device.device_id = device.device_id.strip()
    if (device.protocol, device.device_id, device.key_id, device.is_open) == before:
        return device
    _check(device)
    device.mark_changed(at)
    with broken_constraints({"device_is_one_asset": _taken}):
        device.save()
    save_changed(asset, asset_feature(asset), actor=actor, at=at)
    return device


@transaction.atomic
def remove_device(
    asset_id: UUID, device_pk: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> None:
    """Remove a device; its key stays, since others may use it."""
    asset = _lock_asset_to_change(asset_id, actor)
    _find(asset, device_pk).require_version(expected_version)
    Device.objects.filter(pk=device_pk).delete()
    save_changed(asset, asset_feature(asset), actor=actor, at=at)


def _lock_asset_to_change(asset_id: UUID, actor: Actor) -> Asset:
    asset = lock_asset(asset_id)
    authorize(actor, "assets.change", asset)
    return asset


def _find(asset: Asset, device_pk: UUID) -> Device:
    device = Device.objects.select_related("key").filter(asset=asset, pk=device_pk).first()
    if device is None:
        raise NotFound("The asset has no such device.")
    return device


def _check(device: Device) -> None:
    errors = list(text_error(device.device_id, "/device_id", max_length=200))
    if device.protocol not in set(Protocol):
        detail = f"Protocols are {', '.join(Protocol)}."
        errors.append(FieldError(pointer="/protocol", code="unknown", detail=detail))
    if device.key is not None and device.key.organisation_id not in device.asset.organisation.lineage:
        detail = "The key is of an organisation that does not own the asset, nor stands above its owner."
        errors.append(FieldError(pointer="/key_id", code="foreign_key", detail=detail))
    if errors:
        raise Invalid("This is no device.", errors=errors)


def _taken() -> Conflict:
    error = FieldError(pointer="/device_id", code="taken", detail="The protocol knows a device of this id already.")
    return Conflict("A device's id is one device only.", code="device_taken", errors=[error])
