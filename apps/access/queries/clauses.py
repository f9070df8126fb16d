"""The policies of one actor, read once with its standing, and made into clauses for an action when asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Q
from shapely import wkb

from apps.access.judging import Clause, Effect, Obligations, Policies, Test, policies_of
from apps.access.models import AttributeDefinition, Organisation, Policy, UserAttribute
from apps.access.policies import ATTRIBUTE_TYPES
from apps.access.registry import protected
from apps.access.types import READING, Channel
from apps.access.veils import GEOMETRY
from apps.core import clock
from apps.core.types import Feature, FieldError, TimeWindow
from apps.filters.queries import compile_predicate, parse
from apps.filters.registry import queryables_of
from apps.filters.types import Filter, FilterError, Type

VARIABLE: Final = re.compile(r"\$\{([A-Za-z0-9_.]+)\}")
CLOCK: Final = re.compile(r"\bnow\b", re.IGNORECASE)
BUILT_IN: Final[Mapping[str, Type]] = {
    "user.id": Type.UUID,
    "user.organisation_id": Type.UUID,
    "now": Type.INSTANT,
    "channel": Type.STRING,
}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A policy as it was read, with the organisations that it covers (``None`` is everything)."""

    id: UUID
    version: int
    name: str
    effect: Effect
    actions: tuple[str, ...]
    condition: str
    organisation_ids: frozenset[UUID] | None
    during: TimeWindow
    obligations: Obligations
    mandatory: bool

    @property
    def asks_time(self) -> bool:
        """Say whether time alone may change what the condition says."""
        return CLOCK.search(self.condition) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What policies know of whom they judge: attributes by name, and the types of all that there are."""

    values: Mapping[str, object]
    types: Mapping[str, Type]


def terms_for(user_id: UUID | None, at: datetime, expire: Callable[[datetime], None]) -> tuple[Terms, ...]:
    """Return the policies in force that count for a user, or for everybody when there is none.

    ``expire`` is told when a period begins or ends. One statement, and one more when there is a policy.
    """
    who = Q(everybody=True)
    if user_id is not None:
        who |= Q(users=user_id) | Q(groups__user=user_id)
    not_over = Q(during__upper_inf=True) | Q(during__endswith__gt=at)
    rows = [
        row for row in Policy.objects.filter(who, not_over, is_enabled=True).distinct() if is_begun(row, at, expire)
    ]
    below = covered_by({row.organisation_id for row in rows if row.organisation_id})
    return tuple(terms_of(row, below) for row in sorted(rows, key=lambda row: row.pk))


def person_of(user_id: UUID | None, organisation_id: UUID | None) -> Person:
    """Return what is known of a user; two statements."""
    types = variable_types()
    rows = UserAttribute.objects.filter(user=user_id).select_related("definition") if user_id else ()
    values = {f"user.{row.definition.name}": attribute_value(row.definition.type, row.value, row.area) for row in rows}
    own = {"user.id": user_id, "user.organisation_id": organisation_id}
    return Person(values={**values, **own}, types=types)


def variable_types() -> dict[str, Type]:
    """Return what conditions may ask for beside the object, with its type: ``user.clearance``, ``now``, ``channel``."""
    attributes = {f"user.{each.name}": ATTRIBUTE_TYPES[each.type] for each in AttributeDefinition.objects.all()}
    return {**attributes, **BUILT_IN}


def attribute_value(of: str, value: object, area: GEOSGeometry | None) -> object:
    """Return what is stored of an attribute as filters take it."""
    if area is not None:
        return wkb.loads(bytes(area.wkb))
    if of == "instant":
        return datetime.fromisoformat(str(value))
    return tuple(value) if isinstance(value, list) else value


def policies_for(terms: Iterable[Terms], action: str, person: Person, channel: Channel | None) -> Policies:
    """Return the policies over an action as clauses, their variables bound to the person, the channel and now."""
    asked = tuple(terms)
    found = [each for each in asked if names_action(each.actions, action)]
    noun = action.partition(".")[0]
    values = {**person.values, "now": clock.now(), "channel": channel.value if channel else None}
    clauses = [_clause(each, noun, person.types, values) for each in found]
    clauses += [_clause_of_copy(each) for each in asked if each not in found and bears_on(each, action)]
    return policies_of(clauses, is_timed=any(each.asks_time for each in found))


def names_action(patterns: Iterable[str], action: str) -> bool:
    """Say whether an action is named, itself or by ``assets.*`` or ``*``."""
    return any(each in (action, "*") or (each.endswith(".*") and action.startswith(each[:-1])) for each in patterns)


def bears_on(terms: Terms, action: str) -> bool:
    """Say whether a policy counts for an action: it names it, or limits where the place was copied from."""
    if names_action(terms.actions, action):
        return True
    noun, _, verb = action.partition(".")
    if terms.effect is not Effect.LIMIT or verb not in READING:
        return False
    return any(names_action(terms.actions, each) for each in protected(noun).copies)


def parse_condition(text: str, noun: str, types: Mapping[str, Type]) -> Filter | None:
    """Return the condition over a noun, ``None`` for an empty one; raises ``FilterError``.

    A noun that nobody can filter has no properties to ask for.
    """
    if not text.strip():
        return None
    try:
        queryables = queryables_of(noun)
    except LookupError:
        raise FilterError(f"Nothing can be asked about {noun}.", code="no_queryables") from None
    found = parse(text, queryables=queryables, variables=types)
    for name in sorted(found.properties):
        asked = queryables.find(name)
        if asked is not None and asked[0].read is None:
            raise FilterError(f"Policies cannot ask for {name} of {noun}.", code="unknown_property")
    return found


def condition_errors(text: str, actions: Iterable[str]) -> list[FieldError]:
    """Return what is wrong with a condition over these actions: it must be readable for every noun among them."""
    types = variable_types()
    for noun in sorted({action.partition(".")[0] for action in actions}):
        try:
            parse_condition(text, noun, types)
        except FilterError as error:
            return [
                FieldError(pointer=f"/condition{each.pointer}", code=each.code, detail=f"{noun}: {each.detail}")
                for each in error.errors
            ]
    return []


def is_begun(row: Policy, at: datetime, expire: Callable[[datetime], None]) -> bool:
    """Say whether a policy that is not over has begun; ``expire`` is told when that, or its end, comes."""
    if row.during.lower is not None and at < row.during.lower:
        expire(row.during.lower)
        return False
    if row.during.upper is not None:
        expire(row.during.upper)
    return True


def covered_by(tops: set[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Return, for each organisation, itself and all that lie below it: what its policies cover; one statement."""
    found: dict[UUID, set[UUID]] = {top: set() for top in tops}
    if tops:
        for pk, lineage in Organisation.objects.filter(lineage__overlap=list(tops)).values_list("pk", "lineage"):
            for top in tops.intersection(lineage):
                found[top].add(pk)
    return {top: frozenset(each) for top, each in found.items()}


