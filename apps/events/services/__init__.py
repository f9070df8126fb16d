"""Everything that writes the log: publishing, numbering, forgetting, and taking in what others say."""

from __future__ import annotations

from apps.events.services.log import (
    EVENTS_DOORBELL,
    RELAY_DOORBELL,
    begin_epoch,
    forget_before,
    forget_old,
    is_pending,
    number_pending,
    publish,
    relay,
)
from apps.events.services.receiving import Received, receive_events

__all__ = [
    "EVENTS_DOORBELL",
    "RELAY_DOORBELL",
    "Received",
    "begin_epoch",
    "forget_before",
    "forget_old",
    "is_pending",
    "number_pending",
    "publish",
    "receive_events",
    "relay",
]
