"""Who has what: all that a person holds, and all that stands in an organisation, as far as the asker may see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from oauth2_provider.models import AccessToken

from apps.access.models import ApiKey, Assignment, Organisation, Policy, User
from apps.access.queries.doors import visible
from apps.access.queries.explaining import asked_user
from apps.access.queries.people import actor_of_user
from apps.access.queries.reasons import may_name
from apps.access.registry import all_protected, judge
from apps.access.types import Actor, Channel, Protected
from apps.core.types import TimeWindow

MOST: Final = 200
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One object that is shared with somebody, directly or through a group."""

    noun: str
    object_id: UUID
    label: str
    action: str
    group: str
    during: TimeWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How many objects of a noun somebody sees, of those that the asker sees; ``at_least`` where there are more."""

    noun: str
    name: str
    count: int
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHas:
    """What one person holds.

    ``unseen`` says that there are assignments which the asker may not see; ``seen`` are the organisations that may be
    named.
    """

    user: User
    assignments: tuple[Assignment, ...]
    unseen: bool
    shared: tuple[Shared, ...]
    policies: tuple[Policy, ...]
    keys: tuple[ApiKey, ...]
    tokens: int
    reach: tuple[Reach, ...]
    seen: frozenset[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationHas:
    """What stands in one organisation, or above it and so holds here; each at most ``MOST``.

    ``seen`` are the people and the organisations that may be named.
    """

    organisation: Organisation
    people: tuple[User, ...]
    assignments: tuple[Assignment, ...]
    policies: tuple[Policy, ...]
    unseen: bool
    owned: tuple[Reach, ...]
    seen: frozenset[UUID]


def held_by(user_id: UUID, *, asker: Actor, at: datetime) -> PersonHas:
    """Return what a person holds; raises ``NotFound`` or ``NotAllowed`` where ``explain`` would."""
    user = asked_user(user_id, asker=asker)
    groups = list(user.groups.values_list("pk", flat=True))
    rows = Assignment.objects.filter(Q(user=user) | Q(group__in=groups))
    seen = _seen(rows, asker, "assignments.view", "role", "organisation", "group")
    return PersonHas(
        user=user,
        assignments=seen,
        unseen=rows.exclude(pk__in=[each.pk for each in seen]).exists(),
        shared=tuple(_shared(user, groups, asker)),
        policies=_seen(_policies_for(user, groups), asker, "policies.view", "organisation"),
        keys=_seen(ApiKey.objects.filter(user=user, revoked_at__isnull=True), asker, "api-keys.view"),
        tokens=AccessToken.objects.filter(application__user=user, expires__gt=at).count(),
        reach=tuple(_reach(user, asker)),
        seen=_named(asker, seen),
    )


def held_in(organisation: Organisation, *, asker: Actor) -> OrganisationHas:
    """Return what stands in an organisation that the asker sees, and in those above it."""
    lineage = organisation.lineage
    assignments = Assignment.objects.filter(organisation__in=lineage)
    policies = Policy.objects.filter(Q(organisation__in=lineage) | Q(organisation__isnull=True), is_enabled=True)
    seen = _seen(assignments, asker, "assignments.view", "role", "organisation", "group", "user")
    covering = _seen(policies, asker, "policies.view", "organisation")
    unseen = (
        assignments.exclude(pk__in=[each.pk for each in seen]).exists()
        or policies.exclude(pk__in=[each.pk for each in covering]).exists()
    )
    return OrganisationHas(
        organisation=organisation,
        people=_seen(User.objects.filter(organisation=organisation), asker, "users.view"),
        assignments=seen,
        policies=covering,
        unseen=unseen,
        owned=tuple(_owned(organisation, asker)),
        seen=_named(asker, seen),
    )


def _seen(rows: QuerySet[Any], asker: Actor, action: str, *related: str) -> tuple[Any, ...]:
    shown = visible(rows, asker, action)
    return tuple((shown.select_related(*related) if related else shown)[:MOST])


def _named(asker: Actor, assignments: Iterable[Assignment]) -> frozenset[UUID]:
    """Return the organisations and the people of assignments that the asker sees; two statements."""
    rows = list(assignments)
    places = Organisation.objects.filter(pk__in={each.organisation_id for each in rows})
    people = User.objects.filter(pk__in={each.user_id for each in rows if each.user_id})
    return frozenset(visible(places, asker, "organisations.view").values_list("pk", flat=True)) | frozenset(
        visible(people, asker, "users.view").values_list("pk", flat=True)
    )


def _policies_for(user: User, groups: Iterable[int]) -> QuerySet[Policy]:
    named = Q(everybody=True) | Q(users=user) | Q(groups__in=list(groups))
    return Policy.objects.filter(pk__in=Policy.objects.filter(named).order_by().values("pk"))


def _shared(user: User, groups: Iterable[int], asker: Actor) -> Iterator[Shared]:
    """Yield what is shared with the user, of the objects that the asker may share (or sees, if it is themselves)."""
    for entry in all_protected():
        if entry.grants is None:
            continue
        verb = "view" if user.pk == asker.user_id else "share"
        objects = visible(entry.model._default_manager.all(), asker, f"{entry.noun}.{verb}").order_by()
        by_user, by_group = entry.grants
        mine: QuerySet[Any] = by_user._default_manager.filter(user=user)
        ours: QuerySet[Any] = by_group._default_manager.filter(group__in=list(groups))
        for rows in (mine, ours.select_related("group")):
            shown = rows.filter(content_object__in=objects).select_related("permission", "content_object")
            is_named = may_name(asker, entry.noun)
            yield from (_share(entry, row, is_named=is_named) for row in shown.order_by("pk")[:MOST])


def _share(entry: Protected, row: Any, *, is_named: bool) -> Shared:
    group = getattr(row, "group", None)
    return Shared(
        noun=entry.noun,
        object_id=row.content_object_id,
        label=str(row.content_object if is_named else row.content_object_id),
        action=f"{entry.noun}.{row.permission.codename.partition('_')[0]}",
        group="" if group is None else group.name,
        during=TimeWindow(start=row.during.lower, end=row.during.upper),
    )


def _reach(user: User, asker: Actor) -> Iterator[Reach]:
    actor = replace(actor_of_user(user), channel=Channel.REST)
    for entry in _counted():
        seen = visible(entry.model._default_manager.order_by(), asker, f"{entry.noun}.view")
        yield _count(entry, visible(seen, actor, f"{entry.noun}.view"))


def _owned(organisation: Organisation, asker: Actor) -> Iterator[Reach]:
    for entry in _counted():
        if entry.organisation is not None:
            rows = entry.model._default_manager.order_by().filter(**{entry.organisation: organisation.pk})
            yield _count(entry, visible(rows, asker, f"{entry.noun}.view"))


def _counted() -> Iterator[Protected]:
    """Yield the nouns that are published: what people look for."""
    return (entry for entry in all_protected() if entry.feature is not None and judge(entry) is entry)


def _count(entry: Protected, rows: QuerySet[Model]) -> Reach:
    count = rows[: MOST_COUNTED + 1].count()
    name = str(entry.model._meta.verbose_name_plural)
    return Reach(noun=entry.noun, name=name, count=min(count, MOST_COUNTED), at_least=count > MOST_COUNTED)
