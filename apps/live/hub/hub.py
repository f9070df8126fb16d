"""The hub of one process: who is connected, what they follow, and the tasks that keep them told.

Everything here runs on one loop, so that nothing needs a lock; the database is read in threads. A hub begins with
its first socket and ends with its last.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from msgspec import UNSET

from apps.access.types import ANONYMOUS, Actor, Channel
from apps.core import clock
from apps.core.types import Conflict, NotFound
from apps.events.registry import Topic, topics
from apps.filters.types import Filter, FilterError
from apps.live import metrics, queries
from apps.live.hub.audience import Audience, Audiences, Subscription
from apps.live.hub.deciding import Held, owed_of_row
from apps.live.hub.doorbell import Doorbell
from apps.live.hub.joins import Joins
from apps.live.hub.judged import Judged
from apps.live.hub.landing import Fresh, Moved, Resumed
from apps.live.hub.lane import Lane
from apps.live.hub.late import LateRows
from apps.live.hub.log import LogFollower
from apps.live.hub.pulse import Pulse
from apps.live.hub.reader import Reader, Readers
from apps.live.hub.socket import Send, Socket
from apps.live.hub.threads import DatabaseThread
from apps.live.queries import read_filter
from apps.live.rules.decide import TELL, Decision
from apps.live.rules.frames import Ack, Request, Subscribe, Unsubscribe, Update, parse_box, view_of
from apps.live.rules.texts import event_text, frame
from apps.live.types import Close, GapReason, Limits, LogRow, Reason, View

P = ParamSpec("P")
R = TypeVar("R")
# Snapshots that are read at the same time. More would only wait for the interpreter.
READERS: Final = 2
log = structlog.get_logger(__name__)


class Hub:
    """Between the log and the sockets of one process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.nobody = Reader(ANONYMOUS)
        self.readers = Readers()
        self.audiences = Audiences()
        self.sockets: set[Socket] = set()
        self.judged = Judged()
        self.reading = asyncio.Semaphore(READERS)
        self.log = LogFollower(self)
        self.lane = Lane(self)
        self.late = LateRows(self)
        self.joins = Joins(self)
        self.doorbell = Doorbell(on_ring=self.log.wake, on_positions=self.lane.take, on_back=self._doorbell_is_back)
        self._pulse = Pulse(self)
        self._threads = [DatabaseThread(f"feed-read-{number}") for number in range(READERS)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._started: asyncio.Task[None] | None = None

    # Sockets come and go.

    def open(self, send: Send, *, on_unheard: Callable[[], object]) -> Socket:
        """Return a socket for an accepted connection."""
        socket = Socket(self, send, self.limits, on_unheard=on_unheard)
        self.sockets.add(socket)
        metrics.SOCKETS.inc()
        return socket

    async def ready(self) -> None:
        """Return when the hub follows the log; raises ``django.db.Error`` when it cannot."""
        if self._started is None or (self._started.done() and self._started.exception()):
            self._started = asyncio.get_running_loop().create_task(self._start())
        await asyncio.shield(self._started)

    def sign_in(self, socket: Socket, actor: Actor) -> None:
        """Say who is at the other end."""
        socket.reader = self.readers.enter(replace(actor, channel=Channel.FEED))

    def forget(self, socket: Socket) -> None:
        """Let go of a socket and of all that it followed; the last one ends the hub."""
        if socket not in self.sockets:
            return
        self.sockets.discard(socket)
        metrics.SOCKETS.dec()
        for subscription in tuple(socket.subscriptions.values()):
            self.drop(subscription)
        if socket.reader is not self.nobody:
            self.readers.leave(socket.reader)
        if not self.sockets:
            self.stop()

    def send_away(self, whom: Callable[[Socket], bool], close: Close = Close.NOBODY, reason: str = "") -> None:
        """Close the sockets that the predicate picks."""
        for socket in tuple(self.sockets):
            if whom(socket):
                socket.end(close, reason or "Your credential has ended.")

    def stop(self) -> None:
        """End all tasks; a hub is not used again."""
        for task in (*self._tasks, *([self._started] if self._started else [])):
            task.cancel()
        self.log.stop()
        for thread in self._threads:
            thread.close()
        if _hubs.get(asyncio.get_running_loop()) is self:
            del _hubs[asyncio.get_running_loop()]

    # What sockets ask for.

    def take(self, socket: Socket, asked: Request) -> None:
        """Do what a signed-in client asks; raises ``NotFound``, ``Conflict`` or ``BadFrame``."""
        match asked:
            case Subscribe():
                self.subscribe(socket, asked)
            case Update():
                self.update(socket, asked)
            case Unsubscribe():
                self.unsubscribe(socket, asked)
            case Ack():
                self.acknowledge(socket, asked)

    def subscribe(self, socket: Socket, asked: Subscribe) -> None:
        """Begin a subscription; raises ``NotFound``, ``Conflict`` or ``BadFrame``."""
        topic = topics.find(asked.topic)
        if topic is None:
            names = [topic.name for topic in topics.all()]
            raise NotFound(f"There is no topic «{asked.topic}».", code="unknown_topic", details={"topics": names})
        if asked.sub in socket.subscriptions:
            raise Conflict(f"There is a subscription «{asked.sub}» already.", code="subscription_exists")
        if len(socket.subscriptions) >= self.limits.subscriptions:
            raise Conflict(
                f"A socket may have {self.limits.subscriptions} subscriptions.", code="too_many_subscriptions"
            )
        view = replace(view_of(asked), filter=_read_filter(asked, topic))
        subscription = Subscription(socket, asked.sub, view, topic)
        socket.subscriptions[asked.sub] = subscription
        metrics.SUBSCRIPTIONS.inc()
        if asked.resume is None:
            self.joins.board(Fresh(subscription=subscription, frame_id=asked.id, wants_snapshot=asked.snapshot))
        else:
            self.joins.board(
                Resumed(
                    subscription=subscription,
                    frame_id=asked.id,
                    cursor=asked.resume,
                    wants_snapshot=asked.snapshot,
                )
            )

    def update(self, socket: Socket, asked: Update) -> None:
        """Move the box or the filter of a subscription; while it still waits for its picture, after that."""
        subscription = self._subscription(socket, asked.sub)
        _changed_view(subscription, asked)
        subscription.updates.append(asked)
        if subscription.audience is not None:
            self._apply_updates(subscription)

    def unsubscribe(self, socket: Socket, asked: Unsubscribe) -> None:
        """End a subscription; nothing comes for it after the answer."""
        self.drop(self._subscription(socket, asked.sub))
        socket.offer(frame("unsubscribed", id=asked.id, sub=asked.sub))

    def acknowledge(self, socket: Socket, asked: Ack) -> None:
        """Take note of how far a client has worked."""
        self._subscription(socket, asked.sub)
        metrics.UNACKNOWLEDGED.observe(max(0, self.log.offset - asked.offset))

    # What the log, the lane and access bring.

    def tell(self, audience: Audience, row: LogRow, decision: Decision) -> None:
        """Hand one event to an audience; what speaks of more than one object only to those who see them all."""
        has_all_heard = True
        heard = 0
        owed = owed_of_row(row, audience.shown)
        for name, members in tuple(audience.members.items()):
            text = event_text(row, decision, name, audience.view.fields, owed, is_numbered=not audience.hears_late)
            for subscription in tuple(members):
                if subscription.audience is not audience:
                    continue
                if decision is not TELL or subscription.reader.sees(row, self.judged):
                    subscription.socket.offer(text, name)
                    heard += 1
                else:
                    has_all_heard = False
        metrics.DELIVERIES.inc(heard)
        if has_all_heard and not audience.hears_late:
            audience.last_offset = row.offset

    def handed_out(self, row: LogRow) -> None:
        """Note how long a row took; a change of hands may bring others what comes over the lane."""
        metrics.LAG.observe(max(0.0, (clock.now() - row.recorded_at).total_seconds()))
        for audience in self.audiences.of_noun(row.noun):
            if audience.topic.noun != row.noun and (row.changed_hands or audience.shown.reach.policies):
                self.joins.mend(audience)

    def reach_changed(self, changed: Iterable[tuple[Reader, str]]) -> None:
        """Take away what readers may not see any more, and fetch what they may see now."""
        moved = set(changed)
        for audience in self.audiences.all():
            action = audience.topic.view_action
            leaving = [each for each in audience.subscriptions() if (each.reader, action) in moved]
            held, untold = (dict(audience.known), audience.waiting.tidings()) if leaving else ({}, ())
            for subscription in leaving:
                self._judge_anew(subscription, held, untold)

    def epoch_changed(self) -> None:
        """Begin again with everybody: it is another log."""
        for socket in tuple(self.sockets):
            for subscription in tuple(socket.subscriptions.values()):
                if subscription.audience is not None:
                    socket.blind(subscription, GapReason.EPOCH_CHANGED)

    def landed(self, subscription: Subscription) -> None:
        """Go on with what a subscription was asked while it waited for its picture."""
        metrics.AUDIENCES.set(len(self.audiences))
        if subscription.updates:
            self._apply_updates(subscription)

    def drop(self, subscription: Subscription) -> None:
        """End a subscription without a word."""
        if subscription.is_over:
            return
        subscription.is_over = True
        subscription.socket.subscriptions.pop(subscription.name, None)
        subscription.socket.forget(subscription)
        self.audiences.leave(subscription)
        metrics.SUBSCRIPTIONS.dec()
        metrics.AUDIENCES.set(len(self.audiences))

    # Plumbing.

    async def read(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a query returns, from the thread with the least to do."""
        thread = min(self._threads, key=lambda thread: thread.waiting)
        return await thread.run(function, *args, **kwargs)

    async def learn(self, wanted: Iterable[tuple[str, UUID]]) -> None:
        """Read what policies judge and is not known yet, given as noun and id."""
        missing: defaultdict[str, set[UUID]] = defaultdict(set)
        for noun, id_ in wanted:
            if self.judged.missing([id_]):
                missing[noun].add(id_)
        if missing:
            self.judged.put(await self.read(queries.published, missing))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside; it ends with the hub."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _start(self) -> None:
        await self.log.start()
        self.spawn(self.log.follow(self._pause_s))
        self.spawn(self.doorbell.listen())
        self.spawn(self._pulse.beat())

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say what ended a task that should not end; without the log follower all sockets are closed soon."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("feed.task_failed", exc_info=error)

    def _pause_s(self) -> float:
        limits = self.limits
        longest = limits.poll_s if self.doorbell.is_heard else limits.poll_without_doorbell_s
        return min(longest, limits.access_poll_s)

    def _doorbell_is_back(self) -> None:
        self.log.wake()
        self.lane.mend()

    def _judge_anew(self, subscription: Subscription, held: Held, untold: tuple[int, ...]) -> None:
        """Let a subscription lose and gain what its reader does. What waits for a slow client was decided before."""
        socket = subscription.socket
        if socket.is_behind:
            socket.blind(subscription, GapReason.VIEW_CHANGED)
            return
        self.audiences.leave(subscription)
        moved = Moved(subscription=subscription, held=held, since=self.log.offset, reason=Reason.ACCESS, untold=untold)
        self.joins.board(moved)

    def _apply_updates(self, subscription: Subscription) -> None:
        """Move box and filter to where the last updates want them, and answer them all."""
        audience = subscription.audience
        assert audience is not None  # noqa: S101 - said by the callers
        updates, subscription.updates = subscription.updates, []
        for asked in updates:
            subscription.view = _changed_view(subscription, asked)
        is_about_filter = all(asked.bbox is UNSET for asked in updates)
        held, untold = dict(audience.known), audience.waiting.tidings()
        self.audiences.leave(subscription)
        self.joins.board(
            Moved(
                subscription=subscription,
                held=held,
                since=self.log.offset,
                reason=Reason.FILTER if is_about_filter else Reason.BOX,
                frame_ids=tuple(asked.id for asked in updates),
                untold=untold,
            )
        )

    def _subscription(self, socket: Socket, name: str) -> Subscription:
        subscription = socket.subscriptions.get(name)
        if subscription is None:
            raise NotFound(f"There is no subscription «{name}».", code="unknown_subscription")
        return subscription


def _changed_view(subscription: Subscription, asked: Update) -> View:
    """Return the view as an update wants it; raises ``BadFrame`` when it cannot be."""
    view = subscription.view
    if asked.bbox is not UNSET:
        view = replace(view, bbox=parse_box(asked.bbox, asked.id))
    if asked.filter is not UNSET:
        view = replace(view, filter=_read_filter(asked, subscription.topic))
    return view


def _read_filter(asked: Subscribe | Update, topic: Topic) -> Filter | None:
    source = None if asked.filter is UNSET else asked.filter
    try:
        return read_filter(source, topic)
    except FilterError as error:
        raise error.at("/filter") from error


LIMITS = Limits()
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub_of_this_loop() -> Hub:
    """Return the hub of the running loop, a new one when the last has ended."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub(LIMITS)
    return hub


def announce_restart(*, retry_after_ms: int = 1_500) -> None:
    """Tell every client of this loop's hub to come back in a moment, and close; for a graceful stop."""
    hub = _hubs.get(asyncio.get_running_loop())
    if hub is None:
        return
    for socket in tuple(hub.sockets):
        socket.offer(frame("goaway", retry_after_ms=retry_after_ms))
        socket.end(Close.GOING_AWAY, "The server is restarting.")
