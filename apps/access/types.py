"""The words of access: who acts, what is protected, and what somebody may reach."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from apps.access.judging import FREE, NONE, Obligations, Policies
from apps.core.types import Feature, TimeWindow

if TYPE_CHECKING:
    from django.db.models import Model

# The periods of a right, in order and apart from each other.
Windows: TypeAlias = tuple[TimeWindow, ...]
ALWAYS: Final[Windows] = (TimeWindow(),)
# The verbs that read. They reach into the past as far as one's periods go; all others need a right in force now.
READING: Final = frozenset({"view", "track"})


class Channel(enum.StrEnum):
    """By which door somebody comes; policies know it as ``${channel}``."""

    REST = "rest"
    ADMIN = "admin"
    FEED = "feed"
    INGEST = "ingest"
    WEBHOOK = "webhook"


class ActorKind(enum.StrEnum):
    """On whose behalf something is done."""

    USER = "user"
    SERVICE = "service"
    DEVICE = "device"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody or something that acts.

    It says who, never what they may: rights are read afresh by every decision, so an actor may be kept for as
    long as a socket lives. ``is_superuser`` is what was true at sign-in, for display. ``scopes`` are the actions
    that a key or token is confined to, ``None`` when nothing confines it; ``key_id`` and ``token_id`` say which one
    (an API key, a device key; an OAuth access token). A device without a key of its own carries the one ``asset_id``
    that it may report for. ``address`` is where it came from, kept for a key that is good from some networks only.
    """

    kind: ActorKind
    label: str
    user_id: UUID | None = None
    is_superuser: bool = False
    scopes: frozenset[str] | None = None
    organisation_id: UUID | None = None
    asset_id: UUID | None = None
    key_id: UUID | None = None
    token_id: int | None = None
    address: str | None = None
    channel: Channel | None = None

    @property
    def is_account(self) -> bool:
        """Say whether a row of ``User`` stands behind it: a person or a service account."""
        return self.kind in (ActorKind.USER, ActorKind.SERVICE)

    @property
    def is_signed_in(self) -> bool:
        """Say whether it is a person with a session of their own, whom no key or token confines."""
        return self.kind is ActorKind.USER and self.scopes is None


SYSTEM = Actor(kind=ActorKind.SYSTEM, label="system")
ANONYMOUS = Actor(kind=ActorKind.ANONYMOUS, label="anonymous")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """A kind of thing that access decides about.

    ``organisation`` and ``object_path`` are lookups from the model to the owner and to the object that is judged;
    ``organisation=None`` marks reference data, which belongs to nobody. ``judged_as`` names the noun whose actions
    and grants decide (a position is judged as its asset). ``grants`` are the guardian tables (user, group) with a
    foreign key ``content_object``. ``owner`` is a lookup to the user who may do ``owner_actions`` to what is theirs.

    ``instant`` marks history: the lookup to when a row was true. Such a row is read by whoever holds the right for
    that instant, whenever they look; anything else needs a right in force now. ``while_in`` is a lookup and the values
    for which a row of history is still going on: then a right in force now shows it as well.

    ``feature`` publishes a row; policies judge what it returns. ``fields`` are what a policy may hide of it, and
    ``place`` is the column of its geometry. ``copies`` are actions of other nouns, from whose objects the place was
    copied: whoever may not see it there does not see the copy.
    """

    noun: str
    model: type[Model]
    actions: tuple[str, ...] = ()
    organisation: str | None = "organisation_id"
    judged_as: str | None = None
    object_path: str = "pk"
    grants: tuple[type[Model], type[Model]] | None = None
    owner: str | None = None
    owner_actions: tuple[str, ...] = ()
    instant: str | None = None
    while_in: tuple[str, frozenset[str]] | None = None
    feature: Callable[[Any], Feature] | None = None
    fields: tuple[str, ...] = ()
    place: str | None = None
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An object as access sees it, for deciding without its row (it may be deleted by now)."""

    noun: str
    id: UUID
    organisation_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one actor may do one action to, as a frozen snapshot.

    ``organisation_ids`` and ``object_ids`` are what a right in force now reaches. ``organisation_periods`` and
    ``object_periods`` are the periods, begun or over, of those that are held for a time only; what is not in them is
    held without bounds. True of ``version`` until ``expires_at`` (when a period begins or ends; ``None`` is never):
    whoever keeps a scope asks ``is_current`` before using it again.
    """

    everything: bool = False
    organisation_ids: frozenset[UUID] = field(default_factory=frozenset)
    object_ids: frozenset[UUID] = field(default_factory=frozenset)
    organisation_periods: Mapping[UUID, Windows] = field(default_factory=dict)
    object_periods: Mapping[UUID, Windows] = field(default_factory=dict)
    policies: Policies = NONE
    version: int = 0
    expires_at: datetime | None = None

    def holds(self, object_id: UUID | None, organisation_id: UUID | None) -> bool:
        """Say whether a role or a grant reaches the object now; policies have not been asked."""
        return self.everything or organisation_id in self.organisation_ids or object_id in self.object_ids

    def allows(self, object_id: UUID | None, organisation_id: UUID | None, thing: Feature | None = None) -> bool:
        """Say whether the object, owned by that organisation, may be reached now.

        ``thing`` is the object as it is published. Policies ask for it; without it they refuse what they cannot know.
        """
        held = self.everything or organisation_id in self.organisation_ids or object_id in self.object_ids
        return self.policies.allow(_owner(thing, organisation_id), thing, held=held) if self.policies else held

    def allows_at(
        self, object_id: UUID | None, organisation_id: UUID | None, at: datetime, thing: Feature | None = None
    ) -> bool:
        """Say whether what was true of the object at the instant may be read."""
        held = any(window.contains(at) for window in self._held_windows(object_id, organisation_id))
        return self.policies.allow(_owner(thing, organisation_id), thing, held=held, at=at) if self.policies else held

    def windows(self, object_id: UUID | None, organisation_id: UUID | None, thing: Feature | None = None) -> Windows:
        """Return the periods of the object's past that may be read; none is empty."""
        held = self._held_windows(object_id, organisation_id)
        if not self.policies:
            return held
        owner = _owner(thing, organisation_id)
        windows = merged((*held, *self.policies.windows(owner, thing)))
        return windows if self.policies.allow(owner, thing, held=bool(windows)) else ()

    def obligations(
        self, object_id: UUID | None, organisation_id: UUID | None, thing: Feature | None = None
    ) -> Obligations:
        """Return what is to be kept of an object that may be seen."""
        if not self.policies:
            return FREE
        held = bool(self._held_windows(object_id, organisation_id))
        return self.policies.obligations(_owner(thing, organisation_id), thing, held=held)

    def might_reach(self, organisation_id: UUID | None) -> bool:
        """Say whether something that the organisation is about to own could be reached; its image decides later."""
        held = self.everything or organisation_id in self.organisation_ids
        return self.policies.might_allow(organisation_id, held=held) if self.policies else held

    def is_current(self, version: int, at: datetime) -> bool:
        """Say whether the snapshot still stands at this access version and instant."""
        return self.version == version and (self.expires_at is None or at < self.expires_at)

    def is_empty(self) -> bool:
        """Say whether nothing at all can be reached, nor could be in the past."""
        return not (
            self.everything
            or self.organisation_ids
            or self.object_ids
            or self.organisation_periods
            or self.object_periods
            or self.policies.permits
        )

    def _held_windows(self, object_id: UUID | None, organisation_id: UUID | None) -> Windows:
        if self.everything:
            return ALWAYS
        by_role = _windows(organisation_id, self.organisation_ids, self.organisation_periods)
        by_grant = _windows(object_id, self.object_ids, self.object_periods)
        return merged((*by_role, *by_grant)) if by_role and by_grant else by_role or by_grant


