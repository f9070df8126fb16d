"""What a request may not ask about, and what its answer keeps back, because a policy hides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.request import Request

from apps.access.api.authentication import actor_of
from apps.access.queries import hidden_fields, kept_back
from apps.access.types import Actor
from apps.filters.types import FilterError


def hidden_from(asker: object, noun: str) -> frozenset[str]:
    """Return the fields of a noun that the sender of a request, or an actor, may not ask about."""
    actor = asker if isinstance(asker, Actor) else actor_of(asker) if isinstance(asker, Request) else None
    return frozenset() if actor is None else hidden_fields(actor, noun)


def require_askable(request: Request, noun: str, asked: Mapping[str, Sequence[str]]) -> None:
    """Raise ``FilterError`` for a parameter of a list that would tell of a hidden field, as for one that is not there.

    ``asked`` are the fields that each parameter asks about.
    """
    present = {name: fields for name, fields in asked.items() if name in request.query_params}
    hidden = hidden_fields(actor_of(request), noun) if present else frozenset()
    for name, fields in present.items():
        if not hidden.isdisjoint(fields) or any(each.partition(".")[0] in fields for each in hidden):
            raise FilterError(
                f"There is no property to ask for by {name}.", code="unknown_property", pointer=f"?{name}"
            )


def shown(request: Request, action: str, body: Any, *, noun: str = "") -> Any:
    """Return one body without what is to be kept back."""
    return kept_back(actor_of(request), action, [body], noun=noun)[0]


def all_shown(request: Request, action: str, bodies: Sequence[Any], *, noun: str = "") -> list[Any]:
    """Return the bodies of a page without what is to be kept back."""
    return kept_back(actor_of(request), action, bodies, noun=noun)
