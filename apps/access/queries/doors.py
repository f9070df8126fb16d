"""The decision, in three forms that agree: about one object, as SQL, and as a Python predicate."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from apps.access.queries.conditions import condition_of, in_windows
from apps.access.queries.standing import NOTHING, REPORT, Standing, access_version, granted, standing_of
from apps.access.registry import judge, protected, protected_model
from apps.access.types import ALWAYS, READING, Actor, ActorKind, Predicate, Protected, Scope, Subject, Windows
from apps.core.types import Feature, NotAllowed, NotFound

M = TypeVar("M", bound=Model)


def scope(actor: Actor, action: str, *, with_periods: bool | None = None) -> Scope:
    """Return everything that the actor may do the action to, such as ``assets.view``; a frozen snapshot.

    Periods are told of actions that read, for only these reach into the past, unless ``with_periods`` asks for them.
    """
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
    return _scope_of_user(entry, verb, standing, with_periods=verb in READING if with_periods is None else with_periods)


def predicate(actor: Actor, action: str) -> Predicate:
    """Return the decision as a set lookup: ``predicate.allows(object_id, organisation_id)``.

    For whoever decides about many objects, or keeps deciding; see ``Scope.is_current`` before using it again.
    """
    return scope(actor, action)


def visible(queryset: QuerySet[M], actor: Actor, action: str) -> QuerySet[M]:
    """Return only the rows of a registered model that the actor may do the action to.

    A row of history (``Protected.instant``) is compared with the periods of one's rights.
    """
    entry = protected_model(queryset.model)
    _require_judged_by(entry, action)
    reach = scope(actor, action)
    if reach.is_empty():
        return queryset.none()
    condition = condition_of(reach, entry, reads=_reads(action))
    return queryset if condition is None else queryset.filter(condition)


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
    if permits(actor, action, thing):
        return
    noun = action.partition(".")[0]
    if permits(actor, f"{noun}.view", thing):
        raise NotAllowed("You may see this but not do that to it.", details={"action": action})
    raise NotFound("There is no such thing, or you may not see it.")


def permits(actor: Actor, action: str, thing: Model | Subject) -> bool:
    """Say whether the actor may do the action to the object; what is no row has no past."""
    return decides(scope(actor, action), thing, reads=_reads(action))


def decides(reach: Scope, thing: Model | Subject, *, reads: bool) -> bool:
    """Say whether a scope reaches the object, as ``visible`` decides about its row; ``reads`` reaches into the past."""
    subject = subject_of(thing)
    entry = None if isinstance(thing, Subject) else protected_model(type(thing))
    if isinstance(thing, Subject) or entry is None or entry.instant is None or not reads:
        return reach.allows(subject.id, subject.organisation_id)
    return _goes_on_now(reach, entry, subject, thing) or reach.allows_at(
        subject.id, subject.organisation_id, _follow(thing, entry.instant)
    )


def shows(reach: Scope, noun: str, feature: Feature) -> bool:
    """Say whether a scope of an action that reads reaches an object, given as it is published, as ``visible`` would."""
    entry = protected(noun)
    if entry.instant is None:
        return reach.allows(feature.id, feature.organisation_id)
    if entry.while_in is not None and reach.allows(feature.id, feature.organisation_id):
        name, values = entry.while_in
        if feature.properties.get(name) in values:
            return True
    at = feature.properties.get(entry.instant)
    return isinstance(at, str) and reach.allows_at(feature.id, feature.organisation_id, datetime.fromisoformat(at))


def readable_windows(actor: Actor, action: str, thing: Model | Subject) -> Windows:
    """Return the periods of an object's past that the actor may read; raises ``NotFound`` when there is none."""
    subject = subject_of(thing)
    windows = scope(actor, action).windows(subject.id, subject.organisation_id)
    if not windows:
        authorize(actor, action, subject)
    return windows


def parts_of(parts: QuerySet[M], whole: Model, actor: Actor, action: str, *, instant: str) -> QuerySet[M]:
    """Return what somebody who may see a whole may see of its parts, such as the comments on an incident.

    Parts are history, judged by their own ``instant`` (a lookup); of what is going on, whoever holds a right to it
    now sees all of them.
    """
    entry, subject, reach = protected_model(type(whole)), subject_of(whole), scope(actor, action)
    windows = reach.windows(subject.id, subject.organisation_id)
    if windows == ALWAYS or _goes_on_now(reach, entry, subject, whole):
        return parts
    return parts.filter(in_windows(instant, windows))


def _goes_on_now(reach: Scope, entry: Protected, subject: Subject, thing: Model) -> bool:
    if entry.while_in is None or not reach.allows(subject.id, subject.organisation_id):
        return False
    lookup, values = entry.while_in
    return _follow(thing, lookup) in values


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
    return frozenset(each for each in actions if permits(actor, each, thing))


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


def _reads(action: str) -> bool:
    return action.partition(".")[2] in READING


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


def _scope_of_user(entry: Protected, verb: str, standing: Standing, *, with_periods: bool) -> Scope:
    action = f"{entry.noun}.{verb}"
    if standing.is_superuser:
        return Scope(everything=True, version=standing.version, expires_at=standing.expires_at)
    if entry.organisation is None:
        # Reference data: whoever is signed in reads it; who holds the action at the top of a tree changes it.
        everything = verb == "view" or action in standing.at_root
        return Scope(everything=everything, version=standing.version, expires_at=standing.expires_at)
    objects = granted(standing, entry, verb) if entry.grants or entry.owner else NOTHING
    return Scope(
        organisation_ids=standing.organisations.get(action, frozenset()),
        object_ids=objects.now,
        organisation_periods=standing.periods.get(action, {}) if with_periods else {},
        object_periods=objects.periods if with_periods else {},
        version=standing.version,
        expires_at=standing.expires_at,
    )


def _follow(thing: object, path: str) -> Any:
    value = thing
    for name in path.split("__"):
        value = getattr(value, name)
    return value