def merged(windows: Windows) -> Windows:
    """Return the same instants as windows in order that neither overlap nor touch."""
    found: list[TimeWindow] = []
    for window in sorted(windows, key=lambda each: (each.start is not None, each.start)):
        last = found[-1] if found else None
        if last is None or (last.end is not None and window.start is not None and window.start > last.end):
            found.append(window)
        elif last.end is not None and (window.end is None or window.end > last.end):
            found[-1] = TimeWindow(start=last.start, end=window.end)
    return tuple(found)


def covers(windows: Windows, wanted: TimeWindow) -> bool:
    """Say whether every instant of a window lies in one of these, which are in order and apart."""
    return any(
        (each.start is None or (wanted.start is not None and each.start <= wanted.start))
        and (each.end is None or (wanted.end is not None and wanted.end <= each.end))
        for each in windows
    )


def _owner(thing: Feature | None, organisation_id: UUID | None) -> UUID | None:
    """Return whose the judged object is: a part is covered by the policies over what it is a part of."""
    return organisation_id if thing is None else thing.organisation_id


def _windows(id_: UUID | None, now: frozenset[UUID], periods: Mapping[UUID, Windows]) -> Windows:
    if id_ is None:
        return ()
    return periods.get(id_) or (ALWAYS if id_ in now else ())


# The same value in the role of a decision in Python.
Predicate = Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """Whom people may sign in with, and what its word is worth here; what the operator said.

    Somebody unknown is linked to the account that ``link_claim`` names (``email`` only when it is verified), else
    made if ``creates_unknown``, else refused. What ``groups_claim`` lists makes staff (``staff_groups``) and members of
    our groups (``group_map``: theirs, ours). A sign-in by one of ``mfa_methods`` (RFC 8176) counts as two factors.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    link_claim: str = ""
    creates_unknown: bool = False
    groups_claim: str = "groups"
    staff_groups: frozenset[str] = frozenset()
    group_map: tuple[tuple[str, str], ...] = ()
    mfa_methods: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is to an identity provider: its ``issuer`` and ``subject`` name them, ``claims`` describe them."""

    issuer: str
    subject: str
    claims: Mapping[str, object]

    def text(self, claim: str) -> str:
        """Return a claim that is a text, on one line and without what cannot be shown; empty without it."""
        value = self.claims.get(claim)
        return "".join(each for each in value if each.isprintable()).strip() if isinstance(value, str) else ""

    def texts(self, claim: str) -> frozenset[str]:
        """Return a claim that is a list of texts, or one text."""
        value = self.claims.get(claim)
        values = value if isinstance(value, list) else [value]
        return frozenset(each for each in values if isinstance(each, str))

    @property
    def verified_email(self) -> str:
        """Return the e-mail address, if the provider says that it has checked it; else nothing."""
        return self.text("email") if self.claims.get("email_verified") is True else ""
