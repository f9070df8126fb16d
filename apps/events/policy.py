"""What the log registers with access: its raw rows, for those who look after the system, and webhooks.

Reading events over REST or the feed needs none of this: each event is judged by the object that it speaks of. Sending
one takes ``events.send`` where that object is, and to see it.
"""

from __future__ import annotations

from apps.access.registry import register
from apps.access.types import Protected
from apps.events.models import Delivery, Endpoint, Event


def register_nouns() -> None:
    """Register the log and webhooks; a delivery is a part of its endpoint."""
    register(Protected(noun="events", model=Event, actions=("view", "send"), instant="occurred_at"))
    register(
        Protected(
            noun="webhooks",
            model=Endpoint,
            actions=("view", "add", "change", "delete"),
            organisation="user__organisation_id",
            owner="user_id",
            owner_actions=("view", "change", "delete"),
        )
    )
    register(
        Protected(
            noun="deliveries",
            model=Delivery,
            organisation="endpoint__user__organisation_id",
            judged_as="webhooks",
            object_path="endpoint_id",
        )
    )
