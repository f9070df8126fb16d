"""What others hand to the event log, and what it hands back."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import TextChoices

from apps.access.types import Subject
from apps.core.types import Gone, Invalid


class Change(enum.StrEnum):
    """What an event says happened to its object."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    TRANSITIONED = "transitioned"
    FOUND = "found"
    SENT = "sent"


class Cause(TextChoices):
    """Why something is sent to an endpoint."""

    EVENT = "event"
    REPLAY = "replay"
    TEST = "test"


class DeliveryState(TextChoices):
    """What has become of a delivery: ``DEAD`` after the last attempt, ``WITHHELD`` where its owner may not see it."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    WITHHELD = "withheld"


class Stop(TextChoices):
    """What has switched an endpoint off."""

    HAND = "hand", "switched off by hand"
    GONE = "gone", "answered 410 Gone"
    OWNER = "owner", "its owner or key is no more"
    FILTER = "filter", "its filter asks for what is hidden now"


class CursorGone(Gone):
    """The cursor lies before the oldest event kept, or in another epoch (410); start from a snapshot."""

    code = "cursor_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something that has just happened, before the log gives it a number. Reference data has no organisation.

    ``object`` and ``previous`` are the public representation (``rules.feature_object``) after and before.
    ``occurred_at`` is when it became true, where that is not when it was done: a timer, a late fix.
    ``also`` names what a reader must be allowed to see besides the object itself: a finding speaks of an
    asset and of a zone.
    """

    type: str
    noun: str
    object_id: UUID
    organisation_id: UUID | None
    change: Change
    object: Mapping[str, Any] | None
    previous: Mapping[str, Any] | None = None
    lifecycle: Mapping[str, Any] | None = None
    previous_organisation_id: UUID | None = None
    occurred_at: datetime | None = None
    also: Sequence[Subject] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a reader has come: it has seen every event up to and including ``offset`` of ``epoch``."""

    epoch: UUID
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote; raises ``Invalid``."""
        epoch, _, offset = text.partition(":")
        try:
            cursor = cls(epoch=UUID(epoch), offset=int(offset))
        except ValueError:
            cursor = None
        if cursor is None or not 0 <= cursor.offset < 2**63:
            raise Invalid("A cursor looks like «epoch:offset», as it was given out.", code="malformed_cursor")
        return cursor

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"
