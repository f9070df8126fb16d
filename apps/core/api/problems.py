"""Errors as the outside sees them: ``application/problem+json`` (RFC 9457), in one place.

Domain errors, DRF's errors and Django's own 404 and 500 pages below ``/api`` all leave through here.
"""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.core.trace import current_trace_id
from apps.core.types import (
    Conflict,
    FieldError,
    Gone,
    Invalid,
    Malformed,
    NotAllowed,
    NotFound,
    PreconditionRequired,
    TooLarge,
    Unavailable,
    VersionConflict,
    WatchfloorError,
)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:watchfloor:problem:"
FAULTY = "The request is well formed but some of its fields are not right."

log = structlog.get_logger(__name__)


# The first kind that fits decides, so special ones stand before general ones.
STATUSES: tuple[tuple[type[WatchfloorError], int], ...] = (
    (NotAllowed, 403),
    (NotFound, 404),
    (VersionConflict, 412),
    (Conflict, 409),
    (Gone, 410),
    (TooLarge, 413),
    (Invalid, 422),
    (PreconditionRequired, 428),
    (Unavailable, 503),
    (Malformed, 400),
)
# DRF's own errors: their codes as ours, where ours say it better.
CODES = {400: "malformed", 401: "not_authenticated", 403: "not_allowed", 404: "not_found", 429: "throttled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem, ready to be written."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """Return the members of the problem document; ``details`` never overwrite the standard ones."""
        return {
            **self.details,
            "type": TYPE_PREFIX + self.code,
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "errors": [asdict(error) for error in self.errors],
            "trace_id": current_trace_id(),
        }


def problem_of(error: Exception) -> Problem | None:
    """Return the problem that an exception stands for, or ``None`` when it is a mistake of ours."""
    for read in (_of_domain, _of_framework, _of_django, _of_database):
        problem = read(error)
        if problem is not None:
            return problem
    return None


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an exception of a DRF view; what is not understood is left to ``handler500``."""
    problem = problem_of(error)
    if problem is None:
        return None
    set_rollback()
    return Response(problem.body(), status=problem.status, headers=dict(problem.headers), content_type=CONTENT_TYPE)


def problem_response(problem: Problem) -> HttpResponse:
    """Return a problem as a plain Django response, for code outside DRF."""
    return HttpResponse(
        orjson.dumps(problem.body(), default=str),
        status=problem.status,
        headers=dict(problem.headers),
        content_type=CONTENT_TYPE,
    )


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django finds suspicious."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return problem_response(Problem(status=400, code="malformed", detail="The request cannot be read."))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that a plain Django view refuses."""
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return problem_response(Problem(status=403, code="not_allowed", detail="You may not do this."))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that leads nowhere."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return problem_response(Problem(status=404, code="not_found", detail="There is nothing at this address."))


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer a mistake of ours; Django has logged it already. Says nothing about what broke."""
    if not _is_api(request):
        return defaults.server_error(request)
    detail = "Something went wrong on our side. Quote the trace id when you report it."
    return problem_response(Problem(status=500, code="internal", detail=detail))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form or session request whose CSRF token is missing or wrong."""
    if not _is_api(request):
        from django.views.csrf import csrf_failure as page  # noqa: PLC0415 - it loads templates

        return page(request, reason)
    return problem_response(Problem(status=403, code="csrf_failed", detail=reason))


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/ingest/"))


def _of_domain(error: Exception) -> Problem | None:
    if not isinstance(error, WatchfloorError):
        return None
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 400)
    headers = {"Retry-After": "1"} if status == http.HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Problem(
        status=status,
        code=error.code,
        detail=error.message,
        errors=error.errors,
        details=error.details,
        headers=headers,
    )


def _of_framework(error: Exception) -> Problem | None:
    if isinstance(error, exceptions.ValidationError):
        return Problem(status=422, code="invalid", detail=FAULTY, errors=tuple(field_errors(error.detail)))
    if not isinstance(error, exceptions.APIException):
        return None
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    code = CODES.get(error.status_code, error.default_code)
    return Problem(status=error.status_code, code=code, detail=str(error.detail), headers=headers)


def _of_django(error: Exception) -> Problem | None:
    if isinstance(error, Http404):
        return Problem(status=404, code="not_found", detail="There is no such thing.")
    if isinstance(error, PermissionDenied):
        return Problem(status=403, code="not_allowed", detail="You may not do this.")
    if isinstance(error, (RequestDataTooBig, TooManyFieldsSent)):
        return Problem(status=413, code="too_large", detail="The body is larger than we read.")
    return None


def _of_database(error: Exception) -> Problem | None:
    if isinstance(error, DataError):
        # The net below the parsers: a NUL character, or a number that no column can hold.
        log.warning("api.value_refused_by_database", error=str(error))
        return Problem(status=422, code="invalid", detail="A value cannot be stored.")
    if isinstance(error, IntegrityError):
        # Somebody was faster, in a way that a service did not foresee: nothing was written, and we should hear of it.
        log.error("api.constraint_unforeseen", error=str(error))
        detail = "It does not fit what others have changed meanwhile. Read it again and repeat your change."
        return Problem(status=409, code="conflict", detail=detail)
    if isinstance(error, (OperationalError, InterfaceError)):
        log.warning("api.database_unavailable", error=str(error))
        headers = {"Retry-After": "1"}
        detail = "The database cannot be reached just now."
        return Problem(status=503, code="unavailable", detail=detail, headers=headers)
    return None


def field_errors(detail: object, pointer: str = "") -> list[FieldError]:
    """Flatten DRF's nested error detail into field errors with JSON Pointers."""
    if isinstance(detail, Mapping):
        return [found for name, inner in detail.items() for found in field_errors(inner, _step(pointer, name))]
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return [found for index, inner in enumerate(detail) for found in _listed(inner, pointer, index)]
    code = getattr(detail, "code", "invalid")
    return [FieldError(pointer=pointer, code=str(code), detail=str(detail))]


def _step(pointer: str, name: object) -> str:
    if name == "non_field_errors":
        return pointer
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def _listed(inner: object, pointer: str, index: int) -> list[FieldError]:
    # A list of messages belongs to the field itself, a list of mappings to its items.
    nested = isinstance(inner, Mapping) or (isinstance(inner, Sequence) and not isinstance(inner, str))
    return field_errors(inner, f"{pointer}/{index}" if nested else pointer)
