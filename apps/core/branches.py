"""Pages and counts of a queryset that is the union of few selective conditions.

``a OR b OR c`` with an order and a limit makes PostgreSQL walk the whole order, or sort everything that is found. Told
apart, each branch walks an index of its own and stops at the limit. Whoever narrows a queryset so says what its
branches are; whoever pages or counts asks here, and others lose nothing by not knowing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)
HINT: Final = "branches"
KNOWN: Final = "known"
# More branches than that cost more than they save.
MOST: Final = 16


def of_any(queryset: QuerySet[M], branches: Sequence[Q]) -> QuerySet[M]:
    """Return the rows that meet any of the conditions; the queryset knows that it is their union."""
    found = queryset.filter(reduce(or_, branches))
    last = found.query.where.children[-1]
    if len(branches) > 1 and len(branches) <= MOST and getattr(last, "connector", "") == "OR":
        found._add_hints(**{HINT: (len(found.query.where.children) - 1, tuple(branches))})  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own way
    return found


def of_known(queryset: QuerySet[M], among: Q, number: int) -> QuerySet[M]:
    """Return the rows that a condition names one by one; ``number`` of them exist, as whoever narrows so knows."""
    found = queryset.filter(among)
    found._add_hints(**{KNOWN: number})  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own way
    return found


def first_of(queryset: QuerySet[Any, Any], order: Sequence[str], limit: int) -> QuerySet[Any, Any]:
    """Return the first rows of a queryset in an order; one statement. Only an order by the key goes by branches."""
    branches = _branches(queryset) if order[0].removeprefix("-") in ("pk", "id") else ()
    if not branches:
        return queryset.order_by(*order)[:limit]
    rest = _without_union(queryset)
    firsts = [rest.filter(branch).order_by(*order).values("pk")[:limit] for branch in branches]
    # Not ``all``: what two branches find would take the place of what comes after it.
    found = firsts[0].union(*firsts[1:]).order_by(order[0])[:limit]
    return rest.filter(pk__in=found).order_by(*order)[:limit]


def count_up_to(queryset: QuerySet[Any, Any], most: int) -> int:
    """Return how many rows there are, counted no further than ``most``."""
    known: int | None = getattr(queryset, "_hints", {}).get(KNOWN)
    if known is not None and len(queryset.query.where.children) == 1:
        return min(most, known)
    branches = _branches(queryset)
    if not branches:
        return queryset.order_by()[:most].count()
    rest = _without_union(queryset).order_by()
    # Mostly one branch alone has that many, and then the others are not even written down.
    first = rest.filter(branches[0]).values("pk")[:most]
    if first.count() >= most:
        return most
    return min(most, first.union(*(rest.filter(branch).values("pk")[:most] for branch in branches[1:])).count())


def _branches(queryset: QuerySet[Any, Any]) -> Sequence[Q]:
    """Return the conditions of which the rows are the union; a statement of the union itself hides their indexes."""
    hint: tuple[int, Sequence[Q]] | None = getattr(queryset, "_hints", {}).get(HINT)
    return () if hint is None or queryset.query.combinator else hint[1]


def _without_union(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """Return the queryset without the condition that its branches make up; whatever was asked besides stays."""
    place, _ = queryset._hints[HINT]  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    rest = queryset.all()
    # Filters only ever add to the end, so the union is where it was.
    del rest.query.where.children[place]
    return rest
