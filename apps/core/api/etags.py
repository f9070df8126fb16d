"""Versions over HTTP: the strong ETag of a row, and the If-Match that a change must carry (RFC 9110, section 13)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from rest_framework.request import Request

from apps.core.types import Malformed, PreconditionRequired, VersionConflict

P = ParamSpec("P")
V = TypeVar("V")
R = TypeVar("R")

ENTITY_TAG = re.compile(r'^"([0-9]{1,9})"$')


def etag(version: int) -> str:
    """Return the strong ETag of a row's version."""
    return f'"{version}"'


def if_match(handler: Callable[Concatenate[V, Request, P], R]) -> Callable[Concatenate[V, Request, P], R]:
    """Give a handler the version that the caller read as ``expected_version``; 428 when the caller did not say.

    ``None`` stands for ``If-Match: *``. The service compares it under its lock; nothing is compared here.
    """

    @wraps(handler)
    def with_version(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> R:
        kwargs["expected_version"] = expected_version(request)
        return handler(view, request, *args, **kwargs)

    with_version.needs_version = True  # type: ignore[attr-defined]  # read by the schema
    return with_version


def expected_version(request: Request) -> int | None:
    """Return the version in If-Match, ``None`` for ``*``; raises when it is missing, weak or not one of ours."""
    header = request.headers.get("If-Match", "").strip()
    if not header:
        raise PreconditionRequired("Say which version you change: send its ETag as If-Match.")
    if header == "*":
        return None
    if match := ENTITY_TAG.match(header):
        return int(match[1])
    if header.startswith("W/") or '"' in header:
        # Well formed, but no version of ours is called so: it cannot match.
        raise VersionConflict("If-Match names no version of this.")
    raise Malformed('If-Match is one ETag in quotation marks, such as "3", or *.')


def is_unchanged(request: Request, version: int) -> bool:
    """Say whether the caller has this version already (If-None-Match), so that 304 answers it."""
    known: Any = request.headers.get("If-None-Match", "")
    return etag(version) in [each.strip().removeprefix("W/") for each in known.split(",")]
