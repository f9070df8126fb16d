"""What lifecycles register with access: history and timers, for those who look after the system.

The history of one object is shown with the object, to whoever may see that.
"""

from __future__ import annotations

from apps.access.registry import register
from apps.access.types import Protected
from apps.lifecycle.models import Timer, Transition


def register_nouns() -> None:
    """Register history and timers; neither belongs to an organisation, so only a superuser sees them raw."""
    register(Protected(noun="transitions", model=Transition, actions=("view",), organisation="pk"))
    register(Protected(noun="timers", model=Timer, actions=("view",), organisation="pk"))
