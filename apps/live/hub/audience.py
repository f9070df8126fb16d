"""Audiences: subscriptions that show the same to people with the same reach, decided for together."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from apps.access.registry import judge, protected
from apps.events.registry import Topic
from apps.live.hub.deciding import Held, Shown
from apps.live.hub.waiting import Waiting
from apps.live.rules.frames import Update
from apps.live.rules.throttle import Throttle
from apps.live.types import GapReason, Position, View

if TYPE_CHECKING:
    from apps.live.hub.reader import Reader
    from apps.live.hub.socket import Socket


@dataclass(frozen=True, slots=True)
class AudienceKey:
    """What makes two subscriptions alike: the view, and a fingerprint of the reach."""

    view: View
    reach: str

    def __str__(self) -> str:
        """Return the ``view`` that clients keep: it changes when the picture would."""
        filtered = self.view.filter and self.view.filter.text
        shown = (self.view.topic, self.view.bbox, filtered, self.view.fields, self.reach)
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscription of one socket; ``audience`` is ``None`` while it waits for a snapshot."""

    socket: Socket
    name: str
    view: View
    topic: Topic
    audience: Audience | None = None
    is_over: bool = False
    updates: list[Update] = field(default_factory=list)

    @property
    def reader(self) -> Reader:
        """Who is looking."""
        return self.socket.reader


@dataclass(slots=True, eq=False)
class Audience:
    """Those who get the same frames.

    ``known`` is what they hold, by object: it makes "left your box" and "lost your permission" a lookup.
    Members are kept by the name of the subscription, because frames carry it.

    ``waiting`` are events that they hear only later, and ``behind`` the things that have moved since they were told of,
    each as it would be known if they had been told. ``read_at`` is by when the snapshot was read that ``known`` began
    with, by the loop's clock: it may show what has no number yet, and that is told to nobody any more.
    """

    key: AudienceKey
    shown: Shown
    known: Held
    throttle: Throttle[UUID, Position]
    waiting: Waiting
    behind: Held = field(default_factory=dict)
    members: defaultdict[str, set[Subscription]] = field(default_factory=lambda: defaultdict(set))
    last_offset: int = 0
    read_at: float = 0.0

    @property
    def view(self) -> View:
        """What it shows."""
        return self.key.view

    @property
    def topic(self) -> Topic:
        """What it is about."""
        return self.shown.topic

    @property
    def hears_late(self) -> bool:
        """Whether a policy may ask that something be told late."""
        return self.shown.reach.policies.delays

    def blind(self, reason: GapReason) -> None:
        """Let every member begin again."""
        for subscription in tuple(self.subscriptions()):
            subscription.socket.blind(subscription, reason)

    def subscriptions(self) -> Iterator[Subscription]:
        """Yield every member."""
        for members in self.members.values():
            yield from members

    def readers(self) -> set[Reader]:
        """Return the distinct people among the members."""
        return {subscription.reader for subscription in self.subscriptions()}

    def add(self, subscription: Subscription) -> None:
        """Let a subscription hear what happens from now on."""
        self.members[subscription.name].add(subscription)
        subscription.audience = self

    def discard(self, subscription: Subscription) -> None:
        """Let a subscription hear nothing any more."""
        members = self.members.get(subscription.name)
        if members is not None:
            members.discard(subscription)
            if not members:
                del self.members[subscription.name]
        if subscription.audience is self:
            subscription.audience = None


class Audiences:
    """All audiences, by key and by the nouns whose events concern them."""

    def __init__(self) -> None:
        self._by_key: dict[AudienceKey, Audience] = {}
        self._by_noun: defaultdict[str, set[Audience]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: AudienceKey) -> Audience | None:
        """Return the audience of a key, if somebody is in it."""
        return self._by_key.get(key)

    def all(self) -> Iterable[Audience]:
        """Return every audience; safe to change while going through."""
        return tuple(self._by_key.values())

    def of_noun(self, noun: str) -> Iterable[Audience]:
        """Return the audiences of topics that show a noun; safe to change while going through."""
        return tuple(self._by_noun.get(noun, ()))

    def of_topic(self, name: str) -> Iterable[Audience]:
        """Return the audiences of one topic; safe to change while going through."""
        return tuple(audience for audience in self._by_key.values() if audience.topic.name == name)

    def add(self, audience: Audience) -> None:
        """Begin an audience."""
        self._by_key[audience.key] = audience
        for noun in nouns_of(audience.topic):
            self._by_noun[noun].add(audience)

    def leave(self, subscription: Subscription) -> None:
        """Take a subscription out of its audience; the last one out ends it."""
        audience = subscription.audience
        if audience is None:
            return
        audience.discard(subscription)
        if not audience.members:
            self._by_key.pop(audience.key, None)
            for noun in nouns_of(audience.topic):
                self._by_noun[noun].discard(audience)


def nouns_of(topic: Topic) -> set[str]:
    """Return the nouns whose events concern a topic: its own, and the one that it is judged as.

    When an asset is deleted or changes hands, its position is gone or shown to others, without an event of its own.
    """
    return {topic.noun, judge(protected(topic.noun)).noun}
