"""What the log registers with access: its raw rows, for those who look after the system.

Reading events over REST or the feed needs none of this: each event is judged by the object that it speaks of. Sending
one takes ``events.send`` where that object is, and to see it.
"""

from __future__ import annotations

from apps.access.registry import register
from apps.access.types import Protected
from apps.events.models import Event


def register_nouns() -> None:
    """Register the log."""
    register(Protected(noun="events", model=Event, actions=("view", "send"), instant="occurred_at"))
