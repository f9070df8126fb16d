"""Who is told of events: made, changed, switched on and off, and their secrets renewed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.access.models import User
from apps.access.queries import authorize, authorize_in
from apps.access.services.checks import apply, lock_for, require
from apps.access.types import Actor
from apps.core.locks import lock
from apps.core.outbound import url_fault
from apps.core.text import text_error
from apps.core.types import FieldError, Invalid
from apps.events.models import Endpoint
from apps.events.queries import head, may_command, owner_of, secrets_of
from apps.events.queries.webhooks import read_filter
from apps.events.registry import topics
from apps.events.types import Stop
from apps.filters.types import FilterError

FIELDS: Final = ("name", "url", "types", "noun", "filter", "rate")
MOST_TYPES: Final = 50
FORMER_LASTS: Final = timedelta(hours=24)
_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*(\.\*)?")
# What waits for an endpoint that is switched off is not due; switched on, the first of each subject is.
_REST = "UPDATE events_delivery SET due_at = NULL WHERE endpoint_id = %s AND due_at IS NOT NULL"
_RESUME = """
UPDATE events_delivery SET due_at = %s WHERE id IN (
    SELECT min(id) FROM events_delivery WHERE endpoint_id = %s AND state = 'waiting' GROUP BY subject
)
"""


@transaction.atomic
def create_endpoint(given: Mapping[str, Any], *, user_id: UUID, actor: Actor, at: datetime) -> tuple[Endpoint, str]:
    """Return a new endpoint for a user and its secret; it is told of what happens from now on.

    Everybody makes them for themselves; for others it takes ``webhooks.add`` where they are, and no less than they
    hold. What a key makes sees no more than the key, and ends with it.
    """
    user = lock(User.objects.all(), user_id)
    if actor.user_id != user.pk:
        authorize_in(actor, "webhooks.add", user.organisation_id)
    # A key that is good from some networks only proves nothing once the events leave by themselves.
    require(actor.address is None, "A key that is bound to networks makes no webhooks.")
    row = Endpoint(
        user=user,
        key_id=actor.key_id,
        scopes=None if actor.scopes is None else sorted(actor.scopes),
        offset=head().offset,
        salt=secrets.token_urlsafe(24),
        recorded_at=at,
        changed_at=at,
    )
    require(may_command(actor, row), "This user holds more than you do.")
    apply(row, given, FIELDS)
    _require_right(row)
    row.save(force_insert=True)
    return row, secrets_of(row, at)[0]


@transaction.atomic
def update_endpoint(
    endpoint_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None, actor: Actor, at: datetime
) -> Endpoint:
    """Return the endpoint with these fields changed, ``is_enabled`` among them; its cursor stays where it is."""
    row = lock_to_command(endpoint_id, actor=actor, action="webhooks.change")
    row.require_version(expected_version)
    apply(row, {name: value for name, value in changes.items() if name != "is_enabled"}, FIELDS)
    _require_right(row)
    if changes.get("is_enabled") is False:
        stop(row, Stop.HAND)
    elif changes.get("is_enabled"):
        _start(row, at)
    row.mark_changed(at)
    row.save()
    return row


@transaction.atomic
def delete_endpoint(endpoint_id: UUID, *, expected_version: int | None, actor: Actor, at: datetime) -> None:
    """Delete an endpoint and what was and is owed to it."""
    row = lock_for(Endpoint.objects.all(), endpoint_id, actor=actor, action="webhooks.delete")
    row.require_version(expected_version)
    row.delete()


@transaction.atomic
def rotate_secret(endpoint_id: UUID, *, actor: Actor, at: datetime) -> tuple[Endpoint, str]:
    """Return the endpoint and a new secret; for a day, messages are signed with the former one as well."""
    row = lock_to_command(endpoint_id, actor=actor, action="webhooks.change")
    row.former_salt, row.former_until = row.salt, at + FORMER_LASTS
    row.salt = secrets.token_urlsafe(24)
    row.mark_changed(at)
    row.save(update_fields=["salt", "former_salt", "former_until", "version", "changed_at"])
    return row, secrets_of(row, at)[0]


def lock_to_command(endpoint_id: UUID, *, actor: Actor, action: str) -> Endpoint:
    """Return an endpoint, locked, when the actor may do the action to it and may see what it is sent."""
    row = lock(Endpoint.objects.select_related("user"), endpoint_id)
    authorize(actor, action, row)
    require(may_command(actor, row), "This webhook sees more than you do.")
    return row


def stop(row: Endpoint, why: Stop) -> None:
    """Switch a locked endpoint off; the caller saves. What waits goes on waiting."""
    row.is_enabled, row.stopped_by = False, why
    with connection.cursor() as cursor:
        cursor.execute(_REST, [row.pk])


def _start(row: Endpoint, at: datetime) -> None:
    """Switch a locked endpoint on; it goes on with what waits, and where its cursor is."""
    if row.is_enabled:
        return
    row.is_enabled, row.stopped_by = True, ""
    with connection.cursor() as cursor:
        cursor.execute(_RESUME, [at, row.pk])


def _require_right(row: Endpoint) -> None:
    errors = [*text_error(row.name, "/name", max_length=100), *_url_errors(row.url), *_type_errors(row.types)]
    if row.noun and topics.find(row.noun) is None:
        errors.append(FieldError(pointer="/noun", code="unknown_noun", detail="There are no events of such."))
    if row.filter and not row.noun:
        errors.append(FieldError(pointer="/noun", code="required", detail="Say what the filter is about."))
    if row.rate is not None and not 0 < row.rate <= 1000:
        errors.append(FieldError(pointer="/rate", code="bad_rate", detail="Above 0, at most 1000 a second."))
    if errors:
        raise Invalid("This is no webhook.", errors=errors)
    if row.filter:
        try:
            read_filter(row.filter, row.noun, owner_of(row))
        except FilterError as error:
            raise error.at("/filter") from error


def _url_errors(url: str) -> Iterator[FieldError]:
    if fault := url_fault(url):
        yield FieldError(pointer="/url", code="bad_url", detail=fault)


def _type_errors(types: Iterable[str]) -> Iterator[FieldError]:
    asked = list(types)
    if len(asked) > MOST_TYPES:
        yield FieldError(pointer="/types", code="too_many", detail=f"At most {MOST_TYPES}.")
    for place, each in enumerate(asked[:MOST_TYPES]):
        if not _TYPE.fullmatch(each) or len(each) > 100:
            yield FieldError(pointer=f"/types/{place}", code="bad_type", detail="A type, or a prefix that ends in .*")
