"""What somebody may see of objects only in part: which fields, and what of a row or a body is kept back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import orjson
from django.db.models import Model, QuerySet

from apps.access.judging import FREE, Obligations
from apps.access.queries.doors import published_by_id, reached
from apps.access.queries.scopes import scope
from apps.access.registry import judge, protected
from apps.access.types import READING, Actor, Scope
from apps.access.veils import GEOMETRY, coarsened, without

M = TypeVar("M", bound=Model)


def hidden_fields(actor: Actor, noun: str) -> frozenset[str]:
    """Return the fields of a noun that some policy may hide from the actor: nobody filters, sorts or searches by these.

    Where a place may be coarsened or late, it counts as hidden: by asking often enough, one would find out where it is.
    Of what nobody protects, nothing is hidden.
    """
    try:
        entry = protected(noun)
    except LookupError:
        return frozenset()
    found: set[str] = set()
    judging = judge(entry)
    for verb in READING & set(judging.actions):
        policies = scope(actor, f"{judging.noun}.{verb}").policies
        found |= policies.hideable()
        if policies.coarsens or policies.delays:
            found |= {GEOMETRY, *([entry.place] if entry.place else [])}
        if policies.delays and entry.judged_as:
            found |= set(entry.fields)
    return frozenset(found)


def is_limited(actor: Actor, action: str) -> bool:
    """Say whether anything that the actor may do the action to may have to be shown in part."""
    return scope(actor, action).policies.obliges


def visible_in_full(queryset: QuerySet[M], actor: Actor, action: str) -> QuerySet[M]:
    """Return the rows that the actor may do the action to, none where any of them may have to be shown in part.

    For overviews, which show what they like of a row.
    """
    reach = scope(actor, action)
    return queryset.none() if reach.policies.obliges else reached(queryset, reach, action)


def owed_by_id(reach: Scope, noun: str, owners: Mapping[UUID, UUID | None]) -> dict[UUID, Obligations]:
    """Return what is to be kept of each object, given with whose it is; one statement, none where there is no limit."""
    if not reach.policies.obliges:
        return {}
    things = published_by_id(noun, owners)
    return {id_: reach.obligations(id_, owner, things.get(id_)) for id_, owner in owners.items()}


def kept_back(actor: Actor, action: str, bodies: Sequence[Any], *, noun: str = "") -> list[Any]:
    """Return bodies (mappings with ``id`` and ``organisation_id``, or JSON of such) without what is to be kept."""
    reach = scope(actor, action)
    if not reach.policies.obliges:
        return list(bodies)
    entry = protected(noun or action.partition(".")[0])
    plain = [orjson.loads(orjson.dumps(body, default=str)) for body in bodies]
    owners = {UUID(body["id"]): _uuid(body.get("organisation_id")) for body in plain}
    owed = owed_by_id(reach, entry.noun, owners)
    return [veiled_body(body, owed.get(UUID(body["id"]), FREE), place=entry.place) for body in plain]


def veiled_body(body: Mapping[str, Any], owed: Obligations, *, place: str | None = None) -> dict[str, Any]:
    """Return what REST says of an object, without what is to be kept: hidden keys are absent."""
    hidden = owed.hidden | ({place} if place and GEOMETRY in owed.hidden else frozenset())
    kept = without(body, hidden)
    if isinstance(kept.get("properties"), Mapping):
        kept["properties"] = without(kept["properties"], owed.hidden)
    for name in (GEOMETRY, place):
        if name and isinstance(kept.get(name), Mapping):
            kept[name] = coarsened(kept[name], owed.coarsen_m)
    return kept


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
