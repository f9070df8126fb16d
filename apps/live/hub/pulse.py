"""The hub's heartbeat: pings, bookmarks, credentials that have ended, and blindness towards access."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django.db import Error

from apps.core import clock
from apps.live import metrics, queries
from apps.live.rules.texts import bookmark_frame, frame
from apps.live.types import Close

if TYPE_CHECKING:
    from apps.live.hub.hub import Hub


class Pulse:
    """What is due by time alone."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        now = asyncio.get_running_loop().time()
        self._beat_at = now + hub.limits.heartbeat_s
        self._standing_at = now + hub.limits.standing_s
        self._mend_at = now

    async def beat(self) -> None:
        """Look after everything for ever."""
        limits = self._hub.limits
        step = min(limits.heartbeat_s, limits.standing_s, limits.access_blind_s / 4, limits.lane_poll_s)
        while True:
            await asyncio.sleep(step)
            now = asyncio.get_running_loop().time()
            self._fail_closed(now)
            if now >= self._beat_at:
                self._beat_at = now + limits.heartbeat_s
                self._send_signs_of_life(now)
            if now >= self._standing_at:
                self._standing_at = now + limits.standing_s
                self._hub.spawn(self._end_sessions())
            self._hub.spawn(self._hub.lane.tell_behind())
            if now >= self._mend_at and not (self._hub.doorbell.is_heard or self._hub.joins.is_mending):
                self._mend_at = now + limits.lane_poll_s
                self._hub.lane.mend()

    def _fail_closed(self, now: float) -> None:
        """Show nothing rather than too much: who cannot ask what is permitted must not go on as before."""
        if now - self._hub.log.verified_at > self._hub.limits.access_blind_s:
            self._hub.send_away(lambda _: True, Close.ACCESS_UNKNOWN, "What you may see is not known just now.")

    def _send_signs_of_life(self, now: float) -> None:
        hub = self._hub
        hub.send_away(
            lambda socket: now - socket.last_seen > hub.limits.silence_s,
            Close.NO_SIGN_OF_LIFE,
            "No sign of life for too long.",
        )
        self._bookmark()
        ping = frame("ping")
        for socket in tuple(hub.sockets):
            if not socket.is_behind:
                socket.offer(ping)
        metrics.QUEUED.set(sum(socket.queued for socket in hub.sockets))

    def _bookmark(self) -> None:
        """Tell audiences for whom nothing happened that they have seen it all."""
        for audience in self._hub.audiences.all():
            offset = audience.waiting.cursor(self._hub.log.offset)
            if audience.last_offset >= offset:
                continue
            audience.last_offset = offset
            for name, members in tuple(audience.members.items()):
                text = bookmark_frame(name, self._hub.log.epoch, offset, str(audience.key))
                for subscription in tuple(members):
                    subscription.socket.offer(text, name)

    async def _end_sessions(self) -> None:
        sign_ins = {socket.sign_in for socket in self._hub.sockets if socket.sign_in is not None}
        try:
            ended = await self._hub.read(queries.ended_sessions, sign_ins, clock.now())
        except Error:
            return  # the log follower notices as well, and fails closed
        if ended:
            self._hub.send_away(lambda socket: socket.sign_in is not None and socket.sign_in.session_key in ended)
