"""What lifecycles register with access: history, timers and effects, for those who look after the system.

The history of one object is shown with the object, to whoever may see that.
"""

from __future__ import annotations

from typing import Final

from apps.access.registry import register
from apps.access.types import Protected
from apps.lifecycle.models import Call, DefinitionVersion, Effect, MigrationRun, Saga, Service, Timer, Transition

# What a noun with a lifecycle offers beside its moves: to see what services were asked and answered about an object,
# which shows all that is published of it, and to try again or give up.
CALLS: Final = ("view_calls", "settle_calls")


def register_nouns() -> None:
    """Register definitions, which belong to nobody; services likewise; the rest only superusers see raw."""
    register(
        Protected(
            noun="lifecycles",
            model=DefinitionVersion,
            actions=("view", "add", "change", "delete", "publish", "migrate"),
            organisation=None,
        )
    )
    register(Protected(noun="services", model=Service, actions=("view", "add", "change", "delete"), organisation=None))
    register(Protected(noun="sagas", model=Saga, actions=("view",), organisation="pk"))
    register(Protected(noun="calls", model=Call, actions=("view", "retry"), organisation="pk"))
    register(Protected(noun="transitions", model=Transition, actions=("view",), organisation="pk"))
    register(Protected(noun="migration-runs", model=MigrationRun, actions=("view",), organisation="pk"))
    register(Protected(noun="timers", model=Timer, actions=("view", "retry"), organisation="pk"))
    register(Protected(noun="effects", model=Effect, actions=("view", "retry"), organisation="pk"))
