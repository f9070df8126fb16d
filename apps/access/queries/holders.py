"""Who: the people who may do one action to one object, and through what. A page of them, in a few statements.

Candidates are found in SQL (whoever holds a role, a grant or the object, is named by a permit, or is a superuser) and
decided in blocks, so neither people nor policies cost a statement each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from apps.access.judging import Effect
from apps.access.models import Assignment, User
from apps.access.queries.clauses import names_action
from apps.access.queries.doors import permits, subject_of, visible
from apps.access.queries.explaining import asked_object, case_of, verdict
from apps.access.queries.holdings import holds, holds_at_root
from apps.access.queries.many import Standard, people_of, standards_in_force
from apps.access.queries.reasons import (
    Reason,
    grants_on,
    held_reasons,
    judged_reasons,
    lineage_of,
    masked_for,
    policy_reasons,
    standing_reasons,
)
from apps.access.registry import protected
from apps.access.types import Actor, Channel, Protected, Scope, Subject
from apps.core.types import NotAllowed

BLOCK: Final = 200
MOST_JUDGED: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One person who may, and through what."""

    user_id: UUID
    username: str
    label: str
    is_service: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """A page of people who may, by name, of those whom the asker may see.

    ``after`` is where the next page begins, ``None`` on the last. ``others`` are how many may as well whom the asker
    may not see; ``at_least`` where not everybody was judged.
    """

    items: tuple[Holder, ...]
    after: str | None
    others: int
    at_least: bool


