"""How a subscription comes to its picture: by a snapshot, by what it missed, or by the difference to another view.

All three read the database while the log goes on. The position is read before the snapshot; rows that the hub has
handed out meanwhile are kept (``LogFollower.recent``) and replayed on top. The last step, ``Landing``, happens in one
go on the loop: after it the subscription is a member of its audience, and nothing lies between.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog
from django.db import Error

from apps.access.types import Predicate
from apps.core.types import WatchfloorError
from apps.live import queries
from apps.live.hub.audience import Audience, AudienceKey, Subscription
from apps.live.hub.deciding import Shown
from apps.live.hub.landing import Fresh, Join, Landing, Moved, Resumed
from apps.live.hub.reader import Reach, Reader, fingerprint
from apps.live.queries import Asker, Snapshot
from apps.live.rules.decide import REMOVE_LOST
from apps.live.rules.outbox import join as join_texts
from apps.live.rules.texts import bookmark_frame, error_frame, remove_texts
from apps.live.types import Close, GapReason, View

if TYPE_CHECKING:
    from apps.live.hub.hub import Hub

BETWEEN_VIEWS: Final = "between"
# So many reaches over one view are read together: the first of them should not wait long for the last.
TOGETHER: Final = 50
CATCH_UP_POLL_S: Final = 0.05
log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Flight:
    """One snapshot for all who wait for the same; ``mends`` compares the audience's picture with it.

    It is read with the eyes of its ``pilot``, and was read by ``read_at``, by the loop's clock.
    """

    key: AudienceKey
    shown: Shown
    since: int
    pilot: Subscription
    joins: list[Join] = field(default_factory=list)
    mends: bool = False
    read_at: float = 0.0


class Joins:
    """Everybody who waits for a picture."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: defaultdict[View, dict[AudienceKey, Flight]] = defaultdict(dict)
        self._flying: set[Flight] = set()
        self._boarding: list[Join] = []

    @property
    def is_busy(self) -> bool:
        """Whether rows and positions have to be kept for somebody."""
        return bool(self._flying) or bool(self._boarding)

    @property
    def is_mending(self) -> bool:
        """Whether audiences are being compared with the database."""
        return any(flight.mends for flight in self._flying)

    def oldest_since(self) -> int | None:
        """Return the offset after which rows are still needed; ``None`` when nobody waits."""
        joins = itertools.chain(self._boarding, *(flight.joins for flight in self._flying))
        needed = [join.since for join in joins if isinstance(join, Moved)]
        return min(needed + [flight.since for flight in self._flying], default=None)

    def board(self, join: Join) -> None:
        """Put somebody on the next flight to their picture; returns at once."""
        self._boarding.append(join)
        self._hub.spawn(self._board(join))

    def again(self, subscription: Subscription, gap: GapReason | None) -> None:
        """Give a subscription that went blind a new snapshot; ``gap`` is said first unless it has been said."""
        if not subscription.is_over:
            self.board(Fresh(subscription=subscription, answers=False, gap=gap))

    def mend(self, audience: Audience) -> None:
        """Compare what an audience holds with the database, and tell it the difference."""
        subscription = next(audience.subscriptions(), None)
        if subscription is None:
            return
        reach = subscription.reader.reaches[audience.topic.view_action]
        self._flight(audience.key, subscription, reach).mends = True

    async def _board(self, join: Join) -> None:
        """Learn what the reader may see, if that is not known yet, then join the flight of the audience."""
        subscription = join.subscription
        action = subscription.topic.view_action
        try:
            if action not in subscription.reader.reaches:
                await self._hub.log.load({(subscription.reader, action)})
            reach = subscription.reader.reaches.get(action)
            if not subscription.is_over and reach is not None:
                if isinstance(join, Moved):
                    self._take_away(join, reach)
                self._flight(AudienceKey(subscription.view, reach.fingerprint), subscription, reach).joins.append(join)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            self._fail(join, error)
        finally:
            self._boarding.remove(join)
            if not self.is_busy:
                # Nobody flies who would do so, and what comes from now on is not kept.
                self._trim()

    def _take_away(self, join: Moved, reach: Reach) -> None:
        """Remove at once, without asking the database, what the reader may not see any more."""
        subscription = join.subscription
        lost = [id_ for id_, known in join.held.items() if _is_surely_lost(reach.predicate, id_, known.organisation_id)]
        if not lost:
            return
        gone = frozenset(lost)
        join.held = {id_: known for id_, known in join.held.items() if id_ not in gone}
        # The cursor between two views is worth nothing: whoever comes back with it gets a new picture.
        follower = self._hub.log
        bookmark = bookmark_frame(subscription.name, follower.epoch, follower.offset, BETWEEN_VIEWS)
        text = join_texts([bookmark, *remove_texts(lost, REMOVE_LOST, subscription.name)])
        assert text is not None  # noqa: S101 - there is something lost
        subscription.socket.offer(text, subscription.name)

    def _flight(self, key: AudienceKey, subscription: Subscription, reach: Reach) -> Flight:
        waiting = self._waiting[key.view]
        flight = waiting.get(key)
        if flight is None:
            shown = Shown(subscription.topic, subscription.view, reach.predicate, self._hub.judged)
            flight = waiting[key] = Flight(key, shown, since=self._hub.log.offset, pilot=subscription)
            self._flying.add(flight)
            self._hub.spawn(self._depart(key.view))
        return flight

    async def _depart(self, view: View) -> None:
        """Read the snapshots of one view for all who wait for them by now, and let them land one after another."""
        hub = self._hub
        async with hub.reading:
            flights = self._boarded(view)
            if not flights:
                return
            found: Sequence[Snapshot | Exception]
            try:
                askers = [Asker(flight.pilot.reader.actor, flight.shown.reach) for flight in flights]
                found = await hub.read(queries.read_snapshots, view, askers, hub.limits)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
                found = [error] * len(flights)
            read_at = asyncio.get_running_loop().time()
            for flight, each in zip(flights, found, strict=True):
                flight.read_at = read_at
                if isinstance(each, Snapshot):
                    self._part(flight, each)
                    if flight.joins or flight.mends:
                        await self._arrive(flight, each)
                    else:
                        self._flying.discard(flight)
                else:
                    self._fall(flight, each)
                await asyncio.sleep(0)  # let sockets breathe between two pictures
            self._trim()

    def _trim(self) -> None:
        """Forget what nobody needs any more who waits."""
        self._hub.log.trim(self.oldest_since())
        self._hub.lane.trim(is_needed=bool(self._flying))
        self._hub.late.trim(is_needed=bool(self._flying))

    def _part(self, flight: Flight, snapshot: Snapshot) -> None:
        """Let those who come back wait for the log, and nobody else for them.

        A snapshot shows what has no number yet. Whoever is shown it need not be told that any more, and is not; they
        are not shown it, and land when all of that has been told.
        """
        back = [join for join in flight.joins if isinstance(join, Resumed) and self._misfit(join, flight) is None]
        if not back:
            return
        flight.joins = [join for join in flight.joins if join not in back]
        apart = replace(flight, joins=list[Join](back), mends=False)
        self._flying.add(apart)
        self._hub.spawn(self._arrive_caught_up(apart, snapshot))

    async def _arrive_caught_up(self, flight: Flight, snapshot: Snapshot) -> None:
        """Land when the log has come as far as the snapshot, or, where that takes too long, with it and a gap."""
        loop = asyncio.get_running_loop()
        flight.read_at, until = loop.time(), loop.time() + self._hub.limits.catch_up_s
        try:
            newest = await self._hub.read(queries.newest_unnumbered)
            while newest is not None and not await self._hub.read(queries.is_numbered, newest):
                if loop.time() > until:
                    flight.joins = [join.anew() for join in flight.joins if isinstance(join, Resumed)]
                    break
                await asyncio.sleep(CATCH_UP_POLL_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting
            self._fall(flight, error)
        else:
            await self._arrive(flight, snapshot)
        self._trim()

    def _boarded(self, view: View) -> list[Flight]:
        """Take those who wait for one view out of the waiting room, as many as fly together."""
        waiting = self._waiting[view]
        flights = [waiting.pop(key) for key in list(itertools.islice(waiting, TOGETHER))]
        if not waiting:
            del self._waiting[view]
        return flights

    async def _arrive(self, flight: Flight, snapshot: Snapshot) -> None:
        """Read what else is needed, several times if the log runs away meanwhile, and land."""
        hub = self._hub
        try:
            hub.judged.put(snapshot.judged)
            for join in flight.joins:
                await self._read_replay(join, flight)
            # What the hub has not handed out yet would be told once more.
            await hub.log.reach(str(snapshot.cursor.epoch), _newest(flight, snapshot))
            while unjudged := self._unjudged(flight):
                await hub.log.load(unjudged)
            if self._is_of_reach(flight, snapshot):
                self._land(flight, snapshot)
            else:
                self._fly_again(flight)
        except Exception as error:  # noqa: BLE001 - as above
            self._fall(flight, error)
        finally:
            self._flying.discard(flight)

    def _fall(self, flight: Flight, error: Exception) -> None:
        self._flying.discard(flight)
        for join in flight.joins:
            self._fail(join, error)

    async def _read_replay(self, join: Join, flight: Flight) -> None:
        hub = self._hub
        if isinstance(join, Moved) and join.untold:
            join.late = await hub.read(queries.rows_at, join.untold)
        if not isinstance(join, Resumed):
            return
        cursor, join.gap = join.cursor, self._misfit(join, flight)
        if join.gap is None:
            replay = await hub.read(queries.read_replay, cursor.offset, hub.limits.replay_events)
            join.replay = replay if replay.is_whole else None
            if not replay.is_whole:
                join.gap = GapReason.LOG_AHEAD if cursor.offset > hub.log.offset else GapReason.TOO_OLD

    def _misfit(self, join: Resumed, flight: Flight) -> GapReason | None:
        """Return why what somebody missed cannot be told, whatever it is: their cursor is of another log, or view."""
        if join.cursor.epoch != self._hub.log.epoch:
            return GapReason.EPOCH_CHANGED
        return None if join.cursor.view == str(flight.key) else GapReason.VIEW_CHANGED

    def _land(self, flight: Flight, snapshot: Snapshot) -> None:
        """Bring everybody to the present of the hub, in one go."""
        hub = self._hub
        if not hub.log.covers(min(flight.since, snapshot.cursor.offset)):
            log.warning("feed.snapshot_outrun", topic=flight.key.view.topic)
            self._fly_again(flight)
            return
        landing = Landing(hub, flight.key, flight.shown, snapshot, read_at=flight.read_at)
        if flight.mends:
            landing.mend()
        for join in flight.joins:
            if self._is_still_for(flight, join):
                landing.take_in(join)

    def _is_of_reach(self, flight: Flight, snapshot: Snapshot) -> bool:
        """Say whether the pilot still saw what all on the flight see; if not, let the hub know what it sees now."""
        if fingerprint(snapshot.reach) == flight.key.reach:
            return True
        hub = self._hub
        action = flight.shown.topic.view_action
        hub.reach_changed(hub.readers.put({(flight.pilot.reader.actor, action): snapshot.reach}))
        return False

    def _fly_again(self, flight: Flight) -> None:
        for join in flight.joins:
            self.board(join)
        audience = self._hub.audiences.get(flight.key)
        if flight.mends and audience is not None:
            self.mend(audience)

    def _is_still_for(self, flight: Flight, join: Join) -> bool:
        """Say whether a join may land here; if its reader may see something else by now, it flies again."""
        subscription = join.subscription
        if subscription.is_over:
            return False
        reach = subscription.reader.reaches.get(subscription.topic.view_action)
        audience = self._hub.audiences.get(flight.key)
        # What an audience began with later shows more than those who come back have been told.
        is_told = not isinstance(join, Resumed) or audience is None or audience.read_at <= flight.read_at
        if reach is not None and reach.fingerprint == flight.key.reach and is_told:
            return True
        self.board(join)
        return False

    def _unjudged(self, flight: Flight) -> set[tuple[Reader, str]]:
        """Return what must be known to judge the rows that speak of more than one object."""
        replays = [join.replay.rows for join in flight.joins if isinstance(join, Resumed) and join.replay]
        replays += [join.late for join in flight.joins if isinstance(join, Moved)]
        rows = itertools.chain(self._hub.log.after(flight.since), *replays)
        actions = {action for row in rows for action, _, _ in row.also}
        # Nothing is learnt any more of somebody who has left.
        readers = {join.subscription.reader for join in flight.joins if not join.subscription.is_over}
        return {(reader, action) for reader in readers for action in actions if action not in reader.reaches}

    def _fail(self, join: Join, error: Exception) -> None:
        """Tell the client that its picture cannot be had; the subscription ends, for half a picture would lie."""
        subscription = join.subscription
        if subscription.is_over:
            return
        if isinstance(error, Error):
            log.warning("feed.database_unavailable", error=str(error))
            subscription.socket.end(Close.GOING_AWAY, "The database cannot be reached just now.")
            return
        if not isinstance(error, WatchfloorError):
            log.error("feed.fault", exc_info=error)
            subscription.socket.end(Close.FAULT, "Something went wrong on our side.")
            return
        frame_id = None if isinstance(join, Moved) else join.frame_id
        subscription.socket.offer(error_frame(error, frame_id, sub=subscription.name))
        self._hub.drop(subscription)


def _newest(flight: Flight, snapshot: Snapshot) -> int:
    """Return the offset up to which those of a flight are told by what was read for them."""
    replays = [join.replay.upto for join in flight.joins if isinstance(join, Resumed) and join.replay]
    return max([snapshot.cursor.offset, *replays])


def _is_surely_lost(reach: Predicate, object_id: UUID, organisation_id: UUID | None) -> bool:
    """Say whether an object is lost whatever else is known of it; the rest the snapshot decides."""
    held = reach.holds(object_id, organisation_id)
    return not (reach.policies.might_allow(organisation_id, held=held) if reach.policies else held)
