"""Explain: may this person do this to this object, and why; asked about oneself, or about whom one administers.

The verdict is what the doors say. The reasons are read beside it, and a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, UUIDField

from apps.access.judging import FREE, Obligations
from apps.access.models import User
from apps.access.queries.doors import (
    permits,
    published_by_id,
    subject_of,
    visible_row,
)
from apps.access.queries.holdings import holds
from apps.access.queries.people import actor_of_user
from apps.access.queries.reasons import (
    Case,
    Kind,
    Reason,
    held_reasons,
    judged_reasons,
    masked_for,
    policy_reasons,
    standing_reasons,
)
from apps.access.queries.scopes import entry_of, in_scopes, scope
from apps.access.queries.standing import standing_of
from apps.access.registry import judge, protected, protected_model
from apps.access.types import READING, Actor, ActorKind, Channel, Protected, Scope
from apps.core.types import FieldError, Invalid, NotAllowed, NotFound

SELF_ONLY: Final = "You may ask about yourself, and about people whom you administer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May a user (oneself without ``user_id``) do the action to the object?

    ``instant`` asks about the past: may they read what was true of the object then? ``channel`` is by which door they
    come, without it the one that the asker came by.
    """

    action: str
    noun: str
    object_id: UUID
    user_id: UUID | None = None
    channel: Channel | None = None
    instant: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer, with everything that bears on it, and what is kept back of what may be seen."""

    question: Question
    user_id: UUID
    label: str
    channel: Channel
    at: datetime
    allowed: bool
    reasons: tuple[Reason, ...]
    obligations: Obligations = FREE


def explain(question: Question, *, asker: Actor, at: datetime) -> Explanation:
    """Return whether, and why.

    Raises ``NotFound`` for a person or an object that the asker may not see, ``NotAllowed`` about somebody whom they
    do not administer, ``Invalid`` for an action that nobody registered, or one that has no past.
    """
    row = asked_object(question.noun, question.object_id, question.action, asker=asker)
    actor, user = _whom(question, asker)
    actor = replace(actor, channel=question.channel or actor.channel or Channel.REST)
    case, reach = _case_of(question, row, at), scope(actor, question.action)
    allowed = verdict(case, reach)
    reasons = judged_reasons(_reasons(case, reach, actor, user))
    own = {user.pk} if user.pk == asker.user_id else set()
    return Explanation(
        question=question,
        user_id=user.pk,
        label=user.label,
        channel=actor.channel or Channel.REST,
        at=question.instant or at,
        allowed=allowed,
        reasons=tuple(masked_for(asker, case, reasons, own=own)),
        obligations=_obligations(case, reach) if allowed else FREE,
    )


def asked_object(noun: str, object_id: UUID, action: str, *, asker: Actor) -> Model:
    """Return the object that is asked about, which the asker sees.

    Raises ``NotFound``, or ``Invalid`` for an action that is none of the noun's.
    """
    entry = _noun(noun)
    judging = judge(entry).noun
    try:
        about, _ = entry_of(action)
    except LookupError:
        raise _wrong_action(f"There is no {action[:64]}.") from None
    if about.noun != judging:
        raise _wrong_action(f"{noun} are judged by actions of {judging}.")
    return visible_row(entry.model._default_manager.all(), object_id, asker, f"{judging}.view")


def administers(asker: Actor, user: User) -> bool:
    """Say whether the asker administers a user: may change them, or hands out roles in their organisation."""
    if permits(asker, "users.change", user):
        return True
    return user.organisation_id is not None and holds(asker, ["assignments.add"], [user.organisation_id])


def asked_user(user_id: UUID, *, asker: Actor) -> User:
    """Return a user about whom the asker may ask; raises ``NotFound`` or ``NotAllowed``."""
    user = visible_row(User.objects.all(), user_id, asker, "users.view")
    if user.pk != asker.user_id and not administers(asker, user):
        raise NotAllowed(SELF_ONLY)
    return user


def case_of(action: str, row: Model, at: datetime, instant: datetime | None = None) -> Case:
    """Return a row as a case; ``instant`` asks about its past."""
    subject = subject_of(row)
    entry = protected_model(type(row))
    instants, is_history = _instants(action, entry, row, at, instant)
    return Case(
        action=action,
        subject=subject,
        judged=published_by_id(subject.noun, [subject.id]).get(subject.id),
        instants=instants,
        now=at,
        is_history=is_history,
    )


def verdict(case: Case, reach: Scope) -> bool:
    """Say whether a scope reaches the object of a case, as ``decides`` does about its row; no statement."""
    about = case.subject.id, case.subject.organisation_id
    if not case.is_history:
        return reach.allows(*about, case.judged)
    goes_on = case.now in case.instants[1:] and reach.allows(*about, case.judged)
    return goes_on or reach.allows_at(*about, case.instants[0], case.judged)


def _noun(noun: str) -> Protected:
    try:
        entry = protected(noun)
    except LookupError:
        raise NotFound("There is no such noun.") from None
    if not isinstance(entry.model._meta.pk, UUIDField) or "view" not in judge(entry).actions:
        raise NotFound("Nobody is asked about one of these.")
    return entry


def _wrong_action(detail: str) -> Invalid:
    error = FieldError(pointer="/action", code="unknown_action", detail=detail)
    return Invalid("There is no such action.", errors=[error])


def _whom(question: Question, asker: Actor) -> tuple[Actor, User]:
    user_id = question.user_id or asker.user_id
    if user_id is None:
        raise NotFound("Nobody is signed in.")
    if user_id == asker.user_id:
        return asker, User.objects.get(pk=user_id)
    user = asked_user(user_id, asker=asker)
    return actor_of_user(user), user


def _case_of(question: Question, row: Model, at: datetime) -> Case:
    verb = question.action.partition(".")[2]
    if question.instant is not None and verb not in READING:
        error = FieldError(pointer="/at", code="no_past", detail="Only what reads reaches into the past.")
        raise Invalid("This action has no past.", errors=[error])
    return case_of(question.action, row, at, question.instant)


def _instants(
    action: str, entry: Protected, row: Model, at: datetime, instant: datetime | None
) -> tuple[tuple[datetime, ...], bool]:
    if instant is not None:
        return (instant,), True
    if entry.instant is None or action.partition(".")[2] not in READING:
        return (at,), False
    then: datetime = _follow(row, entry.instant)
    return ((then, at) if _goes_on(entry, row) else (then,)), True


def _goes_on(entry: Protected, row: Model) -> bool:
    return entry.while_in is not None and _follow(row, entry.while_in[0]) in entry.while_in[1]


def _follow(row: object, path: str) -> Any:
    return reduce(getattr, path.split("__"), row)


def _reasons(case: Case, reach: Scope, actor: Actor, user: User) -> Iterator[Reason]:
    yield from _refusals(case, actor, user)
    yield from standing_reasons(case, user)
    groups = list(user.groups.values_list("pk", flat=True))
    yield from (replace(each, user_id=user.pk) for each in held_reasons(case, [user.pk], groups))
    yield from policy_reasons(case, reach.policies)


def _refusals(case: Case, actor: Actor, user: User) -> Iterator[Reason]:
    if actor.kind is ActorKind.ANONYMOUS or not user.is_active or not standing_of(actor).is_active:
        yield Reason(kind=Kind.INACTIVE, name="an account, a key or a token that is good no more")
    elif not in_scopes(actor, case.action):
        yield Reason(kind=Kind.KEY, name=f"{case.action} is not among the scopes", id=actor.key_id)


def _obligations(case: Case, reach: Scope) -> Obligations:
    return reach.obligations(case.subject.id, case.subject.organisation_id, case.judged)
