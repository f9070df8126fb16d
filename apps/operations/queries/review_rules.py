"""The rules by which organisations review, and the kinds that all of them do: who reviews an operation for what it is.

They are kept in memory under a token that the database renews.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

from django.db.models import QuerySet

from apps.access.queries import lineages_of, visible
from apps.access.types import Actor
from apps.core.prepared import read_token
from apps.core.types import Feature, FieldError
from apps.filters.queries import compile_predicate, parse, require_askable
from apps.filters.registry import queryables_for, queryables_of
from apps.filters.types import Filter, FilterError, Queryables
from apps.operations.models import OperationKind, ReviewRule
from apps.operations.types import Reason

VERSION_SQL: Final = "SELECT version FROM operations_reviewruleset"
# What an operation has come to is no part of what is planned: the same plan is asked about by the same rules.
NO_PART: Final = frozenset(
    {
        "approved_at",
        "changed_at",
        "closed_at",
        "recorded_at",
        "state",
        "state_category",
        "state_since",
        "submitted_at",
    }
)
CLOCK: Final = "now() cannot be asked: time passes without anybody being asked anew."


class RuleBook:
    """The enabled rules, the kinds that are reviewed, and who stands below whom, at one version of them all."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._rules = tuple(ReviewRule.objects.filter(is_enabled=True).order_by("id"))
        self._kinds = frozenset(OperationKind.objects.filter(is_reviewed=True).values_list("slug", flat=True))
        self._lineages: dict[UUID, frozenset[UUID]] = {}

    def asking(self, operation: Feature) -> list[ReviewRule]:
        """Return the rules by which this operation, as it is published, is reviewed, in the order of their making.

        They are those of its organisation and of all above it whose condition is not FALSE: where one cannot be read
        any more, or nothing is known, somebody is asked.
        """
        if not self._rules:
            return []
        lineage = self._lineage_of(cast("UUID", operation.organisation_id))
        return [rule for rule in self._rules if rule.organisation_id in lineage and _asks(rule.condition, operation)]

    def reviews_kind(self, slug: str) -> bool:
        """Say whether every organisation reviews its own operations of the kind of that slug."""
        return slug in self._kinds

    def _lineage_of(self, organisation_id: UUID) -> frozenset[UUID]:
        if organisation_id not in self._lineages:
            self._lineages |= lineages_of([organisation_id])
        return self._lineages[organisation_id]


def rules_version() -> int:
    """Return what changes whenever the rules do, or the tree, or which kinds are reviewed."""
    return read_token(VERSION_SQL)


def rule_book() -> RuleBook:
    """Return the rules as this transaction sees them: one small statement while none of them changes.

    Their version is read before they are: a change in between brings another one, and the next caller reads again.
    """
    version = rules_version()
    book = _kept.book
    if book is None or book.version != version:
        book = _kept.book = RuleBook(version)
    return book


def reviews_shown(plan: Feature, *, actor: Actor) -> list[dict[str, Any]]:
    """Return who reviews a plan for what it is, whatever it meets; rules are named to whoever may see them."""
    book = rule_book()
    asking = book.asking(plan)
    seen = rules_seen([rule.pk for rule in asking], actor)
    is_reviewed = book.reviews_kind(str(plan.properties["kind"]))
    own = [(plan.organisation_id, Reason.ORGANISATION, "")] if is_reviewed else []
    by_rules = [(each.organisation_id, Reason.RULE, each.name if each.pk in seen else "") for each in asking]
    return [
        {"organisation_id": organisation_id, "reason": reason, "rule_name": name}
        for organisation_id, reason, name in (*own, *by_rules)
    ]


def rules_seen(ids: Collection[UUID], actor: Actor) -> frozenset[UUID]:
    """Return which of these rules somebody may see, and so know by name; nothing is asked about none."""
    if not ids:
        return frozenset()
    rules = visible(ReviewRule.objects.filter(pk__in=ids), actor, "review-rules.view")
    return frozenset(rules.values_list("pk", flat=True))


def review_rules_matching(
    rules: QuerySet[ReviewRule], *, organisation_id: UUID | None = None, is_enabled: bool | None = None
) -> QuerySet[ReviewRule]:
    """Return the rules that meet every condition given."""
    known = {"organisation_id": organisation_id, "is_enabled": is_enabled}
    return rules.filter(**{name: value for name, value in known.items() if value is not None})


def condition_errors(condition: str, actor: Actor) -> Iterator[FieldError]:
    """Yield the one error of a condition that somebody wants to save, with its place in the text, if it has one.

    Nobody asks for what is hidden from them.
    """
    try:
        found = _read(condition) if condition else None
        if found is not None:
            require_askable(found, queryables_for(actor, "operations"))
    except FilterError as error:
        yield from error.at("/condition").errors


def is_readable(condition: str) -> bool:
    """Say whether a condition can still be read, which it could when it was saved."""
    try:
        return not condition or bool(_read(condition))
    except FilterError:
        return False


def _asks(condition: str, operation: Feature) -> bool:
    try:
        return not condition or compile_predicate(_read(condition))(operation) is not False
    except FilterError:
        return True


def _read(condition: str) -> Filter:
    found = parse(condition, queryables=_planned(queryables_of("operations")))
    if found.uses_clock:
        raise FilterError(CLOCK, code="not_live")
    return found


@lru_cache(maxsize=1)
def _planned(whole: Queryables) -> Queryables:
    """Return what may be asked of a plan: always the same object, by which what was read before is found again."""
    return whole.without(NO_PART)


class _Kept:
    """The rules that this process read last. Threads that read them at once all read what is true for them."""

    def __init__(self) -> None:
        self.book: RuleBook | None = None


_kept = _Kept()
