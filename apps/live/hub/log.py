"""Follows the log and the access version: every new row once, judged by permissions no older than the row."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog
from django.db import Error

from apps.access.types import Actor, Predicate
from apps.core import clock
from apps.live import queries
from apps.live.hub.deciding import decide_row
from apps.live.hub.reader import Reader
from apps.live.hub.threads import DatabaseThread
from apps.live.queries import Wake
from apps.live.types import LogRow

if TYPE_CHECKING:
    from apps.live.hub.hub import Hub

# Rows kept for those who are just joining; whoever takes longer than that many events begins again.
RECENT: Final = 10_000
log = structlog.get_logger(__name__)


class LogFollower:
    """Where the hub stands in the log.

    One look into the database per wake-up: rows first, then the access version. If that has moved, permissions
    are read again before the rows are handed out, so that nobody is shown what was written after a revocation.
    """

    def __init__(self, hub: Hub) -> None:
        self.offset = 0
        self.epoch = ""
        self.version = -1
        self.verified_at = asyncio.get_running_loop().time()
        self._hub = hub
        self._thread = DatabaseThread("feed-log")
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()
        self._recent: deque[LogRow] = deque(maxlen=RECENT)
        self._wanted: set[tuple[Actor, str]] = set()
        self._loading = asyncio.Lock()

    async def start(self) -> None:
        """Stand at the end of the log."""
        cursor = await self._thread.run(queries.end_of_log)
        self.epoch, self.offset = str(cursor.epoch), cursor.offset

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def stop(self) -> None:
        """Let the thread go."""
        self._thread.close()

    async def follow(self, pause_s: Callable[[], float]) -> None:
        """Look whenever woken, and at least every ``pause_s()``; a database that is away is tried again."""
        is_well = True
        while True:
            self._wake.clear()
            try:
                more = await self._step()
                is_well = True
            except Error as error:
                more = False
                if is_well:
                    log.warning("feed.log_unreadable", error=str(error))
                is_well = False
            self._looked.set()
            if more:
                continue
            try:
                async with asyncio.timeout(pause_s()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def reach(self, epoch: str, offset: int) -> None:
        """Return when everything up to an offset has been handed out, or another log has begun."""
        self.wake()
        while self.epoch == epoch and self.offset < offset:
            self._looked.clear()
            await self._looked.wait()

    async def load(self, wanted: Iterable[tuple[Reader, str]]) -> None:
        """Learn what readers may do, for the first time; what several ask for meanwhile is read together."""
        mine = {(reader.actor, action) for reader, action in wanted}
        if not mine:
            return
        self._wanted |= mine
        async with self._loading:
            asked, self._wanted = self._wanted, set()
            if not asked:
                return
            try:
                self._hub.readers.put(await self._hub.read(queries.reaches, asked))
            except BaseException:
                self._wanted |= asked - mine  # the others try for themselves
                raise

    def after(self, offset: int) -> Sequence[LogRow]:
        """Return the rows handed out after an offset, as far as they are kept."""
        return [row for row in self._recent if row.offset > offset]

    def covers(self, offset: int) -> bool:
        """Say whether every row handed out after an offset is still kept."""
        return offset >= self.offset or (bool(self._recent) and self._recent[0].offset <= offset + 1)

    def trim(self, needed_after: int | None) -> None:
        """Drop the rows that nobody waits for any more."""
        if needed_after is None:
            self._recent.clear()
            return
        while self._recent and self._recent[0].offset <= needed_after:
            self._recent.popleft()

    async def _step(self) -> bool:
        """Look once; say whether there is more at once.

        What takes longer to hand out than permissions may be old is left for another look.
        """
        loop = asyncio.get_running_loop()
        limit = self._hub.limits.read_events
        wake = await self._thread.run(queries.look, self.offset, limit)
        if str(wake.cursor.epoch) != self.epoch or wake.cursor.offset < self.offset:
            self.epoch, self.offset = str(wake.cursor.epoch), wake.cursor.offset
            self._recent.clear()
            self._hub.epoch_changed()
            return True
        await self._judge_anew(wake)
        self.verified_at = loop.time()
        await self._prepare(wake.rows)
        for row in wake.rows:
            self._hand_out(row)
            await asyncio.sleep(0)  # let sockets breathe between two rounds of sending
            if loop.time() - self.verified_at > self._hub.limits.access_poll_s:
                return True
        await self._hub.late.tell(self._read)
        if len(wake.rows) == limit:
            return True
        self.offset = max(self.offset, wake.cursor.offset)  # what is missing before it, the log has forgotten
        return False

    async def _read(self, offsets: Collection[int]) -> Sequence[LogRow]:
        rows = await self._thread.run(queries.rows_at, offsets)
        await self._prepare(rows)
        return rows

    async def _prepare(self, rows: Sequence[LogRow]) -> None:
        """Read what must be known to judge rows."""
        await self.load(self._unjudged(rows))
        await self._hub.learn(self._asked_by_policies(rows))

    async def _judge_anew(self, wake: Wake) -> None:
        stale = self._hub.readers.stale(wake.access_version, clock.now())
        if wake.access_version == self.version and not stale:
            return
        actors = {reader.actor for reader in self._hub.readers.all()}
        found, fallen = await self._thread.run(_judge, stale, actors)
        self.version = wake.access_version
        self._hub.send_away(lambda socket: socket.reader.actor in fallen)
        self._hub.reach_changed(self._hub.readers.put(found))

    def _unjudged(self, rows: Sequence[LogRow]) -> set[tuple[Reader, str]]:
        """Return what must be known to judge rows that speak of more than one object."""
        return {
            (reader, action)
            for row in rows
            for action, _, _ in row.also
            for audience in self._hub.audiences.of_noun(row.noun)
            for reader in audience.readers()
            if action not in reader.reaches
        }

    def _asked_by_policies(self, rows: Sequence[LogRow]) -> Iterator[tuple[str, UUID]]:
        """Yield the objects, by noun and id, that policies must know to judge rows."""
        for row in rows:
            for audience in self._hub.audiences.of_noun(row.noun):
                if audience.shown.reach.policies and row.picture is None and not row.is_deletion:
                    yield row.noun, row.object_id
                for action, object_id, _ in row.also:
                    if any(reader.asks(action) for reader in audience.readers()):
                        yield action.partition(".")[0], object_id

    def _hand_out(self, row: LogRow) -> None:
        self.offset = row.offset
        self._hub.judged.take(row)
        if self._hub.joins.is_busy:
            self._recent.append(row)
        for audience in self._hub.audiences.of_noun(row.noun):
            if self._hub.late.holds_back(audience, row):
                continue
            decision = decide_row(row, audience.shown, audience.known)
            if decision is not None:
                self._hub.tell(audience, row, decision)
        self._hub.handed_out(row)


def _judge(
    stale: Sequence[tuple[Actor, str]], actors: Iterable[Actor]
) -> tuple[dict[tuple[Actor, str], Predicate], frozenset[Actor]]:
    return queries.reaches(stale), queries.fallen(actors)