def who(
    action: str,
    noun: str,
    object_id: UUID,
    *,
    asker: Actor,
    at: datetime,
    channel: Channel | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Holders:
    """Return who may do the action to the object now.

    Raises ``NotFound`` for an object that the asker may not see, ``NotAllowed`` unless they may share it or see the
    assignments of its owner.
    """
    row = asked_object(noun, object_id, action, asker=asker)
    require_may_ask_who(asker, row)
    search = _Search(action, row, channel or Channel.REST, at)
    seen = visible(User.objects.all(), asker, "users.view")
    shown = seen if after is None else seen.filter(username__gt=after)
    found = list(islice(search.holders(shown.order_by("username")), limit + 1))
    others = sum(1 for _ in search.holders(_unseen(asker).order_by("pk"))) if after is None else 0
    return Holders(
        items=search.told(found[:limit], asker),
        after=found[limit - 1].username if len(found) > limit else None,
        others=others,
        at_least=search.is_cut,
    )


def may_ask_who(asker: Actor, row: Model) -> bool:
    """Say whether the asker may know who else may do what to an object that they see."""
    subject = subject_of(row)
    if "share" in protected(subject.noun).actions and permits(asker, f"{subject.noun}.share", row):
        return True
    if subject.organisation_id is None:
        return holds_at_root(asker, ["assignments.view"])
    return holds(asker, ["assignments.view"], [subject.organisation_id])


def require_may_ask_who(asker: Actor, row: Model) -> None:
    """Raise ``NotAllowed`` unless ``may_ask_who``."""
    if not may_ask_who(asker, row):
        raise NotAllowed("Who else may is told to those who may share it, or who see the roles of its owner.")


def _unseen(asker: Actor) -> QuerySet[User]:
    return User.objects.exclude(pk__in=visible(User.objects.all(), asker, "users.view").order_by().values("pk"))


class _Search:
    """Judges candidates in blocks, at most ``MOST_JUDGED`` in all."""

    def __init__(self, action: str, row: Model, channel: Channel, at: datetime) -> None:
        self._channel = channel
        self._case = case_of(action, row, at)
        self._candidates = _candidates(action, self._case.subject, standards_in_force(at))
        self._left = MOST_JUDGED
        self._found: dict[UUID, tuple[frozenset[int], Scope]] = {}

    @property
    def is_cut(self) -> bool:
        """Say whether there may be more people than were judged."""
        return self._left <= 0

    def holders(self, rows: QuerySet[User]) -> Iterator[User]:
        """Yield those of the people who may."""
        for block in _blocks(rows.filter(self._candidates, is_active=True), self._left):
            self._left -= len(block)
            people = people_of(block, [self._case.action], self._case.now)
            for user in people.rows:
                reach = people.scope(user.pk, self._case.action, self._channel)
                if verdict(self._case, reach):
                    self._found[user.pk] = people.groups[user.pk], reach
                    yield user

    def told(self, users: Sequence[User], asker: Actor) -> tuple[Holder, ...]:
        """Return people with what lets them, as the asker may know it."""
        groups = frozenset[int]().union(*(self._found[user.pk][0] for user in users))
        held = held_reasons(self._case, [user.pk for user in users], groups) if users else []
        reasons = [self._reasons_of(user, held) for user in users]
        own = [] if asker.user_id is None else [asker.user_id]
        told = iter(masked_for(asker, self._case, [each for some in reasons for each in some], own=own))
        return tuple(
            Holder(
                user_id=user.pk,
                username=user.username,
                label=user.label,
                is_service=user.is_service,
                reasons=tuple(islice(told, len(some))),
            )
            for user, some in zip(users, reasons, strict=True)
        )

    def _reasons_of(self, user: User, held: Iterable[Reason]) -> list[Reason]:
        groups, reach = self._found[user.pk]
        own = (replace(each, user_id=user.pk) for each in held if each.user_id == user.pk or each.group_id in groups)
        reasons = judged_reasons(
            [*standing_reasons(self._case, user), *own, *policy_reasons(self._case, reach.policies)]
        )
        return [each for each in reasons if each.decided]


def _blocks(rows: QuerySet[User], most: int) -> Iterator[list[User]]:
    found = rows[:most].iterator(chunk_size=BLOCK)
    while block := list(islice(found, BLOCK)):
        yield block


def _candidates(action: str, subject: Subject, standards: Iterable[Standard]) -> Q:
    """Return who may at all come into question, policies that refuse not yet asked."""
    entry = protected(action.partition(".")[0])
    permitting = [
        each for each in standards if each.terms.effect is Effect.PERMIT and names_action(each.terms.actions, action)
    ]
    is_everybodys = entry.organisation is None and action.endswith(".view")
    if is_everybodys or any(each.everybody for each in permitting):
        return Q()
    named = frozenset[UUID]().union(*(each.user_ids for each in permitting))
    groups = frozenset[int]().union(*(each.group_ids for each in permitting))
    return (
        Q(is_superuser=True)
        | Q(pk__in=named)
        | _members(list(groups))
        | _assigned(action, subject, is_reference=entry.organisation is None)
        | _granted(entry, action, subject)
    )


def _assigned(action: str, subject: Subject, *, is_reference: bool) -> Q:
    rows = Assignment.objects.order_by().filter(role__actions__contains=[action])
    if is_reference:
        rows = rows.filter(organisation__parent__isnull=True)
    else:
        rows = rows.filter(organisation__in=lineage_of(subject.organisation_id))
    return _holders_of(rows, rows)


def _granted(entry: Protected, action: str, subject: Subject) -> Q:
    verb = action.partition(".")[2]
    condition = Q(pk__in=[])
    if entry.owner is not None and verb in entry.owner_actions:
        condition |= Q(pk__in=entry.model._default_manager.filter(pk=subject.id).order_by().values(entry.owner))
    if entry.grants is not None:
        condition |= _holders_of(*(grants_on(table, entry, verb, subject.id) for table in entry.grants))
    return condition


def _holders_of(by_user: QuerySet[Any], by_group: QuerySet[Any]) -> Q:
    users = by_user.filter(user__isnull=False).values("user_id")
    return Q(pk__in=users) | _members(by_group.filter(group__isnull=False).values("group_id"))


def _members(groups: Any) -> Q:
    return Q(pk__in=User.groups.through._default_manager.filter(group__in=groups).values("user_id"))
