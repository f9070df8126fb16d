"""The decision as SQL: conditions on the rows of a registered model, made from a ``Scope``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, reduce
from operator import and_
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, DateTimeField, Exists, Expression, F, Func, OuterRef, Q, UUIDField, Value
from django.db.models.functions import Cast

from apps.access.judging import Clause, Policies
from apps.access.registry import judge
from apps.access.types import Protected, Scope, Windows
from apps.core.branches import MOST
from apps.core.types import TimeWindow
from apps.filters.queries import compile_sql_ternary
from apps.filters.types import FilterError

FEW: Final = 20
EVERY: Final = ~Q(pk__in=[])
NO: Final = Q(pk__in=[])


def condition_of(reach: Scope, entry: Protected, *, reads: bool) -> Q | None:
    """Return which rows of the noun are reached; ``None`` is every row.

    What is held is two index lookups, ``owner = ANY(...) OR object = ANY(...)``, with ids that were read once. Rows of
    history are compared with the periods of one's rights as well. Nothing is wrapped in ``IS TRUE``, which would hide
    it from every index: as a condition of a statement, NULL keeps a row out by itself.
    """
    held = None if reach.everything else _held(reach, entry, reads=reads)
    if not reach.policies:
        return held
    instant = entry.instant if reads else None
    if entry.judged_as is not None:
        return _by_judge(reach.policies, entry, held, instant)
    return _allowed(reach.policies, entry, held, instant)


def branches_of(reach: Scope, entry: Protected) -> list[Q]:
    """Return the same rows of a noun as a union of selective conditions, each with an index of its own.

    Empty where there are none such, or too many: then one condition does as well (``docs/decisions/0008``).
    """
    if reach.everything or entry.judged_as or entry.instant or entry.organisation is None:
        return []
    if len(reach.organisation_ids) + len(reach.policies.permits) >= MOST:
        return []
    held = [Q(**{entry.organisation: each}) for each in sorted(reach.organisation_ids)]
    if reach.object_ids:
        held.append(_among(entry.object_path, reach.object_ids))
    permitted = [_where(each, entry) & _true(each) for each in reach.policies.permits]
    return [*held, *permitted] if len(held) + len(permitted) > 1 else []


def is_granted_only(reach: Scope, entry: Protected) -> bool:
    """Say whether what is reached are the granted objects and nothing else; a grant goes with its object."""
    is_whole = not (reach.everything or reach.organisation_ids or reach.policies)
    return is_whole and entry.grants is not None and entry.owner is None and entry.instant is None


def refusals_of(reach: Scope, entry: Protected) -> Q | None:
    """Return which rows no policy refuses; ``None`` where none could."""
    return _not_refused(reach.policies, entry)


def _held(reach: Scope, entry: Protected, *, reads: bool) -> Q:
    if entry.instant is None or not reads:
        return _any_of(entry, reach.organisation_ids, reach.object_ids)
    return _history(reach, entry, entry.instant)


def _allowed(policies: Policies, entry: Protected, held: Q | None, instant: str | None) -> Q | None:
    condition = held
    if condition is not None:
        for clause in policies.permits:
            condition |= _where(clause, entry) & _true(clause) & _begun(clause, instant)
    refusals = _not_refused(policies, entry)
    if refusals is None:
        return condition
    return refusals if condition is None else condition & refusals


def _by_judge(policies: Policies, entry: Protected, held: Q | None, instant: str | None) -> Q | None:
    """Return which rows are reached that are judged as something else: conditions are about that."""
    judging = judge(entry)
    rows = judging.model._default_manager.filter(pk=OuterRef(entry.object_path))
    condition = held
    if condition is not None:
        for clause in policies.permits:
            permitted = Exists(rows.filter(_where(clause, judging) & _true(clause)))
            condition |= Q(permitted) & _begun(clause, instant)
    refusals = _not_refused(policies, judging)
    if refusals is None:
        return condition
    unrefused = Q(Exists(rows.filter(refusals)))
    return unrefused if condition is None else condition & unrefused


def _not_refused(policies: Policies, entry: Protected) -> Q | None:
    """Return where every require is TRUE and every deny FALSE; ``None`` where there is neither."""
    conditions = [
        *(~_where(each, entry) | _true(each) for each in policies.requires if _counts(each, entry)),
        *(~_where(each, entry) | _false(each) for each in policies.denies if _counts(each, entry)),
    ]
    return reduce(and_, conditions) if conditions else None


def _counts(clause: Clause, entry: Protected) -> bool:
    return clause.organisation_ids is None or entry.organisation is not None


def _where(clause: Clause, entry: Protected) -> Q:
    if clause.organisation_ids is None:
        return EVERY
    return Q(**{f"{entry.organisation}__in": clause.organisation_ids}) if entry.organisation else NO


def _true(clause: Clause) -> Q:
    """Return where the condition is TRUE."""
    if clause.condition is None or clause.is_broken:
        return NO if clause.is_broken else EVERY
    return Q(_compiled(clause))


def _false(clause: Clause) -> Q:
    """Return where the condition is FALSE, and known to be."""
    if clause.condition is None or clause.is_broken:
        return NO
    return Q(_Not(_compiled(clause)))


def _compiled(clause: Clause) -> Expression:
    assert clause.condition is not None  # noqa: S101 - said by the callers
    try:
        return compile_sql_ternary(clause.condition, values=clause.values)
    except FilterError:
        # A value that is not of its variable's type: nothing is known.
        return Cast(Value(None), BooleanField(null=True))


class _Not(Func):
    """Negates in three-valued logic, which ``~Q`` does not."""

    template = "(NOT %(expressions)s)"
    output_field = BooleanField(null=True)


def _begun(clause: Clause, instant: str | None) -> Q:
    return EVERY if instant is None or clause.during == TimeWindow() else in_windows(instant, (clause.during,))


def in_windows(instant: str, windows: Windows) -> Q:
    """Return which rows have their instant (a lookup) in one of the windows."""
    condition = NO
    for window in windows:
        begun = {f"{instant}__gte": window.start} if window.start is not None else {}
        ends = {f"{instant}__lt": window.end} if window.end is not None else {}
        condition |= Q(**begun, **ends) if begun or ends else EVERY
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
        condition |= _among(entry.organisation, organisation_ids)
    if object_ids:
        condition |= _among(entry.object_path, object_ids)
    return condition or NO


def _among(path: str, ids: frozenset[UUID]) -> Q:
    """Return "is one of these": of many, as one array, which Django would write as so many parameters."""
    return Q(_AnyOf(path, ids)) if len(ids) > FEW else Q(**{f"{path}__in": ids})


@lru_cache(maxsize=256)
def _array(ids: frozenset[UUID]) -> str:
    return f"{{{','.join(str(each) for each in sorted(ids))}}}"


class _AnyOf(Func):
    """Whether an id is one of many."""

    output_field = BooleanField()

    def __init__(self, path: str | Expression, ids: frozenset[UUID] = frozenset(), **extra: Any) -> None:
        super().__init__(path, **extra)
        self.ids = ids

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]  # noqa: ARG002 - Django's
        """Return the comparison with the array, an ordered one so that an index can be walked by it."""
        sql, params = compiler.compile(self.get_source_expressions()[0])
        return f"{sql} = ANY (%s::uuid[])", (*params, _array(self.ids))


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