def terms_of(row: Policy, below: Mapping[UUID, frozenset[UUID]]) -> Terms:
    """Return a policy as it is judged by; ``below`` is what its organisation covers."""
    return Terms(
        id=row.pk,
        version=row.version,
        name=row.name,
        effect=Effect(row.effect),
        actions=tuple(row.actions),
        condition=row.condition,
        organisation_ids=below[row.organisation_id] if row.organisation_id else None,
        during=TimeWindow(start=row.during.lower, end=row.during.upper),
        obligations=Obligations(
            hidden=frozenset(row.hidden_fields),
            coarsen_m=row.coarsen_m or 0.0,
            delay=timedelta(seconds=row.delay_s or 0),
        ),
        mandatory=row.mandatory,
    )


def _clause(terms: Terms, noun: str, types: Mapping[str, Type], values: Mapping[str, object]) -> Clause:
    condition, test, is_broken = None, None, False
    used = {name: values.get(name) for name in VARIABLE.findall(terms.condition)}
    try:
        condition = parse_condition(terms.condition, noun, types)
        test = None if condition is None else _Test(condition, used)
    except FilterError as error:
        log.warning("access.policy_broken", policy=str(terms.id), noun=noun, error=error.message)
        is_broken = True
    return Clause(
        policy_id=terms.id,
        version=terms.version,
        name=terms.name,
        effect=terms.effect,
        organisation_ids=terms.organisation_ids,
        during=terms.during,
        condition=condition,
        values=used,
        is_broken=is_broken,
        obligations=terms.obligations,
        test=test,
    )


def _clause_of_copy(terms: Terms) -> Clause:
    """Return what a limit over something else asks of a copied place.

    Its condition is about that other thing, as it is now, so nothing is known of it here, and the limit holds. Only a
    grid can be kept of a copy; what else is hidden, or told late, takes the place away (docs/decisions/0009).
    """
    owed = terms.obligations
    hidden = frozenset({GEOMETRY}) if owed.hidden or owed.delay else frozenset[str]()
    return Clause(
        policy_id=terms.id,
        version=terms.version,
        name=terms.name,
        effect=terms.effect,
        organisation_ids=terms.organisation_ids,
        during=terms.during,
        is_broken=bool(terms.condition.strip()),
        obligations=Obligations(hidden=hidden, coarsen_m=owed.coarsen_m),
    )


class _Test:
    """A condition in Python, made when it is first asked: what is only ever SQL costs nothing here."""

    __slots__ = ("_condition", "_test", "_values")

    def __init__(self, condition: Filter, values: Mapping[str, object]) -> None:
        self._condition = condition
        self._values = values
        self._test: Test | None = None

    def __call__(self, thing: Feature) -> bool | None:
        if self._test is None:
            self._test = compile_predicate(self._condition, values=self._values)
        return self._test(thing)
