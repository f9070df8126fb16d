"""The RQ queues. Jobs carry ids as JSON, never pickles; the worker is told the same serializer."""

from __future__ import annotations

from typing import Any

SERIALIZER = "rq.serializers.JSONSerializer"
QUEUE_NAMES = ("transitions", "effects", "calls", "default", "webhooks")


def rq_queues(redis_url: str) -> dict[str, dict[str, Any]]:
    """Return django-rq's queue table for one Redis."""
    # RQ blocks on the server for longer than redis-py's default socket timeout of five seconds.
    connection = {"socket_timeout": None, "socket_connect_timeout": 2}
    return {
        name: {
            "URL": redis_url,
            "SERIALIZER": SERIALIZER,
            "DEFAULT_TIMEOUT": 60,
            "REDIS_CLIENT_KWARGS": connection,
        }
        for name in QUEUE_NAMES
    }
