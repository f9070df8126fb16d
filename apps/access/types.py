"""The words of access: who acts, what is protected, and what somebody may reach."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from django.db.models import Model


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
    that it may report for.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An object as access sees it, for deciding without its row (it may be deleted by now)."""

    noun: str
    id: UUID
    organisation_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one actor may do one action to, as a frozen snapshot.

    True of ``version`` until ``expires_at`` (when a period begins or ends; ``None`` is never): whoever keeps a scope
    asks ``is_current`` before using it again.
    """

    everything: bool = False
    organisation_ids: frozenset[UUID] = field(default_factory=frozenset)
    object_ids: frozenset[UUID] = field(default_factory=frozenset)
    version: int = 0
    expires_at: datetime | None = None

    def allows(self, object_id: UUID | None, organisation_id: UUID | None) -> bool:
        """Say whether the object, owned by that organisation, may be reached."""
        return self.everything or organisation_id in self.organisation_ids or object_id in self.object_ids

    def is_current(self, version: int, at: datetime) -> bool:
        """Say whether the snapshot still stands at this access version and instant."""
        return self.version == version and (self.expires_at is None or at < self.expires_at)

    def is_empty(self) -> bool:
        """Say whether nothing at all can be reached."""
        return not (self.everything or self.organisation_ids or self.object_ids)


# The same value in the role of a decision in Python.
Predicate = Scope
