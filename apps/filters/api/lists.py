"""What every list of ``/api/v1`` takes beside its own parameters: ``filter`` with language and CRS, and ``datetime``.

A list's view says which noun it lists, and the paginator does the rest; what a list shows is narrowed by the doors of
access before, so a filter never finds more than its sender may see.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final, TypeAlias

from django.db.models import Expression, Q
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.core.api.paging import KeysetPaginator, described
from apps.core.api.parameters import bad_parameter
from apps.core.api.views import NounView
from apps.core.clock import now
from apps.filters.queries import CQL2_JSON, CQL2_TEXT, compile_sql, parse
from apps.filters.registry import queryables_for, queryables_of
from apps.filters.rules.times import OPEN, midnight, parse_date, parse_instant
from apps.filters.types import FilterError, Queryable, Queryables, Type

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
LANGUAGES: Final = (CQL2_TEXT, CQL2_JSON)
FILTERING: Final = frozenset({"filter", "filter-lang", "filter-crs"})

Window: TypeAlias = tuple[datetime | None, datetime | None]


class FilteringPaginator(KeysetPaginator):
    """Pages of what a filter and a time leave of a list."""

    def narrowed(self, queryset: Any, request: Request, view: APIView | None) -> Any:
        """Return the rows that the filter and the time let through; raises ``FilterError`` or ``Invalid``."""
        noun = view.queryables if isinstance(view, ListView) else ""
        self.found = queryables_for(request, noun)
        condition = asked_condition(request, self.found)
        return queryset.filter(condition) if condition else queryset

    def _order(self, request: Request, view: APIView | None) -> tuple[str, ...]:
        """Return the order; nothing is in the order of what is hidden, which the cursor would tell as well."""
        order = super()._order(request, view)
        if self.found.hidden.isdisjoint(name.removeprefix("-") for name in order):
            return order
        if "sort" in request.query_params:
            raise bad_parameter("sort", "This cannot be sorted by.")
        return ("pk",)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """Describe the query parameters for OpenAPI."""
        parameters = super().get_schema_operation_parameters(view)
        if isinstance(view, ListView):
            parameters += [_DESCRIBED[name] for name in sorted(view.list_parameters)]
        return parameters


class ListView(NounView):
    """A view that lists one noun: ``queryables`` names it, as it is registered."""

    queryables: ClassVar[str]
    pagination_class = FilteringPaginator

    @property
    def list_parameters(self) -> Collection[str]:  # type: ignore[override]  # computed where others list
        """Return the parameters that the paginator reads."""
        has_time = queryables_of(self.queryables).valid_time is not None
        return FILTERING | {"datetime"} if has_time else FILTERING

    @property
    def sort_fields(self) -> Sequence[str]:  # type: ignore[override]
        """Return what may be sorted by: the sortable queryables."""
        return tuple(queryables_of(self.queryables).sortable)


def asked_condition(request: Request, queryables: Queryables) -> Q:
    """Return what ``filter`` and ``datetime`` ask for, empty if nothing; raises ``FilterError`` or ``Invalid``."""
    condition = Q()
    source = request.query_params.get("filter")
    language = _read_one_of(request, "filter-lang", LANGUAGES) or CQL2_TEXT
    _read_one_of(request, "filter-crs", (CRS84,))
    if source is not None:
        condition &= Q(_compiled(source, queryables, language))
    times = request.query_params.get("datetime")
    if times is not None and queryables.valid_time is not None:
        condition &= _overlaps(_valid_time(queryables), read_window(times))
    return condition


def _compiled(source: str, queryables: Queryables, language: str) -> Expression:
    try:
        return compile_sql(parse(source, queryables=queryables, lang=language), values={"now": now()})
    except FilterError as error:
        raise error.at("?filter") from error


def read_window(text: str) -> Window:
    """Return ``datetime`` as its two ends, both included: one instant, or ``start/end`` where ``..`` is open.

    A date stands for its whole day, in UTC. Raises ``Invalid``.
    """
    begins, slash, ends = text.partition("/")
    if not slash:
        start, end = _read_end(begins), _read_end(begins, is_last=True)
        if start is None:
            raise bad_parameter("datetime", "An instant, a date, or start/end where .. is open.")
        return start, end
    start, end = _read_end(begins), _read_end(ends, is_last=True)
    if start is not None and end is not None and start > end:
        raise bad_parameter("datetime", "It ends before it starts.")
    return start, end


def _read_end(text: str, *, is_last: bool = False) -> datetime | None:
    if text in ("", OPEN):
        return None
    # In a query string a plus sign is a space.
    found = parse_date(text) or parse_instant(text.replace(" ", "+"))
    if found is None:
        raise bad_parameter("datetime", "An instant is like 2026-07-01T12:00:00Z, a date like 2026-07-01.")
    if isinstance(found, datetime):
        return found
    return _last_of(found) if is_last else midnight(found)


def _last_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, 59, 999_999, tzinfo=UTC)


def _valid_time(queryables: Queryables) -> Queryable:
    """Return what ``datetime`` means; raises ``FilterError`` where that is hidden."""
    found = queryables.find(str(queryables.valid_time))
    if found is None:
        raise FilterError("There is no property to ask for by datetime.", code="unknown_property", pointer="?datetime")
    return found[0]


def _overlaps(queryable: Queryable, window: Window) -> Q:
    """Return "has a moment in the window": both its ends count, of an interval of ours the end does not."""
    start, end = window
    if queryable.type is Type.INTERVAL:
        return _interval_overlaps(queryable, start, end)
    condition = Q()
    if start is not None:
        condition &= Q(**{f"{queryable.lookup}__gte": start})
    if end is not None:
        condition &= Q(**{f"{queryable.lookup}__lte": end})
    return condition


def _interval_overlaps(queryable: Queryable, start: datetime | None, end: datetime | None) -> Q:
    if not queryable.until:
        # Half-open as every range of ours: one microsecond more takes the end in.
        after = None if end is None else end + timedelta(microseconds=1) if end < _LAST else None
        return Q(**{f"{queryable.lookup}__overlap": (start, after)})
    condition = Q() if end is None else Q(**{f"{queryable.lookup}__lte": end})
    if start is not None:
        condition &= Q(**{f"{queryable.until}__gt": start}) | Q(**{f"{queryable.until}__isnull": True})
    return condition


def _read_one_of(request: Request, name: str, allowed: Sequence[str]) -> str | None:
    text = request.query_params.get(name)
    if text is not None and text not in allowed:
        raise bad_parameter(name, f"It is {' or '.join(allowed)}.")
    return text


_LAST: Final = datetime.max.replace(tzinfo=UTC)
_DESCRIBED: Final = {
    each["name"]: each
    for each in (
        described(
            "filter",
            {"type": "string", "maxLength": 8_192},
            "CQL2 (OGC 21-065r2), such as `name LIKE 'Tug%' AND is_active`. What may be asked stands under "
            "`/api/v1/queryables/{noun}`. TRUE includes; FALSE and NULL leave out.",
        ),
        described(
            "filter-lang", {"type": "string", "enum": list(LANGUAGES), "default": CQL2_TEXT}, "How `filter` is written."
        ),
        described(
            "filter-crs", {"type": "string", "enum": [CRS84]}, "What its coordinates are; only degrees, lon lat."
        ),
        described(
            "datetime",
            {"type": "string"},
            "Valid at an instant or a date, or at some time in `start/end`, where `..` is open.",
        ),
    )
}
FILTER_PARAMETERS: Final = [
    OpenApiParameter(name, each["schema"], description=each["description"]) for name, each in _DESCRIBED.items()
]
