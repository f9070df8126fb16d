"""The services that may be called: registered, changed and taken away. Their secrets are written, and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.access.queries import authorize_in
from apps.access.services.checks import apply, clean, in_use_is_a_conflict, lock_for
from apps.access.types import Actor
from apps.core import redis, sealing
from apps.core.constraints import broken_constraints, taken
from apps.core.outbound import url_fault
from apps.core.text import text_error
from apps.core.types import FieldError, Invalid
from apps.lifecycle.models import Service
from apps.lifecycle.services.calling import SEALED_FOR
from apps.lifecycle.services.sagas import CALLS_DOORBELL
from apps.lifecycle.types import Auth

FIELDS: Final = (
    "name",
    "base_url",
    "auth",
    "header",
    "timeout",
    "concurrency",
    "break_after",
    "break_for",
    "is_enabled",
)
LONGEST_SECRET: Final = 1_000
_KEY: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET: Final = re.compile(r"[ -~]*")
# Those that say where a request goes, how long it is, or what it is a repetition of.
_OURS: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key"}
)
_CONSTRAINTS: Final = {"lifecycle_service_key_key": lambda: taken("/key", "There is a service of this key.")}


@transaction.atomic
def create_service(given: Mapping[str, Any], *, actor: Actor, at: datetime) -> Service:
    """Return a new service; ``given`` holds its key, any of ``FIELDS``, and its ``secret``.

    Raises ``Conflict`` for a key that is taken, ``Invalid``, ``NotAllowed``.
    """
    authorize_in(actor, "services.add", None)
    row = Service(key=given["key"], changed_at=at)
    _set(row, {name: value for name, value in given.items() if name != "key"})
    with broken_constraints(_CONSTRAINTS):
        row.save(force_insert=True)
    return row


@transaction.atomic
def update_service(
    service_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None, actor: Actor, at: datetime
) -> Service:
    """Return the service as changed, its circuit closed; an absent or empty ``secret`` leaves the secret as it is.

    Its key stays, since definitions name it.
    """
    row = lock_for(Service.objects.all(), service_id, actor=actor, action="services.change")
    row.require_version(expected_version)
    _set(row, changes)
    row.failures, row.open_until = 0, None
    row.mark_changed(at)
    row.save()
    transaction.on_commit(partial(redis.ring, CALLS_DOORBELL), robust=True)
    return row


@transaction.atomic
def delete_service(service_id: UUID, *, expected_version: int | None, actor: Actor, at: datetime) -> None:
    """Delete a service that was never called; ``Conflict`` for another, which can be switched off."""
    row = lock_for(Service.objects.all(), service_id, actor=actor, action="services.delete")
    row.require_version(expected_version)
    with in_use_is_a_conflict("It has been called; switch it off instead."):
        row.delete()


def _set(row: Service, changes: Mapping[str, Any]) -> None:
    """Set what is given; a place that secrets are sent to is not changed without saying the secret again."""
    was = (row.base_url, row.auth, row.header)
    apply(row, {name: value for name, value in changes.items() if name != "secret"}, FIELDS)
    secret = changes.get("secret", "")
    if row.auth == Auth.NONE:
        row.sealed_secret = ""
    elif secret:
        row.sealed_secret = sealing.seal(secret, SEALED_FOR)
    elif (row.base_url, row.auth, row.header) != was:
        row.sealed_secret = ""
    errors = list(_faults(row, secret))
    if errors:
        raise Invalid("This is no service.", errors=errors)
    clean(row, exclude=["sealed_secret"])


def _faults(row: Service, secret: str) -> Iterator[FieldError]:
    if not _KEY.fullmatch(row.key):
        detail = "Small letters, digits and hyphens, such as berth-booking."
        yield FieldError(pointer="/key", code="bad_key", detail=detail)
    yield from text_error(row.name, "/name", max_length=100)
    if fault := url_fault(row.base_url):
        yield FieldError(pointer="/base_url", code="bad_url", detail=fault)
    elif "?" in row.base_url:
        yield FieldError(pointer="/base_url", code="bad_url", detail="It has no query.")
    yield from _auth_faults(row, secret)


def _auth_faults(row: Service, secret: str) -> Iterator[FieldError]:
    carries = row.auth == Auth.HEADER
    if carries != bool(row.header) or (carries and (not _HEADER.fullmatch(row.header) or row.header.lower() in _OURS)):
        detail = "The name of a header that is yours to set; only where a header carries the secret."
        yield FieldError(pointer="/header", code="bad_header", detail=detail)
    if len(secret) > LONGEST_SECRET or not _SECRET.fullmatch(secret):
        detail = f"At most {LONGEST_SECRET} characters of ASCII."
        yield FieldError(pointer="/secret", code="bad_secret", detail=detail)
    if row.auth == Auth.BASIC and secret and ":" not in secret:
        yield FieldError(pointer="/secret", code="bad_secret", detail="It is user:password.")
    if row.auth != Auth.NONE and not row.sealed_secret:
        detail = "Say the secret, again where the service, or how it is sent, changes."
        yield FieldError(pointer="/secret", code="required", detail=detail)
