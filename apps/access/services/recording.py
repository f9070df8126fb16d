"""Says who changes what somebody may do: the database writes each change down beside it (``apps.access.triggers``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar, cast

from django.db import connection, transaction

from apps.access.types import Actor

P = ParamSpec("P")
R = TypeVar("R")
# Until the transaction ends.
SAY_WHO: Final = "SELECT set_config('watchfloor.actor_id', %s, true), set_config('watchfloor.actor_label', %s, true)"


def recorded(service: Callable[P, R]) -> Callable[P, R]:
    """Run a service, which takes its ``actor`` by name, in a transaction that knows who it is."""

    @wraps(service)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        actor = cast("Actor", kwargs["actor"])
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(SAY_WHO, [str(actor.user_id or ""), actor.label[:200]])
            return service(*args, **kwargs)

    return call
