"""The positions lane: latest wins per asset, from Redis, mended from the database after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import structlog
from django.db import Error

from apps.access.judging import Obligations
from apps.core import clock
from apps.live import metrics
from apps.live.hub.audience import Audience
from apps.live.hub.deciding import decide_position, owed_of
from apps.live.rules.decide import UPSERT_MOVED, Decision
from apps.live.rules.outbox import join
from apps.live.rules.stamps import LANE_TOPIC
from apps.live.rules.texts import Fields, position_of, position_text
from apps.live.types import ChangeKind, Known, Position, Stamp

if TYPE_CHECKING:
    from apps.live.hub.hub import Hub
    from apps.live.hub.socket import Socket

log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(list[Position])
Told = list[tuple[Position, Decision]]
# What has been encoded of one message, for all audiences.
Texts = dict[tuple[UUID, Decision, str, Fields, Obligations], str]


class Lane:
    """Takes positions in and hands them out."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._recent: dict[UUID, Position] = {}
        self._flushes: dict[Audience, asyncio.TimerHandle] = {}
        self._is_telling_behind = False

    async def take(self, payload: bytes) -> None:
        """Hand out one message of the lane; one that cannot be read is logged and mended from the database.

        Sockets get to breathe between two audiences: a position is judged when its turn comes, by what is true then.
        """
        try:
            positions = _decoder.decode(payload)
        except msgspec.DecodeError as error:
            log.exception("feed.lane_unreadable", error=str(error))
            self.mend()
            return
        if self._hub.joins.is_busy:
            self._remember(positions)
        await self._hub.learn(
            (audience.topic.noun, position.asset_id)
            for audience in self._hub.audiences.of_topic(LANE_TOPIC)
            if audience.shown.reach.policies
            for position in positions
        )
        texts: Texts = {}
        for audience in self._hub.audiences.of_topic(LANE_TOPIC):
            self._hand_out(audience, positions, texts)
            await asyncio.sleep(0)

    async def tell_behind(self) -> None:
        """Tell those who may see things only late where these were so long ago; fixes are kept in the database."""
        if self._is_telling_behind:
            return
        self._is_telling_behind = True
        try:
            for audience in self._hub.audiences.of_topic(LANE_TOPIC):
                await self._tell_behind(audience)
        except Error as error:
            log.warning("feed.past_unreadable", error=str(error))
        finally:
            self._is_telling_behind = False

    def mend(self) -> None:
        """Compare what every audience holds with the database: something may have been lost."""
        for audience in self._hub.audiences.of_topic(LANE_TOPIC):
            self._hub.joins.mend(audience)

    def recent(self) -> Iterable[Position]:
        """Return the positions that came while somebody was joining."""
        return self._recent.values()

    def trim(self, *, is_needed: bool) -> None:
        """Drop what nobody waits for."""
        if not is_needed:
            self._recent.clear()

    def _remember(self, positions: Iterable[Position]) -> None:
        for position in positions:
            known = self._recent.get(position.asset_id)
            if known is None or not position.stamp.is_older_than(known.stamp):
                self._recent[position.asset_id] = position

    def _hand_out(
        self, audience: Audience, positions: Sequence[Position], texts: Texts, *, is_past: bool = False
    ) -> None:
        now = asyncio.get_running_loop().time()
        told: Told = []
        for position in positions:
            decision = decide_position(position, audience.shown, audience.known, is_past=is_past)
            if decision is None:
                self._note(audience, position, is_past=is_past)
                continue
            if decision.change is ChangeKind.REMOVE:
                audience.throttle.forget(position.asset_id)
            elif not audience.throttle.admit(position.asset_id, position, now):
                continue
            told.append((position, decision))
        self._tell(audience, told, texts)
        self._flush_later(audience)

    async def _tell_behind(self, audience: Audience) -> None:
        past, shown = audience.topic.past, audience.shown
        if past is None or not audience.behind:
            return
        await self._hub.learn((audience.topic.noun, id_) for id_ in audience.behind)
        at = clock.now()
        found = await self._hub.read(
            past, {id_: at - shown.delay_of(id_, each) for id_, each in audience.behind.items()}
        )
        if self._hub.audiences.get(audience.key) is not audience:
            return
        positions = [position_of(feature) for feature in found.values()]
        self._hand_out(audience, positions, {}, is_past=True)
        for position in positions:
            newest = audience.behind.get(position.asset_id)
            if newest is not None and not Stamp(position.fixed_at).is_older_than(newest.stamp):
                del audience.behind[position.asset_id]

    def _note(self, audience: Audience, position: Position, *, is_past: bool) -> None:
        """Remember what may be seen only late and has moved."""
        if not is_past and audience.hears_late and owed_of(position, audience.shown).delay:
            audience.behind[position.asset_id] = Known(position.organisation_id, position.stamp)

    def _flush_later(self, audience: Audience) -> None:
        due = audience.throttle.next_due()
        if due is not None and audience not in self._flushes:
            self._flushes[audience] = asyncio.get_running_loop().call_at(due, self._flush, audience)

    def _flush(self, audience: Audience) -> None:
        self._flushes.pop(audience, None)
        now = asyncio.get_running_loop().time()
        # What was removed meanwhile, by whatever cause, must not come back.
        told = [
            (position, UPSERT_MOVED)
            for asset_id, position in audience.throttle.release(now)
            if asset_id in audience.known
        ]
        self._tell(audience, told, {})
        self._flush_later(audience)

    def _tell(self, audience: Audience, told: Told, kept: Texts) -> None:
        if not told:
            return
        fields = audience.view.fields
        for name, members in tuple(audience.members.items()):
            texts = [
                _text(position, decision, name, fields, owed_of(position, audience.shown), kept)
                for position, decision in told
            ]
            joined = join(texts)
            assert joined is not None  # noqa: S101 - there is something to tell
            metrics.DELIVERIES.inc(len(told) * len(members))
            for subscription in tuple(members):
                if subscription.audience is not audience:
                    continue
                if subscription.socket.is_behind:
                    self._tell_slowly(subscription.socket, name, told, texts)
                else:
                    subscription.socket.offer(joined, name)

    def _tell_slowly(self, socket: Socket, name: str, told: Told, texts: Sequence[str]) -> None:
        """Let each position take the place of the one that still waits; a removal takes its turn."""
        for (position, decision), text in zip(told, texts, strict=True):
            if decision.change is ChangeKind.REMOVE:
                socket.forget_latest(name, position.asset_id)
                socket.offer(text, name)
            else:
                socket.offer_latest(name, position.asset_id, text)


def _text(  # noqa: PLR0917 - all that a text depends on
    position: Position, decision: Decision, name: str, fields: Fields, owed: Obligations, kept: Texts
) -> str:
    key = (position.asset_id, decision, name, fields, owed)
    text = kept.get(key)
    if text is None:
        text = kept[key] = position_text(position, decision, name, fields, owed)
    return text
