"""Why: everything that bears on whether people may do one action to one object, as far as the asker may know of it.

What the asker may not see (an assignment elsewhere, a policy, an organisation) stays in the list, so that the answer
is complete, as ``masked``: that there is something, and whether it decided, and nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from apps.access.judging import FREE, Clause, Effect, Obligations, Policies, Truth
from apps.access.models import Assignment, Organisation, Policy, User
from apps.access.queries.doors import permits, visible
from apps.access.queries.scopes import scope
from apps.access.queries.standing import codename
from apps.access.queries.tree import lineages_of
from apps.access.registry import protected
from apps.access.types import Actor, Protected, Subject
from apps.core.types import Feature, TimeWindow

NAMING: Final = frozenset({"name", "title"})
SECRET: Final = "something that you may not see"  # noqa: S105 - it is what is said instead


class Kind(enum.StrEnum):
    """What sort of thing bears on a decision."""

    SUPERUSER = "superuser"
    REFERENCE = "reference"  # a kind, a role: read by whoever is signed in, kept from the top of a tree
    ROLE = "role"
    GRANT = "grant"
    OWNER = "owner"
    KEY = "key"  # an API key or a token whose scopes confine
    INACTIVE = "inactive"  # a person who is switched off, or a key that is good no more
    PERMIT = "permit"
    REQUIRE = "require"
    DENY = "deny"
    LIMIT = "limit"
    MASKED = "masked"


GIVING: Final = frozenset({Kind.SUPERUSER, Kind.REFERENCE, Kind.ROLE, Kind.GRANT, Kind.OWNER})
REFUSING: Final = frozenset({Kind.KEY, Kind.INACTIVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that bears on a decision.

    ``counts`` is what it says here: of a role, a grant or an ownership whether it is in force; of a policy what its
    condition says (``None`` is unknown, which refuses). ``decided`` marks those that the decision rests on.
    ``organisation`` is where a role stands, as ``(id, name)``, without the id where it may not be seen. ``asks`` are
    the properties that a policy's condition asks for. ``user_id`` or ``group_id`` say whose a right is.
    """

    kind: Kind
    counts: Truth = True
    decided: bool = False
    id: UUID | str | None = None
    name: str = ""
    organisation: tuple[UUID | None, str] | None = None
    group: str = ""
    during: TimeWindow = field(default_factory=TimeWindow)
    obligations: Obligations = FREE
    asks: frozenset[str] = frozenset()
    user_id: UUID | None = None
    group_id: int | None = None

    def masked(self) -> Reason:
        """Return that there is something."""
        return Reason(kind=Kind.MASKED, counts=None, decided=self.decided, name=SECRET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is decided about: an action, and an object as access sees it.

    ``instants`` are those of which one has to lie in the period of a right: now; of history when it was, and now as
    well while it still goes on.
    """

    action: str
    subject: Subject
    judged: Feature | None
    instants: tuple[datetime, ...]
    now: datetime
    is_history: bool = False

    def counts(self, during: TimeWindow) -> bool:
        """Say whether a right held for a period is in force in this case; one that is yet to begin is not."""
        begun = during.start is None or during.start <= self.now
        return begun and any(during.contains(each) for each in self.instants)

    @property
    def owner(self) -> UUID | None:
        """Return whose the object is to policies."""
        return self.subject.organisation_id if self.judged is None else self.judged.organisation_id


def held_reasons(case: Case, user_ids: Collection[UUID], group_ids: Collection[int]) -> list[Reason]:
    """Return the assignments, the grants and the ownership that bear on a case, of several people and groups at once.

    Each says whose it is (``user_id`` or ``group_id``). Five statements at most.
    """
    return [
        *_roles(case, user_ids, group_ids),
        *_grants(case, user_ids, group_ids),
        *_ownerships(case, user_ids),
    ]


def standing_reasons(case: Case, user: User) -> Iterator[Reason]:
    """Yield what a user has by being who they are."""
    noun, _, verb = case.action.partition(".")
    if user.is_superuser:
        yield Reason(kind=Kind.SUPERUSER, name="whom only a mandatory policy denies anything")
    if protected(noun).organisation is None and verb == "view":
        yield Reason(kind=Kind.REFERENCE, name="read by whoever is signed in")


def policy_reasons(case: Case, policies: Policies) -> Iterator[Reason]:
    """Yield what each policy that covers the object says of it."""
    for clause in policies.clauses:
        if clause.covers(case.owner):
            yield Reason(
                kind=Kind(clause.effect.value),
                counts=_truth(case, clause),
                id=clause.policy_id,
                name=clause.name,
                during=clause.during,
                obligations=clause.obligations,
                asks=clause.condition.properties if clause.condition else frozenset(),
            )


def judged_reasons(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons with those marked that the decision rests on.

    In this order: a key or an account that is good no more, a deny that is not FALSE, a require that is not TRUE, what
    is held, what is permitted.
    """
    found = tuple(reasons)
    for decides in _ORDER:
        deciding = [each for each in found if decides(each)]
        if deciding:
            return tuple(replace(each, decided=each in deciding) for each in found)
    return found


def is_allowed(reasons: Iterable[Reason]) -> bool:
    """Say what reasons come to that have been judged."""
    return any(each.decided and (each.kind in GIVING or each.kind is Kind.PERMIT) for each in reasons)


def masked_for(
    asker: Actor,
    case: Case,
    reasons: Sequence[Reason],
    *,
    own: Collection[UUID],
    known: Collection[UUID] = (),
) -> list[Reason]:
    """Return the reasons as the asker may know them.

    ``own`` are the people whose rights are no secret to the asker, ``known`` the policies that are the asker's own.

    Four statements at most, however many reasons there are.
    """
    knows = _Knowledge(asker, case, reasons, known)
    return [knows.told(each, is_own=each.user_id in own) for each in reasons]


def _roles(case: Case, user_ids: Collection[UUID], group_ids: Collection[int]) -> Iterator[Reason]:
    organisation_id = case.subject.organisation_id
    entry = protected(case.action.partition(".")[0])
    if organisation_id is None and entry.organisation is not None:
        return
    rows = Assignment.objects.filter(
        Q(user__in=list(user_ids)) | Q(group__in=list(group_ids)), role__actions__contains=[case.action]
    ).select_related("role", "organisation", "group")
    if organisation_id is None:
        rows = rows.filter(organisation__parent__isnull=True)
    else:
        rows = rows.filter(organisation__in=lineage_of(organisation_id))
    for row in rows.order_by("pk"):
        during = TimeWindow(start=row.during.lower, end=row.during.upper)
        yield Reason(
            kind=Kind.ROLE,
            counts=case.counts(during),
            id=row.pk,
            name=row.role.name,
            organisation=(row.organisation.pk, row.organisation.name),
            group=row.group.name if row.group else "",
            during=during,
            user_id=row.user_id,
            group_id=row.group_id,
        )


def lineage_of(organisation_id: UUID | None) -> frozenset[UUID]:
    """Return an organisation and all that lie above it; nothing for none."""
    return frozenset() if organisation_id is None else lineages_of([organisation_id]).get(organisation_id, frozenset())


def _grants(case: Case, user_ids: Collection[UUID], group_ids: Collection[int]) -> Iterator[Reason]:
    noun, _, verb = case.action.partition(".")
    entry = protected(noun)
    if entry.grants is None:
        return
    by_user, by_group = (grants_on(table, entry, verb, case.subject.id) for table in entry.grants)
    mine = by_user.filter(user__in=list(user_ids))
    ours = by_group.filter(group__in=list(group_ids)).select_related("group")
    for who, row in (*(("user", each) for each in mine), *(("group", each) for each in ours)):
        during = TimeWindow(start=row.during.lower, end=row.during.upper)
        yield Reason(
            kind=Kind.GRANT,
            counts=case.counts(during),
            id=f"{noun}.{who}.{row.pk}",
            name=case.action,
            group=row.group.name if who == "group" else "",
            during=during,
            user_id=row.user_id if who == "user" else None,
            group_id=row.group_id if who == "group" else None,
        )


def grants_on(table: type[Model], entry: Protected, verb: str, object_id: UUID) -> QuerySet[Any]:
    """Return the rows of a table of grants that give an action on one object."""
    return table._default_manager.order_by().filter(
        content_object=object_id,
        permission__codename=codename(entry, verb),
        permission__content_type__app_label=entry.model._meta.app_label,
    )


def _ownerships(case: Case, user_ids: Collection[UUID]) -> Iterator[Reason]:
    noun, _, verb = case.action.partition(".")
    entry = protected(noun)
    if entry.owner is None or verb not in entry.owner_actions:
        return
    rows = entry.model._default_manager.filter(pk=case.subject.id, **{f"{entry.owner}__in": list(user_ids)})
    for user_id in rows.values_list(entry.owner, flat=True):
        yield Reason(kind=Kind.OWNER, id=case.subject.id, name="owner", user_id=user_id)


def _truth(case: Case, clause: Clause) -> Truth:
    says = clause.truth(case.judged)
    if clause.effect is Effect.PERMIT and case.is_history and not case.counts(clause.during):
        return False
    return says


_ORDER: Final[tuple[Callable[[Reason], bool], ...]] = (
    lambda each: each.kind in REFUSING,
    lambda each: each.kind is Kind.DENY and each.counts is not False,
    lambda each: each.kind is Kind.REQUIRE and each.counts is not True,
    lambda each: each.kind in GIVING and each.counts is True,
    lambda each: each.kind is Kind.PERMIT and each.counts is True,
)


class _Knowledge:
    """What an asker may know of some reasons; read once for all of them."""

    def __init__(self, asker: Actor, case: Case, reasons: Iterable[Reason], known: Collection[UUID]) -> None:
        rows = [each for each in reasons if each.id is not None]
        self._assignments = _seen(Assignment, asker, "assignments.view", rows, {Kind.ROLE})
        self._policies = _seen(Policy, asker, "policies.view", rows, {Kind(each.value) for each in Effect}) | set(known)
        places = {each.organisation[0] for each in rows if each.organisation and each.organisation[0]}
        shown = visible(Organisation.objects.filter(pk__in=places), asker, "organisations.view") if places else ()
        self._places: Mapping[UUID, str] = {each.pk: each.name for each in shown}
        noun = case.action.partition(".")[0]
        self._withheld = withheld(asker, case.action)
        self._shares = "share" in protected(noun).actions and permits(asker, f"{noun}.share", case.subject)

    def told(self, reason: Reason, *, is_own: bool) -> Reason:
        """Return a reason as it may be told."""
        if reason.kind is Kind.ROLE:
            known = is_own or reason.id in self._assignments
        elif reason.kind is Kind.GRANT:
            known = is_own or self._shares
        elif reason.kind.value in list(Effect):
            known = reason.id in self._policies and self._withheld.isdisjoint(asked_fields(reason.asks))
        else:
            known = True
        return self._placed(reason) if known else reason.masked()

    def _placed(self, reason: Reason) -> Reason:
        if reason.organisation is None or reason.organisation[0] in self._places:
            return reason
        return replace(reason, organisation=(None, SECRET))


def _seen(
    model: type[Model], asker: Actor, action: str, reasons: Iterable[Reason], kinds: Collection[Kind]
) -> frozenset[UUID]:
    ids = {each.id for each in reasons if each.kind in kinds}
    if not ids:
        return frozenset()
    return frozenset(visible(model._default_manager.filter(pk__in=ids), asker, action).values_list("pk", flat=True))


def asked_fields(properties: Iterable[str]) -> frozenset[str]:
    """Return the fields that properties lie in: ``attributes.length_m`` lies in ``attributes``; both may be hidden."""
    names = frozenset(properties)
    return names | {each.partition(".")[0] for each in names}


def withheld(asker: Actor, action: str) -> frozenset[str]:
    """Return the properties of a noun that the asker may not ask about, since some policy may hide them."""
    noun = action.partition(".")[0]
    return scope(asker, f"{noun}.view").policies.hideable()


def may_name(asker: Actor, noun: str) -> bool:
    """Say whether objects of a noun may be named to the asker: where a policy may hide their names, none is."""
    return withheld(asker, f"{noun}.view").isdisjoint(NAMING)
