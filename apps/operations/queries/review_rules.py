"""The rules by which organisations review: which of them ask for the review of an operation, as it is published."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from apps.access.queries import lineages_of
from apps.access.types import Actor
from apps.core.types import Feature, FieldError
from apps.filters.queries import compile_predicate, parse, require_askable
from apps.filters.registry import queryables_for, queryables_of
from apps.filters.types import Filter, FilterError, Queryables
from apps.operations.models import ReviewRule, ReviewRuleSet

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


def rules_version() -> int:
    """Return what changes whenever the rules do; read it before the rules."""
    return ReviewRuleSet.objects.values_list("version", flat=True).first() or 0


def rules_asking(operation: Feature) -> list[ReviewRule]:
    """Return the enabled rules by which this operation is reviewed, in the order of their making; two statements.

    They are those of its organisation and of all above it whose condition is not FALSE: where one cannot be read any
    more, or nothing is known, somebody is asked.
    """
    assert operation.organisation_id is not None  # noqa: S101 - every operation is somebody's
    lineage = lineages_of([operation.organisation_id])[operation.organisation_id]
    rules = ReviewRule.objects.filter(organisation__in=lineage, is_enabled=True).order_by("id")
    return [rule for rule in rules if _asks(rule.condition, operation)]


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
