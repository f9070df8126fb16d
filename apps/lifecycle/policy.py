"""What lifecycles register with access: history, timers and effects, for those who look after the system.

The history of one object is shown with the object, to whoever may see that.
"""

from __future__ import annotations

from apps.access.registry import register
from apps.access.types import Protected
from apps.lifecycle.models import DefinitionVersion, Effect, Timer, Transition


def register_nouns() -> None:
    """Register definitions, which belong to nobody; and history, timers and effects, which superusers alone see raw."""
    register(
        Protected(
            noun="lifecycles",
            model=DefinitionVersion,
            actions=("view", "add", "change", "delete", "publish", "migrate"),
            organisation=None,
        )
    )
    register(Protected(noun="transitions", model=Transition, actions=("view",), organisation="pk"))
    register(Protected(noun="timers", model=Timer, actions=("view",), organisation="pk"))
    register(Protected(noun="effects", model=Effect, actions=("view", "retry"), organisation="pk"))
