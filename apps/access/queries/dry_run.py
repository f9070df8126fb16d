"""Dry run: what a draft of a policy would change for people, counted before it is saved.

The draft stands beside the policies in force; nothing is written. For each noun and action one statement judges every
object for all distinct standings at once, with what counts now and with what would. Only objects and people that the
asker may see are counted, and whatever is cut short says so (``at_least``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, Case, Model, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from apps.access.judging import Clause, Effect
from apps.access.models import User
from apps.access.queries.clauses import names_action, parse_condition, variable_types
from apps.access.queries.conditions import condition_of
from apps.access.queries.doors import visible
from apps.access.queries.many import People, Standard, people_of, standards_in_force
from apps.access.queries.reasons import asked_fields, may_name, withheld
from apps.access.queries.scopes import entry_of
from apps.access.registry import all_actions, protected
from apps.access.types import READING, Actor, Channel, Protected, Scope
from apps.core.types import FieldError, Invalid
from apps.filters.types import FilterError, Type

MOST_PEOPLE: Final = 200
MOST_OBJECTS: Final = 10_000
MOST_EXAMPLES: Final = 10
PER_STATEMENT: Final = 10
PATIENCE: Final = timedelta(seconds=5)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A policy as it is in force (``before``, ``None`` for a new one) and as it would be; ``None`` is not at all."""

    before: Standard | None
    after: Standard | None

    @property
    def either(self) -> tuple[Standard, ...]:
        """Return those of the two that there are."""
        return tuple(each for each in (self.before, self.after) if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many objects, for how many people; an object counts once however many people it concerns."""

    objects: int = 0
    people: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effected:
    """What would appear and disappear for one action of a noun; ``at_least`` where not everything was counted."""

    noun: str
    action: str
    appear: Tally
    disappear: Tally
    at_least: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One object that would appear, or disappear, for one person. The label is empty where it may be hidden."""

    action: str
    appears: bool
    object_id: UUID
    label: str
    user_id: UUID
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a draft would change.

    ``people`` are how many it is for; ``at_least`` where somebody or something was cut short; ``is_limit`` where it
    hides or coarsens, which lets nothing appear or disappear.
    """

    effects: tuple[Effected, ...] = ()
    examples: tuple[Example, ...] = ()
    people: int = 0
    at_least: bool = False
    is_limit: bool = False


@dataclass(slots=True, kw_only=True)
class _Audience:
    """People who reach the same now, and would reach the same then."""

    before: Scope
    after: Scope
    users: list[User] = field(default_factory=list)


def effects_of(draft: Draft, *, asker: Actor, at: datetime, channel: Channel = Channel.REST) -> DryRun:
    """Return what a draft would change, as far as the asker may see objects and people.

    Raises ``Invalid`` when the draft asks about a field that is hidden from the asker: counting would tell it.
    """
    actions = _actions(draft)
    require_open(draft, actions, asker)
    users = list(_people(draft, asker)[: MOST_PEOPLE + 1])
    run = _Run(draft, people_of(users[:MOST_PEOPLE], actions, at), asker, channel)
    effects = [run.effect(action) for action in actions]
    return DryRun(
        effects=tuple(each for each in effects if each.appear.objects or each.disappear.objects),
        examples=tuple(run.examples[:MOST_EXAMPLES]),
        people=len(users[:MOST_PEOPLE]),
        at_least=len(users) > MOST_PEOPLE or any(each.at_least for each in effects),
        is_limit=any(each.terms.effect is Effect.LIMIT for each in draft.either),
    )


def sentences(found: DryRun) -> list[str]:
    """Return a dry run in words, such as "37 assets would disappear for 4 people."."""
    said = [each for effect in found.effects for each in _sentences(effect)]
    if found.is_limit:
        said.append(f"It keeps something back from {_number(found.people, 'person', 'people')}.")
    elif not said:
        said.append("Nothing would appear or disappear.")
    if found.at_least and not any(each.at_least for each in found.effects):
        said.append("Not everybody and everything was counted: there may be more.")
    return said


def _sentences(effect: Effected) -> Iterator[str]:
    names = protected(effect.noun).model._meta
    is_view = effect.action.endswith(".view")
    for tally, verb, done in ((effect.disappear, "disappear", "lost"), (effect.appear, "appear", "gained")):
        if tally.objects:
            objects = _number(tally.objects, str(names.verbose_name), str(names.verbose_name_plural))
            people = _number(tally.people, "person", "people")
            least = "at least " if effect.at_least else ""
            if is_view:
                yield f"{least.capitalize()}{objects} would {verb} for {people}."
            else:
                yield f"{effect.action} would be {done} on {least}{objects} for {people}."


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _actions(draft: Draft) -> list[str]:
    """Return the actions that the draft is about, viewing first; nothing is there yet that could be added."""
    patterns = {pattern for each in draft.either for pattern in each.terms.actions}
    named = (each for each in all_actions() if names_action(patterns, each) and not each.endswith(".add"))
    return sorted(named, key=lambda each: (not each.endswith(".view"), each))


def require_open(draft: Draft, actions: Sequence[str], asker: Actor) -> None:
    """Raise ``Invalid`` when a draft over these actions asks about a field that is hidden from the asker."""
    types = variable_types() if any(each.terms.condition for each in draft.either) else {}
    hidden = {
        name
        for noun in {action.partition(".")[0] for action in actions}
        for each in draft.either
        for name in withheld(asker, f"{noun}.view") & asked_fields(_asked(each.terms.condition, noun, types))
    }
    if hidden:
        error = FieldError(
            pointer="/condition", code="unknown_property", detail=f"You may not ask about {min(hidden)}."
        )
        raise Invalid("You may not ask about what is hidden from you.", errors=[error])


def _asked(condition: str, noun: str, types: Mapping[str, Type]) -> frozenset[str]:
    try:
        found = parse_condition(condition, noun, types)
    except FilterError:
        return frozenset()
    return frozenset() if found is None else found.properties


def _people(draft: Draft, asker: Actor) -> QuerySet[User]:
    seen = visible(User.objects.filter(is_active=True), asker, "users.view")
    if not any(each.terms.mandatory for each in draft.either):
        seen = seen.filter(is_superuser=False)
    if not any(each.everybody for each in draft.either):
        named = frozenset[UUID]().union(*(each.user_ids for each in draft.either))
        groups = frozenset[int]().union(*(each.group_ids for each in draft.either))
        members = User.groups.through._default_manager.filter(group__in=list(groups)).values("user_id")
        seen = seen.filter(Q(pk__in=named) | Q(pk__in=members))
    return seen.order_by("username")


def beside(standards: Sequence[Standard], draft: Draft) -> tuple[Standard, ...]:
    """Return the policies that would be in force with the draft among them."""
    gone = {each.terms.id for each in draft.either}
    kept = tuple(each for each in standards if each.terms.id not in gone)
    return kept if draft.after is None else (*kept, draft.after)


class _Run:
    """Judges the objects of one action after the other, until the time is up."""

    def __init__(self, draft: Draft, people: People, asker: Actor, channel: Channel) -> None:
        self._draft = draft
        self._people = people
        self._asker = asker
        self._channel = channel
        now = standards_in_force(people.at)
        self._standards = now, beside(now, draft)
        self._deadline = monotonic() + PATIENCE.total_seconds()
        self.examples: list[Example] = []

    def effect(self, action: str) -> Effected:
        """Return what would appear and disappear for an action, and note a few examples."""
        entry, verb = entry_of(action)
        rows = _rows(entry, self._draft, self._asker)
        gained: defaultdict[UUID, set[UUID]] = defaultdict(set)
        lost: defaultdict[UUID, set[UUID]] = defaultdict(set)
        is_cut = False
        for chunk in _chunks(_audiences(action, self._people, self._standards, self._channel), PER_STATEMENT):
            found = _changes(rows, entry, chunk, reads=verb in READING, deadline=self._deadline)
            is_cut = is_cut or found is None or len(found) > MOST_OBJECTS
            for row in found or ():
                _note(row, chunk, gained, lost)
        if len(self.examples) < MOST_EXAMPLES:
            self._note_examples(action, entry, gained, lost)
        return Effected(noun=entry.noun, action=action, appear=_tally(gained), disappear=_tally(lost), at_least=is_cut)

    def _note_examples(
        self, action: str, entry: Protected, gained: Mapping[UUID, set[UUID]], lost: Mapping[UUID, set[UUID]]
    ) -> None:
        users = {user.pk: user.label for user in self._people.rows}
        found = [
            (appears, object_id, user_id)
            for appears, some in ((False, lost), (True, gained))
            for user_id, ids in some.items()
            for object_id in sorted(ids)[:2]
        ][:MOST_EXAMPLES]
        labels = _labels(entry, {object_id for _, object_id, _ in found}, self._asker)
        self.examples += [
            Example(
                action=action,
                appears=appears,
                object_id=object_id,
                label=labels.get(object_id, ""),
                user_id=user_id,
                user=users[user_id],
            )
            for appears, object_id, user_id in found
        ]


def _audiences(
    action: str, people: People, standards: tuple[Sequence[Standard], Sequence[Standard]], channel: Channel
) -> list[_Audience]:
    """Return the people by what they reach, those left out for whom nothing changes."""
    found: dict[object, _Audience] = {}
    for user in people.rows:
        before, after = (people.scope_under(each, user.pk, action, channel) for each in standards)
        if _key(before) != _key(after):
            audience = found.setdefault((_key(before), _key(after)), _Audience(before=before, after=after))
            audience.users.append(user)
    return list(found.values())


def _key(reach: Scope) -> object:
    """Return what tells two scopes apart; two with the same key reach the same."""
    return (
        reach.everything,
        reach.organisation_ids,
        reach.object_ids,
        frozenset(reach.organisation_periods.items()),
        frozenset(reach.object_periods.items()),
        tuple(_key_of_clause(each) for each in reach.policies.clauses if each.effect is not Effect.LIMIT),
    )


def _key_of_clause(clause: Clause) -> object:
    values = sorted(
        (name, str(getattr(each, "wkb_hex", each))) for name, each in clause.values.items() if name != "now"
    )
    what = (clause.effect, clause.organisation_ids, clause.condition, clause.is_broken, clause.during)
    return (clause.policy_id, *what, *values)


def _rows(entry: Protected, draft: Draft, asker: Actor) -> QuerySet[Model]:
    """Return the objects that the draft covers, now or then, and that the asker may see."""
    rows = visible(entry.model._default_manager.all(), asker, f"{entry.noun}.view").order_by()
    places = [each.terms.organisation_ids for each in draft.either]
    if entry.organisation is None or None in places:
        return rows
    covered = frozenset[UUID]().union(*(each for each in places if each is not None))
    return rows.filter(**{f"{entry.organisation}__in": covered})


def _changes(
    rows: QuerySet[Model], entry: Protected, audiences: Sequence[_Audience], *, reads: bool, deadline: float
) -> list[tuple[Any, ...]] | None:
    """Return the key of each row for which something changes, with before and after for each audience in turn.

    ``None`` when there is no time left for it. One statement.
    """
    flags: dict[str, Combinable] = {}
    changed = Q()
    for i, audience in enumerate(audiences):
        flags[f"before_{i}"] = _flag(audience.before, entry, reads=reads)
        flags[f"after_{i}"] = _flag(audience.after, entry, reads=reads)
        changed |= Q(**{f"before_{i}": True, f"after_{i}": False}) | Q(**{f"before_{i}": False, f"after_{i}": True})
    left = deadline - monotonic()
    if left <= 0:
        return None
    try:
        with at_most(left):
            return list(rows.annotate(**flags).filter(changed).values_list("pk", *flags)[: MOST_OBJECTS + 1])
    except OperationalError:
        return None


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let statements take so long; what takes longer raises ``OperationalError``, and leaves the transaction usable."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        [own] = cursor.fetchone()
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{max(1, int(seconds * 1000))}ms"])
        yield
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [own])


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _flag(reach: Scope, entry: Protected, *, reads: bool) -> Combinable:
    """Return whether a scope reaches the row, as SQL that is never NULL."""
    condition = Q(pk__in=[]) if reach.is_empty() else condition_of(reach, entry, reads=reads)
    if condition is None:
        return Value(value=True, output_field=BooleanField())
    return Case(When(condition, then=Value(value=True)), default=Value(value=False), output_field=BooleanField())


def _note(
    row: tuple[Any, ...],
    audiences: Sequence[_Audience],
    gained: Mapping[UUID, set[UUID]],
    lost: Mapping[UUID, set[UUID]],
) -> None:
    pk, *flags = row
    for audience, (before, after) in zip(audiences, _chunks(flags, 2), strict=True):
        if before != after:
            for user in audience.users:
                (gained if after else lost)[user.pk].add(pk)


def _tally(found: Mapping[UUID, set[UUID]]) -> Tally:
    return Tally(objects=len(set[UUID]().union(*found.values())), people=len(found))


def _labels(entry: Protected, ids: set[UUID], asker: Actor) -> dict[UUID, str]:
    if not ids or not may_name(asker, entry.noun):
        return {}
    return {row.pk: str(row)[:200] for row in entry.model._default_manager.filter(pk__in=ids)}
