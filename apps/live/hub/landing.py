"""The last step of a join: from a snapshot to the present of the hub, without a gap, in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from apps.access.judging import FREE
from apps.access.veils import veiled
from apps.core import clock
from apps.core.types import Feature
from apps.live.hub.audience import Audience, AudienceKey, Subscription
from apps.live.hub.deciding import (
    Held,
    Shown,
    decide_position,
    decide_row,
    decide_row_blindly,
    held_of,
    is_withheld,
    owed_of,
    owed_of_row,
    withhold,
)
from apps.live.hub.waiting import Waiting
from apps.live.queries import Replay, Snapshot
from apps.live.rules.decide import TELL, Decision
from apps.live.rules.frames import FrameId, Resume
from apps.live.rules.outbox import join as join_texts
from apps.live.rules.stamps import NEVER, is_lane, stamp_of
from apps.live.rules.texts import (
    bookmark_frame,
    event_text,
    frame,
    gap_frame,
    position_text,
    remove_texts,
    snapshot_texts,
    upsert_text,
)
from apps.live.rules.throttle import Throttle
from apps.live.types import ChangeKind, GapReason, Known, LogRow, Position, Reason, Stamp

if TYPE_CHECKING:
    from apps.live.hub.hub import Hub


@dataclass(slots=True, kw_only=True)
class Fresh:
    """Wants a snapshot and what follows; ``answer`` is the id of the frame to answer, ``None`` for a resync."""

    subscription: Subscription
    answers: bool = True
    frame_id: FrameId = None
    wants_snapshot: bool = True
    gap: GapReason | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Resumed:
    """Wants what it missed since a cursor, all of it or a snapshot instead."""

    subscription: Subscription
    frame_id: FrameId
    cursor: Resume
    wants_snapshot: bool = True
    replay: Replay | None = None
    gap: GapReason | None = None

    def anew(self) -> Fresh:
        """Return what is wanted where what was missed cannot be told: a snapshot in its place, and a gap."""
        gap = self.gap or GapReason.TOO_OLD
        wants = self.wants_snapshot
        return Fresh(subscription=self.subscription, frame_id=self.frame_id, wants_snapshot=wants, gap=gap)


@dataclass(slots=True, kw_only=True)
class Moved:
    """Held a picture up to an offset, and wants the difference to what it may see or asks to see now.

    ``untold`` are the numbers of what it was to hear later, and ``late`` the same as rows.
    """

    subscription: Subscription
    held: Held
    since: int
    reason: Reason
    frame_ids: tuple[FrameId, ...] = ()
    untold: tuple[int, ...] = ()
    late: Sequence[LogRow] = ()


Join: TypeAlias = Fresh | Resumed | Moved


class Landing:
    """One snapshot of one view under one reach, brought up to the hub's offset."""

    def __init__(self, hub: Hub, key: AudienceKey, shown: Shown, snapshot: Snapshot, *, read_at: float) -> None:
        self._hub = hub
        self._read_at = read_at
        self._key = key
        self._shown = shown
        self._snapshot = snapshot
        self._at = clock.now()
        self._held = held_of(snapshot.features, shown.topic)
        audience = hub.audiences.get(key)
        self._waiting = self._new_waiting() if audience is None else audience.waiting
        if audience is not None and audience.hears_late:
            self._fall_behind(audience)
        missed = {row.offset: row for row in hub.late.told_meanwhile(key)}
        missed |= {row.offset: row for row in hub.log.after(snapshot.cursor.offset)}
        self._rows = self._replay_rows([missed[offset] for offset in sorted(missed)], self._held)
        self._moves = self._replay_lane(self._held)

    def take_in(self, join: Join) -> None:
        """Give a subscription its picture and let it hear what happens from now on."""
        subscription = join.subscription
        audience = self._audience()
        match join:
            case Fresh():
                self._take_in_fresh(join)
            case Resumed():
                self._take_in_resumed(join, audience)
            case Moved():
                self._take_in_moved(join)
        audience.add(subscription)
        self._hub.landed(subscription)

    def mend(self) -> None:
        """Tell an audience what the snapshot shows and it does not hold, and the reverse."""
        audience = self._hub.audiences.get(self._key)
        if audience is None:
            return
        before, audience.known = audience.known, self._held
        audience.read_at = max(audience.read_at, self._read_at)
        audience.behind |= self._snapshot.behind
        upserts, removes = self._difference(before)
        for name, members in tuple(audience.members.items()):
            text = self._difference_text(name, upserts, removes, Reason.RESYNC)
            for subscription in tuple(members):
                if text is not None and subscription.audience is audience:
                    subscription.socket.offer(text, name)

    def _audience(self) -> Audience:
        audience = self._hub.audiences.get(self._key)
        if audience is None:
            audience = Audience(
                key=self._key,
                shown=self._shown,
                known=self._held,
                throttle=Throttle(self._key.view.min_interval_ms / 1000),
                waiting=self._waiting,
                behind={**self._snapshot.behind, **self._moved_late()},
                last_offset=self._waiting.cursor(self._hub.log.offset),
                read_at=self._read_at,
            )
            self._hub.audiences.add(audience)
        return audience

    def _take_in_fresh(self, join: Fresh) -> None:
        subscription = join.subscription
        if join.answers:
            self._say_subscribed(join, self._waiting.cursor(self._snapshot.cursor.offset), is_recovered=False)
        if join.gap is not None:
            self._send(subscription, [gap_frame(subscription.name, join.gap)])
        if join.wants_snapshot:
            self._send_snapshot(subscription)
        self._send(subscription, self._row_texts(subscription, self._rows))
        self._send(subscription, self._move_texts(subscription, self._moves))
        if not join.answers or join.gap is not None:
            self._say_where(subscription)

    def _take_in_resumed(self, join: Resumed, audience: Audience) -> None:
        replay = join.replay
        subscription = join.subscription
        if replay is None or not self._hub.log.covers(replay.upto):
            self._take_in_fresh(join.anew())
            return
        self._say_subscribed(join, join.cursor.offset, is_recovered=True)
        missed = [*replay.rows, *self._hub.log.after(replay.upto)]
        told = (row for row in missed if not self._is_withheld(row))
        decisions = ((row, decide_row_blindly(row, self._shown, audience.known)) for row in told)
        rows = [(row, decision) for row, decision in decisions if decision is not None]
        self._send(subscription, self._row_texts(subscription, rows))
        if is_lane(self._shown.topic) and join.wants_snapshot:
            self._send_snapshot(subscription)
            self._send(subscription, self._move_texts(subscription, self._moves))
        if audience.hears_late:
            self._say_where(subscription)

    def _take_in_moved(self, join: Moved) -> None:
        subscription = join.subscription
        if not self._hub.log.covers(join.since):
            self._take_in_fresh(Fresh(subscription=subscription, answers=False, gap=GapReason.TOO_OLD))
            return
        held = dict(join.held)
        missed = self._replay_rows([*join.late, *self._hub.log.after(join.since)], held)
        self._send(subscription, self._row_texts(subscription, missed))
        self._send(subscription, self._move_texts(subscription, self._replay_lane(held)))
        upserts, removes = self._difference(held)
        text = self._difference_text(subscription.name, upserts, removes, join.reason)
        self._send(subscription, [text] if text else [])
        # Only now: whoever has this view has the whole picture of it.
        for frame_id in join.frame_ids:
            answer = frame("updated", id=frame_id, sub=subscription.name, view=str(self._key))
            subscription.socket.offer(answer)
        self._say_where(subscription)

    def _replay_rows(self, rows: Iterable[LogRow], held: Held) -> list[tuple[LogRow, Decision]]:
        decisions = ((row, decide_row(row, self._shown, held)) for row in rows if not self._is_withheld(row))
        return [(row, decision) for row, decision in decisions if decision is not None]

    def _new_waiting(self) -> Waiting:
        """Return what has happened already and is to be heard only later."""
        waiting = Waiting(self._hub.limits.held_events)
        if self._shown.reach.policies.delays:
            self._withhold(self._snapshot.early, waiting)
            if not self._snapshot.has_all_early:
                waiting.cut(self._snapshot.early[-1].offset + 1)
            self._withhold(self._hub.log.after(self._snapshot.cursor.offset), waiting)
        return waiting

    def _withhold(self, rows: Iterable[LogRow], waiting: Waiting) -> None:
        """Let rows wait that were not to be told yet when the snapshot was read, for it does not show them."""
        for row in rows:
            withhold(row, self._shown, waiting, self._snapshot.at)

    def _fall_behind(self, audience: Audience) -> None:
        """Have told once more what an audience was told late while the picture was read."""
        if not is_lane(self._shown.topic):
            return
        for id_ in audience.known.keys() | self._held.keys():
            before, now = audience.known.get(id_), self._held.get(id_)
            either = now or before
            if before == now or either is None or not self._shown.delay_of(id_, either):
                continue
            audience.behind.setdefault(id_, either._replace(stamp=Stamp(NEVER)))
            if now is None:
                del audience.known[id_]
            else:
                audience.known[id_] = now

    def _moved_late(self) -> Held:
        """Return what moved while the picture was read, of what may be seen only late."""
        if not (is_lane(self._shown.topic) and self._shown.reach.policies.delays):
            return {}
        recent = self._hub.lane.recent()
        return {
            each.asset_id: Known(each.organisation_id, each.stamp)
            for each in recent
            if owed_of(each, self._shown).delay
        }

    def _is_withheld(self, row: LogRow) -> bool:
        return self._shown.reach.policies.delays and is_withheld(row, self._shown, self._waiting, self._at)

    def _replay_lane(self, held: Held) -> list[tuple[Position, Decision]]:
        if not is_lane(self._shown.topic):
            return []
        decisions = ((position, decide_position(position, self._shown, held)) for position in self._hub.lane.recent())
        return [(position, decision) for position, decision in decisions if decision is not None]

    def _difference(self, before: Held) -> tuple[list[Feature], list[UUID]]:
        """Return what to bring and what to take away from somebody who held ``before``."""
        upserts = [
            feature
            for feature in self._snapshot.features
            if feature.id in self._held and self._is_news(feature, before)
        ]
        return upserts, [id_ for id_ in before if id_ not in self._held]

    def _is_news(self, feature: Feature, before: Held) -> bool:
        known = before.get(feature.id)
        if known is None:
            return True
        stamp = stamp_of(feature, self._shown.topic)
        return stamp != known.stamp and not stamp.is_older_than(known.stamp)

    def _difference_text(
        self, name: str, upserts: Sequence[Feature], removes: Sequence[UUID], reason: Reason
    ) -> str | None:
        bring, take = Decision(ChangeKind.UPSERT, reason), Decision(ChangeKind.REMOVE, reason)
        fields = self._key.view.fields
        return join_texts(
            remove_texts(removes, take, name)
            + [
                upsert_text(veiled(feature, self._snapshot.veils.get(feature.id, FREE)), bring, name, fields)
                for feature in upserts
            ]
        )

    def _row_texts(self, subscription: Subscription, rows: Iterable[tuple[LogRow, Decision]]) -> list[str]:
        return [
            event_text(
                row,
                decision,
                subscription.name,
                self._key.view.fields,
                owed_of_row(row, self._shown),
                is_numbered=not self._shown.reach.policies.delays,
            )
            for row, decision in rows
            if decision is not TELL or subscription.reader.sees(row, self._hub.judged)
        ]

    def _move_texts(self, subscription: Subscription, moves: Iterable[tuple[Position, Decision]]) -> list[str]:
        fields = self._key.view.fields
        return [
            position_text(position, decision, subscription.name, fields, owed_of(position, self._shown))
            for position, decision in moves
        ]

    def _send_snapshot(self, subscription: Subscription) -> None:
        for text in snapshot_texts(self._snapshot.bodies, subscription.name):
            self._send(subscription, [text])

    def _send(self, subscription: Subscription, texts: list[str]) -> None:
        """Send a picture. It is bounded by itself and does not count against the bound of the queue."""
        text = join_texts(texts)
        if text is not None:
            subscription.socket.offer(text, subscription.name, is_counted=False)

    def _say_where(self, subscription: Subscription) -> None:
        """Say where a picture stands that the client did not ask for."""
        log = self._hub.log
        offset = self._waiting.cursor(log.offset)
        self._send(subscription, [bookmark_frame(subscription.name, log.epoch, offset, str(self._key))])

    def _say_subscribed(self, join: Fresh | Resumed, offset: int, *, is_recovered: bool) -> None:
        subscription = join.subscription
        subscription.socket.offer(
            frame(
                "subscribed",
                id=join.frame_id,
                sub=subscription.name,
                epoch=self._snapshot.cursor.epoch,
                offset=offset,
                recovered=is_recovered,
                view=str(self._key),
            )
        )
