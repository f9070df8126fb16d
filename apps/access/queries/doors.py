"""The decision, in three forms that agree: about one object, as SQL, and as a Python predicate."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from apps.access.judging import Obligations
from apps.access.queries.conditions import branches_of, condition_of, in_windows, is_granted_only, refusals_of
from apps.access.queries.scopes import scope
from apps.access.registry import judge, protected, protected_model
from apps.access.types import ALWAYS, READING, Actor, Predicate, Protected, Scope, Subject, Windows
from apps.core.branches import of_any, of_known
from apps.core.types import Feature, NotAllowed, NotFound

M = TypeVar("M", bound=Model)


def predicate(actor: Actor, action: str) -> Predicate:
    """Return the decision in Python: ``predicate.allows(object_id, organisation_id, feature)``.

    A set lookup where no policy counts for the action. For whoever decides about many objects, or keeps deciding; see
    ``Scope.is_current`` before using it again.
    """
    return scope(actor, action)


def visible(queryset: QuerySet[M], actor: Actor, action: str) -> QuerySet[M]:
    """Return only the rows of a registered model that the actor may do the action to.

    A row of history (``Protected.instant``) is compared with the periods of one's rights.
    """
    return reached(queryset, scope(actor, action), action)


def reached(queryset: QuerySet[M], reach: Scope, action: str) -> QuerySet[M]:
    """Return the rows that a scope of the action reaches, for whoever has one already."""
    entry = protected_model(queryset.model)
    _require_judged_by(entry, action)
    if reach.is_empty():
        return queryset.none()
    condition = condition_of(reach, entry, reads=_reads(action))
    if condition is None:
        return queryset
    branches = branches_of(reach, entry)
    if not branches and is_granted_only(reach, entry):
        return of_known(queryset, condition, len(reach.object_ids))
    if not branches:
        return queryset.filter(condition)
    refusals = refusals_of(reach, entry)
    return of_any(queryset if refusals is None else queryset.filter(refusals), branches)


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
    """Say whether a scope reaches the object, as ``visible`` decides about its row; ``reads`` reaches into the past.

    A row is judged as it stands in memory, so a service may ask about what it is about to save.
    """
    subject = subject_of(thing)
    judged = judged_as_published(thing, reach)
    entry = None if isinstance(thing, Subject) else protected_model(type(thing))
    if isinstance(thing, Subject) or entry is None or entry.instant is None or not reads:
        return reach.allows(subject.id, subject.organisation_id, judged)
    return _goes_on_now(reach, entry, subject, thing, judged) or reach.allows_at(
        subject.id, subject.organisation_id, _follow(thing, entry.instant), judged
    )


def shows(reach: Scope, noun: str, feature: Feature, judged: Feature | None = None) -> bool:
    """Say whether a scope of an action that reads reaches an object, given as it is published, as ``visible`` would.

    ``judged`` is what a part is judged as (the asset of a position); policies ask for it.
    """
    entry = protected(noun)
    about = judged if entry.judged_as else feature
    if entry.instant is None:
        return reach.allows(feature.id, feature.organisation_id, about)
    if entry.while_in is not None and reach.allows(feature.id, feature.organisation_id, about):
        name, values = entry.while_in
        if feature.properties.get(name) in values:
            return True
    at = feature.properties.get(entry.instant)
    if not isinstance(at, str):
        return False
    return reach.allows_at(feature.id, feature.organisation_id, datetime.fromisoformat(at), about)


def owed_for(reach: Scope, noun: str, feature: Feature, judged: Feature | None = None) -> Obligations:
    """Return what is to be kept of an object that a scope shows."""
    about = judged if protected(noun).judged_as else feature
    return reach.obligations(feature.id, feature.organisation_id, about)


def judged_as_published(thing: Model | Subject, reach: Scope) -> Feature | None:
    """Return the object that policies judge, as it is published; ``None`` where there is none, or no policy.

    A row of the judging noun is taken as it is; of a part or a mere subject the row is read, one statement.
    """
    if not reach.policies:
        return None
    subject = subject_of(thing)
    entry = judge(protected(subject.noun))
    if entry.feature is None:
        return None
    if isinstance(thing, entry.model):
        return entry.feature(thing)
    row = entry.model._default_manager.filter(pk=subject.id).first()
    return None if row is None else entry.feature(row)


def published_by_id(noun: str, ids: Iterable[UUID]) -> dict[UUID, Feature]:
    """Return objects as they are published now, by id, for whoever judges many; those that are gone are absent."""
    entry = judge(protected(noun))
    if entry.feature is None:
        return {}
    return {row.pk: entry.feature(row) for row in entry.model._default_manager.filter(pk__in=list(ids))}


def readable_windows(actor: Actor, action: str, thing: Model | Subject) -> Windows:
    """Return the periods of an object's past that the actor may read; raises ``NotFound`` when there is none."""
    subject, reach = subject_of(thing), scope(actor, action)
    windows = reach.windows(subject.id, subject.organisation_id, judged_as_published(thing, reach))
    if not windows:
        authorize(actor, action, subject)
    return windows


