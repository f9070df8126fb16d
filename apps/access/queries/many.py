"""The standings of many people at once: a number of statements that does not grow with the people.

What is read here is what ``standing`` reads one by one, and decided by the same code; a property test holds them
together. Nothing is kept for questions about people; ``learn_standings`` keeps it for whoever decides for many actors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q, QuerySet

from apps.access.judging import Policies
from apps.access.models import Assignment, Policy, User, UserAttribute
from apps.access.queries.clauses import (
    Person,
    Terms,
    attribute_value,
    bears_on,
    covered_by,
    is_begun,
    policies_for,
    terms_of,
    variable_types,
)
from apps.access.queries.people import Validity, validities_of
from apps.access.queries.scopes import entry_of, scope_of_user
from apps.access.queries.standing import (
    ROLE_COLUMNS,
    RoleRow,
    Standing,
    access_version,
    begun_rows,
    below_each,
    binds,
    codename,
    fill_roles,
    held_of,
    keep_standing,
    kept_standing,
)
from apps.access.registry import all_actions
from apps.access.types import ALWAYS, READING, Actor, Channel, Protected, Scope
from apps.core import clock

# From so many on, reading them together takes fewer statements.
MANY: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """A policy that may count for several people: its terms, and for whom it is."""

    terms: Terms
    everybody: bool = False
    user_ids: frozenset[UUID] = frozenset()
    group_ids: frozenset[int] = frozenset()

    def names(self, user_id: UUID, group_ids: Collection[int]) -> bool:
        """Say whether the policy is for somebody who belongs to these groups."""
        return self.everybody or user_id in self.user_ids or not self.group_ids.isdisjoint(group_ids)


@dataclass(slots=True, kw_only=True)
class People:
    """Active people with what they hold, at one instant. ``groups`` are the groups of each."""

    at: datetime
    rows: Sequence[User]
    standings: Mapping[UUID, Standing]
    groups: Mapping[UUID, frozenset[int]]
    persons: Mapping[UUID, Person]
    standards: tuple[Standard, ...]
    changes_at: datetime | None = None
    _noted: set[tuple[str, str]] = field(default_factory=set)

    def scope(self, user_id: UUID, action: str, channel: Channel | None) -> Scope:
        """Return what somebody may do the action to, as ``scopes.scope`` would."""
        return self.scope_under(self.standards, user_id, action, channel)

    def scope_under(self, standards: Iterable[Standard], user_id: UUID, action: str, channel: Channel | None) -> Scope:
        """Return what somebody could do the action to if these were the policies in force."""
        self.note_grants(action)
        entry, verb = entry_of(action)
        standing = self.standings[user_id]
        policies = self.policies_under(standards, user_id, action, channel)
        return scope_of_user(entry, verb, standing, policies, with_periods=verb in READING)

    def standing_of(self, actor: Actor, version: int, validity: Validity) -> Standing:
        """Return what an actor holds whose key or token is as valid as that, as ``standing`` reads it."""
        user_id = actor.user_id
        found = None if user_id is None else self.standings.get(user_id)
        if user_id is None or found is None or not validity.stands:
            return Standing(version=version)
        groups = self.groups[user_id]
        terms = tuple(each.terms for each in self.standards if each.names(user_id, groups) and binds(found, each.terms))
        ends = [each for each in (found.expires_at, validity.until, self.changes_at) if each is not None]
        return replace(
            found,
            version=version,
            expires_at=min(ends, default=None),
            terms=terms,
            person=self.persons[user_id],
            granted=dict(found.granted),
            policies={},
        )

    def policies_under(
        self, standards: Iterable[Standard], user_id: UUID, action: str, channel: Channel | None
    ) -> Policies:
        """Return the clauses for somebody if these were the policies in force."""
        standing, groups = self.standings[user_id], self.groups[user_id]
        terms = [
            each.terms
            for each in standards
            if bears_on(each.terms, action) and each.names(user_id, groups) and binds(standing, each.terms)
        ]
        return policies_for(terms, action, self.persons[user_id], channel)

    def note_grants(self, action: str) -> None:
        """Read what all of them hold by grant or because it is theirs, once for an action."""
        entry, verb = entry_of(action)
        key = (entry.noun, verb)
        if key in self._noted:
            return
        self._noted.add(key)
        found: defaultdict[UUID, list[tuple[UUID, DateTimeTZRange]]] = defaultdict(list)
        for user_id, object_id, during in (*self._granted(entry, verb), *self._owned(entry, verb)):
            found[user_id].append((object_id, during))
        for user_id, standing in self.standings.items():
            standing.granted[key] = held_of(begun_rows(standing, found[user_id], self.at), self.at)

    def _granted(self, entry: Protected, verb: str) -> Iterator[tuple[UUID, UUID, DateTimeTZRange]]:
        if entry.grants is None:
            return
        by_user, by_group = entry.grants
        permission = {
            "permission__codename": codename(entry, verb),
            "permission__content_type__app_label": entry.model._meta.app_label,
        }
        members = self._members()
        columns = ("content_object_id", "during")
        mine: Any = by_user._default_manager.filter(user__in=list(self.standings), **permission)
        yield from mine.values_list("user_id", *columns)
        ours: Any = by_group._default_manager.filter(group__in=list(members), **permission)
        for group_id, object_id, during in ours.values_list("group_id", *columns):
            yield from ((user_id, object_id, during) for user_id in members[group_id])

    def _members(self) -> dict[int, list[UUID]]:
        found: defaultdict[int, list[UUID]] = defaultdict(list)
        for user_id, groups in self.groups.items():
            for group_id in groups:
                found[group_id].append(user_id)
        return dict(found)

    def _owned(self, entry: Protected, verb: str) -> Iterator[tuple[UUID, UUID, DateTimeTZRange]]:
        if entry.owner is None or verb not in entry.owner_actions:
            return
        rows = entry.model._default_manager.filter(**{f"{entry.owner}__in": list(self.standings)})
        always = DateTimeTZRange(ALWAYS[0].start, ALWAYS[0].end)
        yield from ((user_id, pk, always) for user_id, pk in rows.values_list(entry.owner, "pk"))


def people_of(rows: Iterable[User], actions: Collection[str], at: datetime) -> People:
    """Return people, who are active, with what each of them holds of these actions; a dozen statements at most."""
    users = {row.pk: row for row in rows if row.is_active}
    groups = _groups_of(users)
    changes: list[datetime] = []
    standards = standards_in_force(at, changes.append)
    standings = {
        row.pk: Standing(
            version=0,
            user_id=row.pk,
            is_active=True,
            is_superuser=row.is_superuser,
            organisation_id=row.organisation_id,
        )
        for row in users.values()
    }
    _add_roles(standings, groups, frozenset(actions), at)
    return People(
        at=at,
        rows=tuple(users.values()),
        standings=standings,
        groups=groups,
        persons=_persons(users),
        standards=standards,
        changes_at=min(changes, default=None),
    )


def learn_standings(actors: Iterable[Actor], actions: Collection[str]) -> None:
    """Read what many accounts hold, and keep it as if each had been asked for these actions.

    A number of statements that does not grow with them, for all of whom nothing is kept that still stands. Does nothing
    for a few: one by one is faster for them.
    """
    at, version = clock.now(), access_version()
    wanted = [each for each in actors if each.is_account and kept_standing(each, version, at) is None]
    if len(wanted) < MANY:
        return
    rows = User.objects.filter(pk__in={each.user_id for each in wanted}, is_active=True)
    people = people_of(rows, all_actions(), at)
    for action in actions:
        people.note_grants(action)
    validities = validities_of(wanted, at)
    for actor in wanted:
        keep_standing(actor, people.standing_of(actor, version, validities[actor]))


def standards_in_force(at: datetime, expire: Callable[[datetime], None] = lambda _until: None) -> tuple[Standard, ...]:
    """Return the policies in force at the instant, in the order of their keys; four statements.

    ``expire`` is told when the period of one of them, or of one to come, begins or ends.
    """
    return _standards([row for row in _not_over(at) if is_begun(row, at, expire)])


def find_standard(policy_id: UUID, at: datetime) -> Standard | None:
    """Return one policy, begun or not; ``None`` for one that is over, switched off or not there."""
    return next(iter(_standards(_not_over(at).filter(pk=policy_id))), None)


def _not_over(at: datetime) -> QuerySet[Policy]:
    not_over = Q(during__upper_inf=True) | Q(during__endswith__gt=at)
    return Policy.objects.filter(not_over, is_enabled=True).order_by("pk").prefetch_related("users", "groups")


def _standards(rows: Iterable[Policy]) -> tuple[Standard, ...]:
    found = list(rows)
    below = covered_by({row.organisation_id for row in found if row.organisation_id})
    return tuple(_standard(row, below) for row in found)


def _standard(row: Policy, below: Mapping[UUID, frozenset[UUID]]) -> Standard:
    return Standard(
        terms=terms_of(row, below),
        everybody=row.everybody,
        user_ids=frozenset(each.pk for each in row.users.all()),
        group_ids=frozenset(each.pk for each in row.groups.all()),
    )


def _groups_of(users: Collection[UUID]) -> dict[UUID, frozenset[int]]:
    found: defaultdict[UUID, set[int]] = defaultdict(set)
    links = User.groups.through._default_manager.filter(user__in=list(users))
    for user_id, group_id in links.values_list("user_id", "group_id"):
        found[user_id].add(group_id)
    return {user_id: frozenset(found[user_id]) for user_id in users}


def _add_roles(
    standings: Mapping[UUID, Standing], groups: Mapping[UUID, frozenset[int]], actions: frozenset[str], at: datetime
) -> None:
    all_groups = frozenset[int]().union(*groups.values())
    rows: list[Any] = list(
        Assignment.objects.filter(
            Q(user__in=list(standings)) | Q(group__in=list(all_groups)), role__actions__overlap=sorted(actions)
        ).values_list("user_id", "group_id", *ROLE_COLUMNS)
    )
    below = below_each({row[3] for row in rows})
    of_users: defaultdict[UUID, list[RoleRow]] = defaultdict(list)
    of_groups: defaultdict[int, list[RoleRow]] = defaultdict(list)
    for user_id, group_id, held, *where in rows:
        role: Any = ([each for each in held if each in actions], *where)
        (of_users[user_id] if user_id is not None else of_groups[group_id]).append(role)
    for user_id, standing in standings.items():
        own = of_users.get(user_id, [])
        fill_roles(standing, [*own, *(row for group in groups[user_id] for row in of_groups.get(group, ()))], below, at)


def _persons(users: Mapping[UUID, User]) -> dict[UUID, Person]:
    types = variable_types()
    values: defaultdict[UUID, dict[str, object]] = defaultdict(dict)
    for row in UserAttribute.objects.filter(user__in=list(users)).select_related("definition"):
        value = attribute_value(row.definition.type, row.value, row.area)
        values[row.user_id][f"user.{row.definition.name}"] = value
    own = {pk: {"user.id": pk, "user.organisation_id": row.organisation_id} for pk, row in users.items()}
    return {pk: Person(values={**values[pk], **own[pk]}, types=types) for pk in users}
