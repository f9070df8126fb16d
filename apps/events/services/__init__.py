"""Everything that writes the log, takes in what others say, and owes and settles webhooks."""

from __future__ import annotations

from apps.events.services.copying import copy_events
from apps.events.services.delivering import forget_deliveries
from apps.events.services.endpoints import create_endpoint, delete_endpoint, rotate_secret, update_endpoint
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
from apps.events.services.owing import owe_events, replay_delivery, replay_range, test_endpoint
from apps.events.services.receiving import Received, receive_events

__all__ = [
    "EVENTS_DOORBELL",
    "RELAY_DOORBELL",
    "Received",
    "begin_epoch",
    "copy_events",
    "create_endpoint",
    "delete_endpoint",
    "forget_before",
    "forget_deliveries",
    "forget_old",
    "is_pending",
    "number_pending",
    "owe_events",
    "publish",
    "receive_events",
    "relay",
    "replay_delivery",
    "replay_range",
    "rotate_secret",
    "test_endpoint",
    "update_endpoint",
]
