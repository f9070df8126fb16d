"""The log, and what is sent out of it."""

from __future__ import annotations

from apps.events.models.log import Epoch, Event, StreamCursor
from apps.events.models.webhooks import Attempt, Delivery, Endpoint

__all__ = ["Attempt", "Delivery", "Endpoint", "Epoch", "Event", "StreamCursor"]
