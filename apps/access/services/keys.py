"""API keys and device keys. The secret is told once, to whoever makes the key; only its hash is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from apps.access import rules
from apps.access.models import ApiKey, DeviceKey, User
from apps.access.queries import authorize_in
from apps.access.queries.holdings import outranks
from apps.access.services.checks import clean, lock_for, require, require_known_actions
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.locks import lock
from apps.core.types import FieldError, Invalid

# A key that is used a thousand times a second is written to once a minute.
USE_NOTED_EVERY = timedelta(minutes=1)
MOST_KEYS_IN_MIND = 10_000
_asked_at: dict[UUID, datetime] = {}


@recorded
def create_api_key(
    *,
    user_id: UUID,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    actor: Actor,
    at: datetime,
) -> tuple[ApiKey, str]:
    """Return a new key for a user and its token, which cannot be read again.

    Everybody makes keys for themselves; for others it takes ``api-keys.add`` where they are, and no less than they
    hold. A key makes no keys: it would outlive its own revocation.
    """
    require(actor.scopes is None, "Sign in to make a key; a key makes no other.")
    user = lock(User.objects.all(), user_id)
    if actor.user_id != user.pk:
        authorize_in(actor, "api-keys.add", user.organisation_id)
        require(outranks(actor, user), "This user holds more than you do.")
    token = rules.new_token(rules.API_KEY)
    row = ApiKey(
        user=user,
        name=name,
        scopes=sorted(set(scopes)),
        prefix=token.prefix,
        secret_sha256=token.secret_sha256(),
        expires_at=expires_at,
        networks=list(networks),
        recorded_at=at,
        changed_at=at,
    )
    _require_scopes(row.scopes)
    _require_usable(row, at)
    clean(row)
    row.save(force_insert=True)
    return row, str(token)


@recorded
def create_device_key(
    *,
    organisation_id: UUID,
    name: str,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    actor: Actor,
    at: datetime,
) -> tuple[DeviceKey, str]:
    """Return a new key by which devices report for the organisation's assets, and its token, told this once."""
    authorize_in(actor, "device-keys.add", organisation_id)
    token = rules.new_token(rules.DEVICE_KEY)
    row = DeviceKey(
        organisation_id=organisation_id,
        name=name,
        prefix=token.prefix,
        secret_sha256=token.secret_sha256(),
        expires_at=expires_at,
        networks=list(networks),
        recorded_at=at,
        changed_at=at,
    )
    _require_usable(row, at)
    clean(row)
    row.save(force_insert=True)
    return row, str(token)


@recorded
def revoke_api_key(key_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> ApiKey:
    """Return the key, of no use from now on; revoking it again changes nothing."""
    row = lock_for(ApiKey.objects.all(), key_id, actor=actor, action="api-keys.delete")
    row.require_version(expected_version)
    _revoke(row, at)
    return row


@recorded
def revoke_device_key(key_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> DeviceKey:
    """Return the key, of no use from now on; revoking it again changes nothing."""
    row = lock_for(DeviceKey.objects.all(), key_id, actor=actor, action="device-keys.delete")
    row.require_version(expected_version)
    _revoke(row, at)
    return row


def note_key_use(kind: type[ApiKey | DeviceKey], key_id: UUID, *, at: datetime) -> None:
    """Remember when a key was used last, to the minute; it is no change of the key and bumps no version.

    Each process asks the database once a minute at most.
    """
    asked_at = _asked_at.get(key_id)
    if asked_at is not None and at < asked_at + USE_NOTED_EVERY:
        return
    if len(_asked_at) >= MOST_KEYS_IN_MIND:
        _asked_at.clear()
    _asked_at[key_id] = at
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=at - USE_NOTED_EVERY)
    kind._default_manager.filter(stale, pk=key_id).update(last_used_at=at)


def _revoke(row: ApiKey | DeviceKey, at: datetime) -> None:
    if row.revoked_at is None:
        row.revoked_at = at
        row.mark_changed(at)
        row.save(update_fields=["revoked_at", "version", "changed_at"])


def _require_scopes(scopes: Sequence[str]) -> None:
    if not scopes:
        error = FieldError(pointer="/scopes", code="required", detail="Name at least one action.")
        raise Invalid("A key needs scopes.", errors=[error])
    require_known_actions(scopes, "/scopes")


def _require_usable(row: ApiKey | DeviceKey, at: datetime) -> None:
    wrong = rules.wrong_networks(row.networks)
    errors = [
        FieldError(pointer="/networks", code="no_network", detail=f"{text[:50]} is no network.") for text in wrong
    ]
    if row.expires_at is not None and row.expires_at <= at:
        errors.append(FieldError(pointer="/expires_at", code="past", detail="It would have expired already."))
    if errors:
        raise Invalid("The key could not be used.", errors=errors)
