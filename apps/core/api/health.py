"""What operators ask: is it alive, can it work, how is it doing."""

from __future__ import annotations

import hmac

import prometheus_client
import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.api.problems import Problem, problem_response
from apps.core.redis import client


@require_safe
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """Answer that the process serves requests; looks at nothing else, so that no outage restarts it."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer whether requests can be served: 503 without the database; without Redis things are only later."""
    database = _database_answers()
    checks = {"database": database, "redis": _redis_answers()}
    words = {True: "ok", False: "failing"}
    return JsonResponse(
        {"status": words[database], "checks": {name: words[passed] for name, passed in checks.items()}},
        status=200 if database else 503,
    )


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the process's figures in Prometheus's text format; asks for the key where one is set."""
    if not may_read_metrics(request.headers.get("Authorization", "")):
        return problem_response(
            Problem(
                status=401,
                code="not_authenticated",
                detail="The metrics need their key as a bearer token.",
                headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
            )
        )
    return HttpResponse(prometheus_client.generate_latest(), content_type=prometheus_client.CONTENT_TYPE_LATEST)


def may_read_metrics(authorization: str) -> bool:
    """Say whether the header brings the key; everybody may where none is set."""
    key = settings.WATCHFLOOR.metrics_key
    return not key or hmac.compare_digest(authorization.removeprefix("Bearer ").encode(), key.encode())


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False
