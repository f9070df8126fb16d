"""What comes by itself, to everybody of a world at once: webhooks, and the log as server-sent events.

Both are driven in this process: whatever reads the database does so in the transaction of the test.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ParamSpec, TypeVar
from unittest import mock
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client

from apps.access.models import User
from apps.core.clock import now
from apps.events.models import Delivery, Endpoint, Event
from apps.events.queries import head
from apps.events.services import owe_events
from apps.events.services.delivering import claim
from apps.events.types import Cause, Cursor, DeliveryState
from apps.live import streams
from apps.live.hub import tail
from tests.factories.webhooks import make_webhook

P = ParamSpec("P")
R = TypeVar("R")
MANY = 100_000
# The events that somebody is told, as they are told, by subject.
Told = dict[str, list[dict[str, Any]]]


def owed_to(users: Iterable[User]) -> dict[UUID, set[str]]:
    """Make everybody a webhook that reads the whole log; return the subjects that each is owed, by user."""
    owed = {make_webhook(user)[0].user_id: set[str]() for user in users}
    Endpoint.objects.update(offset=0)
    owe_events(now())
    for user_id, subject in Delivery.objects.values_list("endpoint__user_id", "subject"):
        owed[user_id].add(subject)
    return owed


def sent_to_all() -> dict[UUID, Told]:
    """Owe every webhook the whole log, as if each had lost its rights since; return what is sent, by user."""
    at, events, endpoints = now(), list(Event.objects.all()), list(Endpoint.objects.all())
    Delivery.objects.all().delete()
    Delivery.objects.bulk_create(_owed(endpoint, event, at) for endpoint in endpoints for event in events)
    told: dict[UUID, Told] = {endpoint.user_id: {} for endpoint in endpoints}
    users = {endpoint.pk: endpoint.user_id for endpoint in endpoints}
    messages = claim(MANY, {}, each=MANY, at=at)
    for message in messages:
        _add(told[users[message.endpoint_id]], json.loads(message.body))
    withheld = Delivery.objects.filter(state=DeliveryState.WITHHELD).count()
    assert len(messages) + withheld == len(events) * len(endpoints)
    return told


def streamed_to(clients: Iterable[Client]) -> list[Told]:
    """Return what the stream of the whole log tells each of these, all open at once."""
    with (
        mock.patch.object(tail, "DatabaseThread", ThisThread),
        # Whoever has been told everything is told so at once.
        mock.patch.object(streams, "HEARTBEAT_S", 0.01),
    ):
        return async_to_sync(_read_all)(list(clients), head())


class ThisThread:
    """Stands for a thread that talks to the database: the one that holds the test's transaction."""

    def __init__(self, name: str) -> None:
        self.waiting = 0

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns."""
        return await sync_to_async(function, thread_sensitive=True)(*args, **kwargs)

    def close(self) -> None:
        """Hold nothing."""


async def _read_all(clients: Iterable[Client], end: Cursor) -> list[Told]:
    return await asyncio.gather(*(_read_stream(client, end) for client in clients))


async def _read_stream(client: Client, end: Cursor) -> Told:
    """Read one stream from the beginning of the log until it stands at its end."""
    told: Told = {}
    is_read = asyncio.Event()

    async def receive() -> Mapping[str, Any]:
        await is_read.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        assert message.get("status", 200) == 200, message
        for piece in message.get("body", b"").decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in piece.splitlines())
            if "event" not in lines and "data" in lines:
                _add(told, json.loads(lines["data"]))
            elif lines.get("id") == str(end):
                is_read.set()

    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    scope = {
        "type": "http",
        "path": streams.PATH,
        "query_string": f"after={end.epoch}:0".encode(),
        "headers": [(b"host", b"testserver"), (b"cookie", cookies.encode())],
    }
    async with asyncio.timeout(60):
        await streams.serve(scope, receive, send)  # type: ignore[arg-type]
    return told


def _owed(endpoint: Endpoint, event: Event, at: datetime) -> Delivery:
    return Delivery(
        endpoint=endpoint,
        event_offset=event.offset,
        message_id=event.id,
        type=event.type,
        subject=f"{event.noun}/{event.object_id}",
        cause=Cause.EVENT,
        due_at=at,
        recorded_at=at,
    )


def _add(told: Told, event: dict[str, Any]) -> None:
    told.setdefault(event["subject"], []).append(event)
