"""One socket's way out: sent directly while the client keeps up, queued within bounds while it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Hashable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog

from apps.live import metrics
from apps.live.queries import SignIn
from apps.live.rules.outbox import Outbox
from apps.live.rules.texts import gap_frame
from apps.live.types import Close, GapReason, Limits

if TYPE_CHECKING:
    from apps.live.hub.audience import Subscription
    from apps.live.hub.hub import Hub
    from apps.live.hub.reader import Reader

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Coroutine[Any, Any, None]]
GOODBYE_S: Final = 2.0
log = structlog.get_logger(__name__)


class Socket:
    """An accepted WebSocket.

    ``send`` is ASGI's. It may wait when the client does not read; nothing here waits for it except the socket's own
    pump, so a slow client delays nobody else. Queue and pump exist only while the client is behind.
    """

    __slots__ = (
        "_blind",
        "_goodbye",
        "_limits",
        "_on_unheard",
        "_outbox",
        "_overflows",
        "_pump",
        "_send",
        "hub",
        "is_over",
        "last_seen",
        "reader",
        "sign_in",
        "subscriptions",
    )

    def __init__(self, hub: Hub, send: Send, limits: Limits, *, on_unheard: Callable[[], object]) -> None:
        self.hub = hub
        self.reader: Reader = hub.nobody
        self.sign_in: SignIn | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.last_seen = asyncio.get_running_loop().time()
        self.is_over = False
        self._send = send
        self._limits = limits
        self._on_unheard = on_unheard
        self._outbox: Outbox | None = None
        self._pump: asyncio.Task[None] | None = None
        self._goodbye: asyncio.Task[None] | None = None
        self._blind: list[Subscription] = []
        self._overflows: list[float] = []

    @property
    def is_behind(self) -> bool:
        """Whether something waits because the client does not keep up."""
        return self._outbox is not None

    @property
    def queued(self) -> int:
        """How many frames wait."""
        return len(self._outbox) if self._outbox is not None else 0

    def offer(self, text: str, sub: str | None = None, *, is_counted: bool = True) -> None:
        """Send a text, now or after what waits; on overflow what waits for subscriptions gives way to a gap."""
        if self.is_over:
            return
        if self._outbox is None:
            self._send_now(text)
        elif not self._outbox.put(text, sub=sub, is_counted=is_counted):
            self._overflow(sub)

    def offer_latest(self, sub: str, key: Hashable, text: str) -> None:
        """Let a position wait in place of the one before it; only for a socket that is behind."""
        if self._outbox is not None:
            self._outbox.put_latest(sub, key, text)

    def forget_latest(self, sub: str, key: Hashable) -> None:
        """Drop a position that waits, because it is not to be seen any more."""
        if self._outbox is not None:
            self._outbox.forget_latest(sub, key)

    def blind(self, subscription: Subscription, reason: GapReason) -> None:
        """Drop what waits for a subscription and say so; it sees again, by a new snapshot, when the queue is empty."""
        self.hub.audiences.leave(subscription)
        metrics.GAPS.labels(reason).inc()
        if self._outbox is None:
            self.hub.joins.again(subscription, reason)
            return
        self._outbox.drop(subscription.name)
        self._outbox.put(gap_frame(subscription.name, reason), sub=subscription.name, is_counted=False)
        self._blind.append(subscription)

    def forget(self, subscription: Subscription) -> None:
        """Drop what waits for a subscription that has ended."""
        if self._outbox is not None:
            self._outbox.drop(subscription.name)
        if subscription in self._blind:
            self._blind.remove(subscription)

    def end(self, close: Close, reason: str) -> None:
        """Close the socket with a code; says so to the client if it still listens, and never waits for it."""
        if self.is_over:
            return
        metrics.CLOSES.labels(int(close)).inc()
        self.gone()
        self._goodbye = asyncio.get_running_loop().create_task(self._say_goodbye(close, reason))

    def gone(self) -> None:
        """Let go of everything: the client has left, or has been sent away."""
        if self.is_over:
            return
        self.is_over = True
        if self._pump is not None and self._pump is not asyncio.current_task():
            self._pump.cancel()
        self.hub.forget(self)

    async def closed(self) -> None:
        """Return when the client has been told why it is sent away, if it is."""
        if self._goodbye is not None:
            await asyncio.wait([self._goodbye])

    def _send_now(self, text: str) -> None:
        """Take the first step of sending without a task; as a rule the transport has room, and it is the last.

        Waking a task per socket and message costs more than the sending.
        """
        sending = self._send({"type": "websocket.send", "text": text})
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - one socket's trouble must not reach whoever goes through them all
            self._leave_soon(error)
            return
        self._outbox = Outbox(max_frames=self._limits.queue_frames, max_chars=self._limits.queue_chars)
        rest = _Begun(sending, waits_for)
        self._pump = asyncio.get_running_loop().create_task(self._drain(rest, self._outbox))

    async def _drain(self, rest: _Begun, outbox: Outbox) -> None:
        """Finish what was begun, then send what waits, as few messages as possible."""
        try:
            async with asyncio.timeout(self._limits.stall_s):
                await rest
            while (text := outbox.take(self._limits.message_chars)) is not None:
                async with asyncio.timeout(self._limits.stall_s):
                    await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            self.end(Close.TOO_SLOW, "Nothing was read for too long.")
        except Exception as error:  # noqa: BLE001 - see _send_now
            self._leave_soon(error)
        self._pump = self._outbox = None
        blind, self._blind = self._blind, []
        for subscription in blind:
            self.hub.joins.again(subscription, None)

    def _overflow(self, sub: str | None) -> None:
        now = asyncio.get_running_loop().time()
        lately = [at for at in self._overflows if now - at < self._limits.overflow_window_s]
        self._overflows = [*lately, now]
        if sub is None or self._outbox is None or len(self._overflows) >= self._limits.overflows:
            self.end(Close.TOO_SLOW, "Too slow for what was asked.")
            return
        for name in self._outbox.subs() | {sub}:
            subscription = self.subscriptions.get(name)
            if subscription is not None and subscription not in self._blind:
                self.blind(subscription, GapReason.SLOW_CONSUMER)

    def _leave_soon(self, error: Exception) -> None:
        """Let go of a client that has left. Servers say so by an ``OSError``, or by ``RuntimeError`` after a close."""
        if not isinstance(error, (OSError, RuntimeError)):
            log.error("feed.send_failed", exc_info=error)
        # Not at once: whoever sends may be going through the sets that we would change.
        asyncio.get_running_loop().call_soon(self.gone)

    async def _say_goodbye(self, close: Close, reason: str) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._send({"type": "websocket.close", "code": int(close), "reason": reason[:120]})
        except TimeoutError:
            self._on_unheard()
        except (OSError, RuntimeError):
            pass  # it has left, or closed at the same time


class _Begun:
    """Awaits a coroutine whose first step was taken outside of a task and yielded ``waits_for``."""

    __slots__ = ("_sending", "_waits_for")

    def __init__(self, sending: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._sending = sending
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:  # noqa: BLE001 - cancellation and all else belong to the coroutine
                    waits_for = self._sending.throw(error)
                else:
                    waits_for = self._sending.send(sent)
        except StopIteration:
            return
