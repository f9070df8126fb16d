"""The event log as server-sent events (WHATWG HTML, section 9.2): ``GET /sse/events``, a plain ASGI application.

The same events as ``GET /api/v1/events`` gives, each as soon as it is numbered. ``id`` is the cursor, so a browser's
``EventSource`` comes back to where it was by itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

import orjson
import structlog
from django.db import Error
from django.db.models import Q

from apps.access.types import Actor, Channel
from apps.core import clock
from apps.core.types import Conflict, Invalid, NotAllowed, Unavailable, WatchfloorError
from apps.events import queries as log_queries
from apps.events.queries import EventPage
from apps.events.types import Cursor, CursorGone
from apps.filters.queries import CQL2_TEXT, compile_sql, parse
from apps.filters.registry import queryables_for
from apps.filters.types import FilterError
from apps.live.credentials import Credential, credential_of_request, header, is_origin_trusted
from apps.live.hub.tail import Listener, tail_of_this_loop

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH: Final = "/sse/events"
PARAMETERS: Final = frozenset({"after", "type", "filter", "filter-lang", "ticket"})
HEARTBEAT_S: Final = 15.0
# What was read so long ago is read again before it is sent: permissions may have changed.
FRESH_S: Final = 1.0
# A client that takes nothing for so long is gone.
STALL_S: Final = 30.0
PAGE: Final = 100
SCAN: Final = 1_000
MOST_STREAMS: Final = 500
MOST_PER_ACTOR: Final = 20
RETRY_MS: Final = 3_000
STATUSES: Final[Mapping[type[WatchfloorError], int]] = {
    NotAllowed: 403, CursorGone: 410, Invalid: 422, FilterError: 422, Unavailable: 503, Conflict: 429,
}  # fmt: skip
log = structlog.get_logger(__name__)


def takes(scope: Scope) -> bool:
    """Say whether a request is for a stream."""
    return bool(scope["type"] == "http" and scope["path"] == PATH)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request with a stream that ends when its reader leaves or may not read on."""
    tail, listener = tail_of_this_loop(), Listener()
    tail.enter(listener)
    try:
        credential = await tail.read(_who, scope)
        if credential is None:
            await _refuse(send, 401, "not_authenticated", "Say who you are: a session, a key or a ticket.")
            return
        listener.actor, listener.sign_in = credential.actor, credential.sign_in
        _require_room(credential.actor)
        actor = replace(credential.actor, channel=Channel.FEED)
        condition, cursor = await tail.read(_asked, scope, actor)
        await _Stream(listener, actor, condition, cursor, send).follow(receive)
    except WatchfloorError as error:
        status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 400)
        await _refuse(send, status, error.code, error.message, **error.details)
    except Error:
        await _refuse(send, 503, "unavailable", "The server is not ready.")
    finally:
        tail.leave(listener)


class _Stream:
    """One stream: what it shows to whom, and how far it is."""

    def __init__(self, listener: Listener, actor: Actor, condition: Q, cursor: Cursor, send: Send) -> None:
        self._listener = listener
        self._actor = actor
        self._condition = condition
        self._cursor = cursor
        self._send = send

    async def follow(self, receive: Receive) -> None:
        """Send until the reader leaves, or may not read on."""
        leaving = asyncio.create_task(self._end_with(receive))
        try:
            await self._begin()
            while not self._listener.is_over:
                self._listener.wake.clear()
                if not await self._send_page():
                    await self._rest()
            await self._write(b"event: end\ndata: {}\n\n", more=False)
        except CursorGone as error:
            await self._write(b"event: gone\ndata: " + orjson.dumps(error.details) + b"\n\n", more=False)
        except (TimeoutError, OSError, Error) as error:
            # Nothing can be told any more, or nobody can say what may be: the client comes back with its cursor.
            log.info("streams.broken_off", error=str(error))
        finally:
            leaving.cancel()

    async def _begin(self) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._write(f"retry: {RETRY_MS}\nid: {self._cursor}\n\n".encode())

    async def _send_page(self) -> bool:
        """Send what comes next; say whether there may be more at once."""
        loop = asyncio.get_running_loop()
        read_at = loop.time()
        page: EventPage = await tail_of_this_loop().read(
            log_queries.visible_page, self._actor, after=self._cursor, limit=PAGE, scan=SCAN, matching=self._condition
        )
        for event in page.items:
            if self._listener.is_over or loop.time() - read_at > FRESH_S:
                return True
            cursor = Cursor(epoch=page.cursor.epoch, offset=int(str(event["sequence"])))
            await self._write(b"id: %s\ndata: %s\n\n" % (str(cursor).encode(), orjson.dumps(event)))
            self._cursor = cursor
        is_stuck = page.cursor == self._cursor and not page.items
        self._cursor = page.cursor
        return page.cursor.offset < page.head.offset and not is_stuck

    async def _rest(self) -> None:
        """Wait for something new; meanwhile say how far the stream is."""
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await self._listener.wake.wait()
        except TimeoutError:
            await self._write(f"id: {self._cursor}\n\n".encode())

    async def _write(self, text: bytes, *, more: bool = True) -> None:
        """Send a piece; it waits for a slow reader, who is given up at last. No more than a page is ever held."""
        async with asyncio.timeout(STALL_S):
            await self._send({"type": "http.response.body", "body": text, "more_body": more})

    async def _end_with(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._listener.end()


def _who(scope: Scope) -> Credential | None:
    """Return who asks, ``None`` for nobody, a device, or a page of somebody else's."""
    if not is_origin_trusted(scope):
        return None
    found = credential_of_request(scope, clock.now())
    return found if found is not None and found.actor.is_account else None


def _require_room(actor: Actor) -> None:
    listeners = tail_of_this_loop().listeners
    if len(listeners) > MOST_STREAMS:
        raise Unavailable("Too many streams are open here; try again later.")
    if Counter(each.actor.user_id for each in listeners if each.actor)[actor.user_id] > MOST_PER_ACTOR:
        raise Conflict(f"At most {MOST_PER_ACTOR} streams each.", code="too_many_streams")


def _asked(scope: Scope, actor: Actor) -> tuple[Q, Cursor]:
    """Return what the request asks for, and from where on; from now on unless it says so. Raises ``Invalid``."""
    given = {name: values[-1] for name, values in parse_qs(scope.get("query_string", b"").decode("latin-1")).items()}
    if unknown := sorted(set(given) - PARAMETERS):
        raise Invalid(f"There is no parameter {unknown[0][:50]}.", code="invalid_parameter")
    condition = log_queries.of_types(given["type"].split(",")) if "type" in given else Q()
    if "filter" in given:
        queryables = queryables_for(actor, "events")
        found = parse(given["filter"], queryables=queryables, lang=given.get("filter-lang", CQL2_TEXT))
        condition &= Q(compile_sql(found))
    text = header(scope, b"last-event-id") or given.get("after")
    cursor = Cursor.parse(text) if text else log_queries.head()
    log_queries.require_resumable(cursor)
    return condition, cursor


async def _refuse(send: Send, status: int, code: str, title: str, **details: object) -> None:
    problem = {"type": f"urn:watchfloor:problem:{code}", "title": title, "status": status, **details}
    body = orjson.dumps(problem)
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
