"""Reading the log and what is sent out of it: where it stands, what comes next, and which of it somebody may see."""

from __future__ import annotations

from apps.events.queries.log import (
    EventPage,
    Reader,
    RelayLag,
    earliest,
    events_after,
    events_at,
    events_between,
    events_for,
    head,
    images_before,
    is_numbered,
    is_part,
    newest_unnumbered,
    of_types,
    offset_before,
    relay_lag,
    require_resumable,
    visible_page,
)
from apps.events.queries.webhooks import dead_letters, may_command, owner_of, secrets_of

__all__ = [
    "EventPage",
    "Reader",
    "RelayLag",
    "dead_letters",
    "earliest",
    "events_after",
    "events_at",
    "events_between",
    "events_for",
    "head",
    "images_before",
    "is_numbered",
    "is_part",
    "may_command",
    "newest_unnumbered",
    "of_types",
    "offset_before",
    "owner_of",
    "relay_lag",
    "require_resumable",
    "secrets_of",
    "visible_page",
]
