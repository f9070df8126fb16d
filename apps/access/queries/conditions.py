"""The decision as SQL: conditions on the rows of a registered model, made from a ``Scope``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, DateTimeField, F, Func, Q, UUIDField, Value

from apps.access.types import Protected, Scope, Windows


def condition_of(reach: Scope, entry: Protected, *, reads: bool) -> Q | None:
    """Return which rows of the noun are reached; ``None`` is every row.

    Two index lookups, ``owner = ANY(...) OR object = ANY(...)``, with ids that were read once. Rows of history are
    compared with the periods of one's rights as well.
    """
    if reach.everything:
        return None
    if entry.instant is None or not reads:
        return _any_of(entry, reach.organisation_ids, reach.object_ids)
    return _history(reach, entry, entry.instant)


def in_windows(instant: str, windows: Windows) -> Q:
    """Return which rows have their instant (a lookup) in one of the windows."""
    condition = Q(pk__in=[])
    for window in windows:
        begun = {f"{instant}__gte": window.start} if window.start is not None else {}
        ends = {f"{instant}__lt": window.end} if window.end is not None else {}
        condition |= Q(**begun, **ends) if begun or ends else ~Q(pk__in=[])
    return condition


def _history(reach: Scope, entry: Protected, instant: str) -> Q:
    """Return the rows of the past that are reached, and those that still go on and are reached now."""
    organisations, objects = reach.organisation_periods, reach.object_periods
    condition = _any_of(entry, reach.organisation_ids - organisations.keys(), reach.object_ids - objects.keys())
    for path, periods in ((entry.organisation, organisations), (entry.object_path, objects)):
        if path is not None and periods:
            condition |= Q(**{f"{path}__in": list(periods)}) & Q(_InPeriods(path, instant, periods))
    if entry.while_in is not None and (organisations or objects):
        lookup, values = entry.while_in
        now = _any_of(entry, reach.organisation_ids & organisations.keys(), reach.object_ids & objects.keys())
        condition |= Q(**{f"{lookup}__in": sorted(values)}) & now
    return condition


def _any_of(entry: Protected, organisation_ids: frozenset[UUID], object_ids: frozenset[UUID]) -> Q:
    condition = Q()
    if organisation_ids and entry.organisation is not None:
        condition |= Q(**{f"{entry.organisation}__in": organisation_ids})
    if object_ids:
        condition |= Q(**{f"{entry.object_path}__in": object_ids})
    return condition or Q(pk__in=[])


class _InPeriods(Func):
    """Whether an instant lies in one of the periods of the row's owner, or of the row itself."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, path: str, instant: str, periods: Mapping[UUID, Windows], **extra: Any) -> None:
        flat = [(id_, window) for id_, windows in periods.items() for window in windows]
        super().__init__(
            F(path),
            F(instant),
            Value([id_ for id_, _ in flat], output_field=ArrayField(UUIDField())),
            Value([window.start for _, window in flat], output_field=ArrayField(DateTimeField(null=True))),
            Value([window.end for _, window in flat], output_field=ArrayField(DateTimeField(null=True))),
            **extra,
        )

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]  # noqa: ARG002 - Django's
        """Return the subquery over the arrays."""
        parts = [compiler.compile(each) for each in self.get_source_expressions()]
        (row, row_p), (at, at_p), (ids, ids_p), (starts, starts_p), (ends, ends_p) = parts
        sql = (
            f"EXISTS (SELECT FROM unnest({ids}::uuid[], {starts}::timestamptz[], {ends}::timestamptz[])"
            f" AS held (id, begins_at, ends_at) WHERE held.id = {row}"
            f" AND {at} >= coalesce(held.begins_at, '-infinity') AND {at} < coalesce(held.ends_at, 'infinity'))"
        )
        return sql, (*ids_p, *starts_p, *ends_p, *row_p, *at_p, *at_p)
