"""One WebSocket: the handshake, the client's frames, and the way to the hub. What is sent, the hub decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias
from uuid import uuid4

import structlog
from django.db import Error

from apps.core import clock
from apps.core.types import Conflict, NotAllowed, WatchfloorError
from apps.live.credentials import (
    Credential,
    credential_of_request,
    credential_of_ticket,
    credential_of_token,
    has_credential,
    is_origin_trusted,
)
from apps.live.hub import Hub, hub_of_this_loop
from apps.live.hub.socket import Send, Socket
from apps.live.rules.frames import Auth, BadFrame, ClientFrame, Ping, Pong, Subscribe, parse_frame
from apps.live.rules.rate import Rate
from apps.live.rules.texts import error_frame, frame, instant
from apps.live.types import SUBPROTOCOL, Close, FeedError

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
# A subscription reads the database, so it counts as this many frames more.
SNAPSHOT_COST: Final = 2
log = structlog.get_logger(__name__)


class FeedConsumer:
    """Serves one socket as a plain ASGI application behind Channels' routing and session.

    Not one of Channels' consumers: those start a task for every message received and hold several per socket,
    where this holds none.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._task = asyncio.current_task()
        self._is_leaving = False

    @classmethod
    def as_asgi(cls) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """Return the ASGI application."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await cls(scope, receive, send).serve()

        return application

    async def serve(self) -> None:
        """Serve the socket until it ends."""
        await self._receive()  # websocket.connect
        offered = self._scope.get("subprotocols") or ()
        if (offered and SUBPROTOCOL not in offered) or not is_origin_trusted(self._scope):
            await self._send({"type": "websocket.close", "code": int(Close.FORBIDDEN)})
            return
        # Tools for the command line can seldom ask for a subprotocol: who asks for none gets the feed as well.
        await self._send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if offered else None})
        hub = hub_of_this_loop()
        socket = hub.open(self._send, on_unheard=self._interrupt)
        try:
            await self._talk(hub, socket)
        except asyncio.CancelledError:
            if not socket.is_over:
                raise
        finally:
            self._is_leaving = True
            socket.gone()
            await socket.closed()

    async def _talk(self, hub: Hub, socket: Socket) -> None:
        """Greet, then take frames; translates what goes wrong to close codes."""
        try:
            await self._greet(hub, socket)
            await self._take_frames(hub, socket)
        except FeedError as error:
            socket.end(error.close, error.message)
        except Error as error:
            log.warning("feed.not_ready", error=str(error))
            socket.end(Close.GOING_AWAY, "The server is not ready.")
        except OSError:
            pass  # the client has left
        except Exception:
            log.exception("feed.fault")
            socket.end(Close.FAULT, "Something went wrong on our side.")

    async def _greet(self, hub: Hub, socket: Socket) -> None:
        await hub.ready()
        at = clock.now()
        credential = await hub.read(credential_of_request, self._scope, at)
        if credential is not None:
            self._sign_in(hub, socket, credential)
        elif has_credential(self._scope):
            raise FeedError(Close.NOBODY, "This ticket or key is not valid.")
        else:
            self._send_away_later(hub, socket)
        limits = hub.limits
        socket.offer(
            frame(
                "hello",
                session=uuid4(),
                epoch=hub.log.epoch,
                head=hub.log.offset,
                authenticated=credential is not None,
                heartbeat_s=limits.heartbeat_s,
                server_time=instant(at),
                limits={
                    "subscriptions": limits.subscriptions,
                    "frame_bytes": limits.frame_bytes,
                    "snapshot_features": limits.snapshot_features,
                    "frames_per_s": limits.frames_per_s,
                },
            )
        )

    async def _take_frames(self, hub: Hub, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        rate = Rate(hub.limits.frames_per_s)
        while (message := await self._receive())["type"] == "websocket.receive":
            socket.last_seen = loop.time()
            if not rate.admit(socket.last_seen):
                raise FeedError(Close.TOO_MANY_FRAMES, f"At most {hub.limits.frames_per_s} frames a second.")
            try:
                asked = parse_frame(message.get("text"), max_bytes=hub.limits.frame_bytes)
            except BadFrame as error:
                socket.offer(error_frame(error, error.frame_id))
                continue
            if isinstance(asked, Subscribe) and not rate.admit(socket.last_seen, cost=SNAPSHOT_COST):
                raise FeedError(Close.TOO_MANY_FRAMES, "Too many subscriptions in too short a time.")
            try:
                await self._take(hub, socket, asked)
            except WatchfloorError as error:
                if isinstance(error, FeedError):
                    raise
                socket.offer(error_frame(error, asked.id))

    async def _take(self, hub: Hub, socket: Socket, asked: ClientFrame) -> None:
        match asked:
            case Pong():
                return
            case Ping():
                socket.offer(frame("pong", id=asked.id))
            case Auth():
                await self._authenticate(hub, socket, asked)
            case _ if socket.reader is hub.nobody:
                raise NotAllowed("Say first who you are: an auth frame.", code="not_authenticated")
            case _:
                hub.take(socket, asked)

    async def _authenticate(self, hub: Hub, socket: Socket, asked: Auth) -> None:
        if socket.reader is not hub.nobody:
            raise Conflict("You have said already who you are.", code="already_authenticated")
        at = clock.now()
        credential = None
        if asked.ticket is not None:
            credential = await hub.read(credential_of_ticket, asked.ticket, self._scope, at)
        elif asked.token is not None:
            credential = await hub.read(credential_of_token, asked.token, self._scope, at)
        if credential is None:
            raise FeedError(Close.NOBODY, "This ticket or key is not valid.")
        self._sign_in(hub, socket, credential)
        socket.offer(frame("authenticated", id=asked.id, label=credential.actor.label))

    def _sign_in(self, hub: Hub, socket: Socket, credential: Credential) -> None:
        if socket.is_over:
            return
        if not credential.actor.is_account:
            raise FeedError(Close.FORBIDDEN, "Only users may follow the feed.")
        hub.sign_in(socket, credential.actor)
        socket.sign_in = credential.sign_in

    def _send_away_later(self, hub: Hub, socket: Socket) -> None:
        def send_away() -> None:
            if socket.reader is hub.nobody:
                socket.end(Close.NOBODY, "Nobody said who you are.")

        asyncio.get_running_loop().call_later(hub.limits.auth_s, send_away)

    def _interrupt(self) -> None:
        """Stop waiting for a client that could not even be told that it is over."""
        if self._task is not None and not self._is_leaving:
            self._task.cancel()
