"""``Idempotency-Key`` on POST: a request that is sent again has its effect once and gets the same answer.

The answer is stored in the transaction of the effect. A refused request has no effect, so it is not remembered and
may be mended and sent again with the same key. Never put this on an answer that shows a secret: it would be stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock, services
from apps.core.api.json import dumps, loads
from apps.core.models import IdempotencyRecord
from apps.core.types import Conflict, Invalid, Malformed

P = ParamSpec("P")
V = TypeVar("V")
KEPT_HEADERS = ("ETag", "Location", "Link")


def idempotent(
    handler: Callable[Concatenate[V, Request, P], Response],
) -> Callable[Concatenate[V, Request, P], Response]:
    """Make a POST handler honour ``Idempotency-Key``; without the header nothing changes."""

    @wraps(handler)
    def once(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        _require_printable(key)
        fingerprint = _fingerprint(request)
        with transaction.atomic():
            found = _find(_principal(request), key)
            if found is not None:
                return _replay(found, fingerprint)
            response = handler(view, request, *args, **kwargs)
            if response.status_code < 400:
                _keep(request, key, fingerprint, response)
            return response

    once.is_idempotent = True  # type: ignore[attr-defined]  # read by the schema
    return once


def _find(principal: str, key: str) -> IdempotencyRecord | None:
    if not services.lock_idempotency_key(principal, key):
        raise Conflict("A request with this Idempotency-Key is still running.", code="idempotency_in_progress")
    return IdempotencyRecord.objects.filter(principal=principal, key=key).first()


def _replay(found: IdempotencyRecord, fingerprint: bytes) -> Response:
    if bytes(found.fingerprint) != fingerprint:
        raise Invalid("This Idempotency-Key was used for another request.", code="idempotency_key_reused")
    body = bytes(found.body)
    headers = {**found.headers, "Idempotency-Replayed": "true"}
    return Response(loads(body) if body else None, status=found.status, headers=headers)


def _keep(request: Request, key: str, fingerprint: bytes, response: Response) -> None:
    services.keep_answer(
        principal=_principal(request),
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        headers={name: response.headers[name] for name in KEPT_HEADERS if name in response.headers},
        body=b"" if response.data is None else dumps(response.data),
        at=clock.now(),
    )


def _require_printable(key: str) -> None:
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Malformed("An Idempotency-Key has 1 to 255 printable ASCII characters.")


def _principal(request: Request) -> str:
    # Two keys of one user are two principals: the narrower one must not read the answers of the wider one.
    key_id: Any = getattr(request.auth, "key_id", None)
    return f"{request.user.pk}/{key_id or 'session'}"


def _fingerprint(request: Request) -> bytes:
    content = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    content.update(request._request.body)  # noqa: SLF001 - the raw bytes, before any parser
    return content.digest()
