"""The timeline of what is planned: one row for each operation, drawn by the server as SVG; a day, or a week."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from apps.access.models import Organisation
from apps.access.staff import narrow
from apps.access.types import Actor
from apps.lifecycle.queries import states_of
from apps.lifecycle.types import State
from apps.operations.models import Operation, OperationKind
from apps.operations.queries import Planned, planned_between
from apps.operations.types import OVER, Span, Verdict

LENGTHS: Final = {"day": 1, "week": 7}
MOST_ROWS: Final = 100
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
ROW_PX: Final = 50
HEAD_PX: Final = 34
CLASHES: Final = {
    Verdict.REFUSED: "In the way of each other",
    Verdict.NEEDS_APPROVAL: "Not comparable; somebody has to judge",
    Verdict.OVERRULES: "Gives way to this",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to see: from an instant, so many days; ids and names narrow it.

    ``is_now`` says that nobody named a day: then it begins shortly before now.
    """

    begins: datetime
    is_now: bool = False
    length: str = "day"
    organisation: UUID | None = None
    kind: str = ""
    state: str = ""
    is_over: bool = False

    @property
    def window(self) -> Span:
        """Return the time that is shown."""
        return Span(self.begins, self.begins + timedelta(days=LENGTHS[self.length]))

    def query(self, **changes: object) -> str:
        """Return the query string that asks for the same, but for some of it."""
        asked = {
            "from": "" if self.is_now else self.begins.date().isoformat(),
            "show": self.length,
            "organisation": self.organisation or "",
            "kind": self.kind,
            "state": self.state,
            "over": "1" if self.is_over else "",
            **changes,
        }
        return urlencode({name: value for name, value in asked.items() if value})


def read_asked(query: Mapping[str, str], *, at: datetime) -> Asked:
    """Return what a query string asks for; what makes no sense is as if it were not there."""
    length = query.get("show", "") if query.get("show") in LENGTHS else "day"
    day = _day(query.get("from", ""))
    return Asked(
        begins=_just_before(at, length) if day is None else datetime.combine(day, time(), UTC),
        is_now=day is None,
        length=length,
        organisation=_id(query.get("organisation", "")),
        kind=_name(query.get("kind", "")),
        state=_name(query.get("state", "")),
        is_over=query.get("over") == "1",
    )


def without(asked: Asked, hidden: Collection[str]) -> Asked:
    """Return what is asked without what would tell of something hidden, by what it narrows."""
    return replace(
        asked,
        kind="" if "kind" in hidden else asked.kind,
        state="" if "state" in hidden else asked.state,
        is_over=asked.is_over or "state" in hidden,
    )


def timeline_of(operations: QuerySet[Operation], asked: Asked, actor: Actor, *, at: datetime) -> dict[str, Any]:
    """Return what the page shows of operations that the actor may see, with all that tells when they are."""
    window = asked.window
    found = _matching(operations, asked).select_related("kind", "organisation").defer("area")
    rows = list(found.order_by("starts_at", "id")[: MOST_ROWS + 1])
    planned = planned_between(rows[:MOST_ROWS], window, actor)
    shown, states = [each for each in planned if each.times], states_of("operations")
    drawn = [_row(each, states.get(each.operation.state), place, window) for place, each in enumerate(shown)]
    step = timedelta(days=LENGTHS[asked.length])
    return {
        "asked": asked,
        "rows": drawn,
        "is_cut": len(rows) > MOST_ROWS,
        "height": HEAD_PX + max(1, len(drawn)) * ROW_PX,
        "head": HEAD_PX,
        "row_height": ROW_PX,
        "ticks": list(_ticks(window, asked.length)),
        "now": _share(at, window) if window.start <= at <= window.end else None,
        "before": asked.query(**{"from": (asked.begins - step).date().isoformat()}),
        "after": asked.query(**{"from": (asked.begins + step).date().isoformat()}),
        "today": asked.query(**{"from": ""}),
        "lengths": [(name, asked.query(show=name), name == asked.length) for name in LENGTHS],
    }


