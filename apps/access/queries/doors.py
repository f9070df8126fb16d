"""The decision, in three forms that agree: about one object, as SQL, and as a Python predicate."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from apps.access.queries.standing import REPORT, Standing, access_version, granted_ids, standing_of
from apps.access.registry import judge, protected, protected_model
from apps.access.types import Actor, ActorKind, Predicate, Protected, Scope, Subject
from apps.core.types import NotAllowed, NotFound

M = TypeVar("M", bound=Model)


def scope(actor: Actor, action: str) -> Scope:
    """Return everything that the actor may do the action to, such as ``assets.view``; a frozen snapshot."""
    entry, verb = _entry_of(action)
    if actor.kind is ActorKind.SYSTEM:
        return Scope(everything=True, version=access_version())
    if actor.kind is ActorKind.ANONYMOUS:
        return Scope(version=access_version())
    standing = standing_of(actor)
    if not standing.is_active or not _in_scopes(actor, action):
        return Scope(version=standing.version, expires_at=standing.expires_at)
    if actor.kind is ActorKind.DEVICE:
        return _scope_of_device(actor, verb, standing)
    return _scope_of_user(entry, verb, standing)


def predicate(actor: Actor, action: str) -> Predicate:
    """Return the decision as a set lookup: ``predicate.allows(object_id, organisation_id)``.

    For whoever decides about many objects, or keeps deciding; see ``Scope.is_current`` before using it again.
    """
    return scope(actor, action)


def visible(queryset: QuerySet[M], actor: Actor, action: str) -> QuerySet[M]:
    """Return only the rows of a registered model that the actor may do the action to.

    The condition is two index lookups, ``owner = ANY(...) OR object = ANY(...)``, with ids that were read once.
    """
    entry = protected_model(queryset.model)
    _require_judged_by(entry, action)
    reach = scope(actor, action)
    if reach.everything:
        return queryset
    condition = Q()
    if reach.organisation_ids and entry.organisation is not None:
        condition |= Q(**{f"{entry.organisation}__in": reach.organisation_ids})
    if reach.object_ids:
        condition |= Q(**{f"{entry.object_path}__in": reach.object_ids})
    return queryset.filter(condition) if condition else queryset.none()


def visible_row(queryset: QuerySet[M], pk: UUID, actor: Actor, action: str) -> M:
    """Return one row by its key; raises ``NotFound`` when it does not exist or may not be seen."""
    row = visible(queryset, actor, action).filter(pk=pk).first()
    if row is None:
        raise NotFound("There is no such thing, or you may not see it.")
    return row


def authorize(actor: Actor, action: str, thing: Model | Subject) -> None:
    """Return when the actor may do the action to the object.

    Raises ``NotFound`` when it may not even see it, ``NotAllowed`` when it sees it but may not do this.
    """
    subject = subject_of(thing)
    if scope(actor, action).allows(subject.id, subject.organisation_id):
        return
    noun = action.partition(".")[0]
    if scope(actor, f"{noun}.view").allows(subject.id, subject.organisation_id):
        raise NotAllowed("You may see this but not do that to it.", details={"action": action})
    raise NotFound("There is no such thing, or you may not see it.")


def authorize_in(actor: Actor, action: str, organisation_id: UUID | None) -> None:
    """Return when the actor may do the action in the organisation, as when making something there.

    ``None`` is for what belongs to no organisation. Raises ``NotFound`` when nothing of that organisation can be
    seen, ``NotAllowed`` otherwise.
    """
    if scope(actor, action).allows(None, organisation_id):
        return
    if organisation_id is None or scope(actor, "organisations.view").allows(organisation_id, organisation_id):
        raise NotAllowed("You may not do this there.", details={"action": action})
    raise NotFound("There is no such organisation, or you may not see it.")


def allowed_actions(actor: Actor, thing: Model | Subject) -> frozenset[str]:
    """Return every action that the actor may do to the object now, such as ``{"assets.view"}``."""
    subject = subject_of(thing)
    entry = judge(protected(subject.noun))
    actions = (f"{entry.noun}.{verb}" for verb in entry.actions)
    return frozenset(each for each in actions if scope(actor, each).allows(subject.id, subject.organisation_id))


def subject_of(thing: Model | Subject) -> Subject:
    """Return an object as access sees it, judged as whatever it is judged as."""
    if isinstance(thing, Subject):
        return thing
    entry = protected_model(type(thing))
    owner = _follow(thing, entry.organisation) if entry.organisation is not None else None
    object_id = _follow(thing, entry.object_path)
    return Subject(noun=judge(entry).noun, id=object_id, organisation_id=owner)


def _entry_of(action: str) -> tuple[Protected, str]:
    noun, _, verb = action.partition(".")
    entry = protected(noun)
    if verb not in entry.actions:
        raise LookupError(f"{action} is not an action that anybody registered.")
    return entry, verb


def _require_judged_by(entry: Protected, action: str) -> None:
    judging = judge(entry).noun
    if action.partition(".")[0] != judging:
        raise LookupError(f"{entry.noun} are judged by actions of {judging}, not by {action}.")


def _in_scopes(actor: Actor, action: str) -> bool:
    return actor.scopes is None or action in actor.scopes


def _scope_of_device(actor: Actor, verb: str, standing: Standing) -> Scope:
    if verb != REPORT:
        return Scope(version=standing.version, expires_at=standing.expires_at)
    if actor.asset_id is not None:
        only = frozenset({actor.asset_id})
        return Scope(object_ids=only, version=standing.version, expires_at=standing.expires_at)
    below = standing.organisations.get(REPORT, frozenset())
    return Scope(organisation_ids=below, version=standing.version, expires_at=standing.expires_at)


def _scope_of_user(entry: Protected, verb: str, standing: Standing) -> Scope:
    action = f"{entry.noun}.{verb}"
    if standing.is_superuser:
        return Scope(everything=True, version=standing.version, expires_at=standing.expires_at)
    if entry.organisation is None:
        # Reference data: whoever is signed in reads it; who holds the action at the top of a tree changes it.
        everything = verb == "view" or action in standing.at_root
        return Scope(everything=everything, version=standing.version, expires_at=standing.expires_at)
    return Scope(
        organisation_ids=standing.organisations.get(action, frozenset()),
        object_ids=granted_ids(standing, entry, verb),
        version=standing.version,
        expires_at=standing.expires_at,
    )


def _follow(thing: Model, path: str) -> UUID:
    value: object = thing
    for name in path.split("__"):
        value = getattr(value, name)
    return value  # type: ignore[return-value]  # lookups of a Protected lead to uuids