def parts_of(parts: QuerySet[M], whole: Model, actor: Actor, action: str, *, instant: str) -> QuerySet[M]:
    """Return what somebody who may see a whole may see of its parts, such as the comments on an incident.

    Parts are history, judged by their own ``instant`` (a lookup); of what is going on, whoever holds a right to it
    now sees all of them.
    """
    entry, subject, reach = protected_model(type(whole)), subject_of(whole), scope(actor, action)
    judged = judged_as_published(whole, reach)
    windows = reach.windows(subject.id, subject.organisation_id, judged)
    if windows == ALWAYS or _goes_on_now(reach, entry, subject, whole, judged):
        return parts
    return parts.filter(in_windows(instant, windows))


def _goes_on_now(reach: Scope, entry: Protected, subject: Subject, thing: Model, judged: Feature | None) -> bool:
    if entry.while_in is None or not reach.allows(subject.id, subject.organisation_id, judged):
        return False
    lookup, values = entry.while_in
    return _follow(thing, lookup) in values


def authorize_in(actor: Actor, action: str, organisation_id: UUID | None) -> None:
    """Return when the actor may do the action in the organisation, as when making something there.

    ``None`` is for what belongs to no organisation. Raises ``NotFound`` when nothing of that organisation can be
    seen, ``NotAllowed`` otherwise. What policies say of the new object is asked when there is one: ``authorize_image``.
    """
    if scope(actor, action).might_reach(organisation_id):
        return
    if organisation_id is None or scope(actor, "organisations.view").allows(organisation_id, organisation_id):
        raise NotAllowed("You may not do this there.", details={"action": action})
    raise NotFound("There is no such organisation, or you may not see it.")


def authorize_image(actor: Actor, action: str, *rows: Model) -> None:
    """Return when the actor may do the action to objects as they have just become.

    Every service asks it in its transaction, after the change: ``add`` of what it made, the action itself of what it
    changed. So nobody takes an object to where they could not have changed it, or out of the reach of their policies.
    Raises ``NotAllowed``.
    """
    reach = scope(actor, action)
    if not all(decides(reach, row, reads=False) for row in rows):
        raise NotAllowed("You may not make it what it would be.", details={"action": action})


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


def _require_judged_by(entry: Protected, action: str) -> None:
    judging = judge(entry).noun
    if action.partition(".")[0] != judging:
        raise LookupError(f"{entry.noun} are judged by actions of {judging}, not by {action}.")


def _reads(action: str) -> bool:
    return action.partition(".")[2] in READING


def _follow(thing: object, path: str) -> Any:
    value = thing
    for name in path.split("__"):
        value = getattr(value, name)
    return value