def choices(actor: Actor, hidden: Collection[str]) -> dict[str, Any]:
    """Return what the page offers to narrow by; nothing that is hidden."""
    states = [] if "state" in hidden else [(name, state.label) for name, state in states_of("operations").items()]
    kinds = [] if "kind" in hidden else list(OperationKind.objects.order_by("name").values_list("slug", "name"))
    organisations = narrow(Organisation.objects.order_by("name"), actor).values_list("pk", "name")[:1000]
    return {"states": states, "kinds": kinds, "organisations": [(str(pk), name) for pk, name in organisations]}


def _matching(operations: QuerySet[Operation], asked: Asked) -> QuerySet[Operation]:
    window = asked.window
    known = {"organisation_id": asked.organisation, "kind__slug": asked.kind, "state": asked.state}
    operations = operations.filter(**{name: value for name, value in known.items() if value})
    if not asked.is_over and not asked.state:
        operations = operations.exclude(state_category=OVER)
    return operations.filter(starts_at__lte=window.end, ends_at__gte=window.start)


def _row(planned: Planned, state: State | None, place: int, window: Span) -> dict[str, Any]:
    operation = planned.operation
    return {
        "operation": operation,
        "url": reverse("admin:operations_operation_change", args=[operation.pk]),
        "state": state,
        "y": HEAD_PX + place * ROW_PX,
        "meets": _meets(planned),
        "bars": [{**_bar(each, window), "says": _says(each)} for each in planned.times],
        "clashes": [
            {
                **_bar(each.during, window),
                "says": f"{CLASHES[each.verdict]}: {each.other or 'space that is taken'}, {_says(each.during)}",
                "is_alert": each.verdict is not Verdict.OVERRULES,
            }
            for each in planned.clashes
        ],
    }


def _meets(planned: Planned) -> str:
    """Return what an operation and another cannot both have, in words; nothing where it has its space."""
    others = {each.other or "space that is taken" for each in planned.clashes if each.verdict is not Verdict.OVERRULES}
    return ", ".join(sorted(others))


def _bar(span: Span, window: Span) -> dict[str, float]:
    """Return where a time lies in the window, in percent; at least as wide as can be seen."""
    start, end = _share(max(span.start, window.start), window), _share(min(span.end, window.end), window)
    return {"x": round(start, 3), "width": round(max(end - start, 0.35), 3)}


def _share(at: datetime, window: Span) -> float:
    return round(100 * ((at - window.start) / (window.end - window.start)), 3)


def _ticks(window: Span, length: str) -> Iterator[dict[str, Any]]:
    """Yield where lines stand, and what is written at them: hours of a day, days of a week."""
    step = timedelta(hours=2) if length == "day" else timedelta(days=1)
    at = window.start
    while at < window.end:
        is_hour = length == "day" and at.hour
        yield {"x": _share(at, window), "says": f"{at:%H:%M}" if is_hour else f"{at:%a} {at.day}"}
        at += step


def _says(span: Span) -> str:
    same = span.start.date() == span.end.date()
    end = f"{span.end:%H:%M}" if same else f"{span.end:%Y-%m-%d %H:%M}"
    return f"{span.start:%Y-%m-%d %H:%M} to {end} UTC"


def _just_before(at: datetime, length: str) -> datetime:
    """Return where a view that shows now begins: two hours before, or at midnight; at an even hour."""
    hour = 0 if length == "week" else at.hour - at.hour % 2
    return at.replace(hour=hour, minute=0, second=0, microsecond=0) - timedelta(hours=2 if length == "day" else 0)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # A margin on both sides, so that a week before or after is still a date.
    return found if date(1900, 1, 1) <= found <= date(9000, 1, 1) else None


def _name(text: str) -> str:
    return text if NAME.fullmatch(text) else ""


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
