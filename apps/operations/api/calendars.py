"""What is planned, as a calendar (RFC 5545) that calendar programs subscribe to, and one operation as a file of it.

An event stands for all volumes of an operation that have the same time. Its ``UID`` stays as long as the operation,
its ``SEQUENCE`` is the operation's version. What a policy hides from the caller is not in it; where the times are
hidden there is no event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from icalendar import Calendar, Event, vRecur, vText
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from apps.access.api.authentication import KeyAsPasswordAuthentication
from apps.core.api.json import dumps
from apps.core.clock import now
from apps.filters.api.lists import ListView
from apps.operations.api.time_zones import time_zone
from apps.operations.api.views import FILTERS, find_operation, operations_asked, show_operations
from apps.operations.rules.recurrence import spans_of
from apps.operations.types import Recurrence

TYPE: Final = "text/calendar"
MOST_EVENTS: Final = 1_000
# Without a time of its own a feed has what ends from so long ago on.
KEPT: Final = timedelta(days=31)
NAMING_A_TIME: Final = frozenset({"datetime", "valid_at", "filter"})
STATUSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("draft", "submitted", "in_review"), "TENTATIVE"),
    **dict.fromkeys(("cancelled", "rejected", "expired"), "CANCELLED"),
}
# When an event begins and ends, its rule and the zone in which that is meant; both are empty where it does not recur.
_When: TypeAlias = tuple[datetime, datetime, str, str]
AUTHENTICATION: Final[Sequence[type[BaseAuthentication]]] = [
    KeyAsPasswordAuthentication,
    *cast("Sequence[type[BaseAuthentication]]", api_settings.DEFAULT_AUTHENTICATION_CLASSES),
]


class CalendarRenderer(BaseRenderer):
    """Writes calendars; a problem stays JSON."""

    media_type = TYPE
    format = "ics"
    charset = "utf-8"

    def render(self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        """Return a calendar as it is, and everything else as JSON."""
        return data if isinstance(data, bytes) else dumps(data)


class Text(vText):
    r"""A text as RFC 5545, section 3.3.11, escapes it. To the library ``\N`` is the end of a line, as in ``C:\New``."""

    def to_ical(self) -> bytes:
        """Return it escaped."""
        escaped = self.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
        return re.sub(r"\r\n?|\n", r"\\n", escaped).encode()


class OneForm(BaseContentNegotiation):
    """Answers in the one form that there is: calendar programs say they accept anything, or something odd."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the first parser."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the first renderer, whatever is accepted."""
        return renderers[0], renderers[0].media_type


class CalendarView(ListView):
    """A calendar of what is planned."""

    queryables = "operations"
    authentication_classes = AUTHENTICATION
    renderer_classes = [CalendarRenderer]
    content_negotiation_class = OneForm

    @extend_schema(parameters=list(FILTERS.values()), responses={(200, TYPE): OpenApiTypes.STR})
    def get(self, request: Request) -> Response:
        """Give out the operations of a list as a calendar to subscribe to, 1,000 at most.

        Takes what the list takes. Without `datetime`, `valid_at` or `filter` it has what ends from a month ago on. A
        calendar program signs in with any name, and an API key as its password.
        """
        operations = self.pagination_class().narrowed(operations_asked(request), request, self)
        if NAMING_A_TIME.isdisjoint(request.query_params):
            operations = operations.filter(ends_at__gte=now() - KEPT)
        rows = list(operations.order_by("-starts_at", "-pk")[:MOST_EVENTS])
        return Response(calendar_of(request, show_operations(request, rows)))


class OperationCalendarView(ListView):
    """One operation as a calendar."""

    queryables = "operations"
    authentication_classes = AUTHENTICATION
    renderer_classes = [CalendarRenderer]
    content_negotiation_class = OneForm

    @extend_schema(responses={(200, TYPE): OpenApiTypes.STR})
    def get(self, request: Request, object_id: UUID) -> Response:
        """Give out one operation as a calendar."""
        shown = show_operations(request, [find_operation(request, object_id)])
        headers = {"Content-Disposition": f'attachment; filename="operation-{object_id}.ics"'}
        return Response(calendar_of(request, shown), headers=headers)


def calendar_of(request: Request, bodies: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the calendar of operations as REST shows them to the caller."""
    calendar = Calendar()
    calendar.add("prodid", "-//Watchfloor//Operations//EN")
    calendar.add("version", "2.0")
    calendar.add("name", "Watchfloor operations")
    calendar.add("x-wr-calname", "Watchfloor operations")
    calendar.add("refresh-interval", timedelta(minutes=15), parameters={"value": "DURATION"})
    for body in bodies:
        address = request.build_absolute_uri(reverse("operation", args=[body["id"]]))
        for event in events_of(body, address=address):
            calendar.add_component(event)
    zones = sorted(calendar.get_missing_tzids())
    if zones:
        years = [_instant(body[name]).year for body in bodies for name in ("starts_at", "ends_at") if name in body]
        first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in (min(years) - 1, max(years) + 2))
        for name in zones:
            calendar.add_component(time_zone(name, first, last))
    return bytes(calendar.to_ical())


def events_of(body: Mapping[str, Any], *, address: str) -> Iterator[Event]:
    """Yield the events of an operation as REST shows it: one for each time that volumes of it share."""
    for place, (when, volumes) in enumerate(_times(body)):
        event = _event(body, address)
        event.add("uid", f"{body['id']}{f'-{place + 1}' if place else ''}@watchfloor")
        _add_times(event, when)
        if told := _description(body, volumes):
            event.add("description", Text(told))
        yield event


def _add_times(event: Event, when: _When) -> None:
    """Say when an event is. It knows whole seconds, and ends after it starts: the one in which it ends belongs to it.

    By the clocks of a zone, a time of day that comes twice is the first of the two (RFC 5545, section 3.3.5): the other
    is said in UTC, and where a recurring one begins in it, so are all of its times.
    """
    starts_at, ends_at, rule, time_zone = when
    zone = ZoneInfo(time_zone) if time_zone else UTC
    first = starts_at.astimezone(zone)
    end = (ends_at + timedelta(microseconds=-ends_at.microsecond % 1_000_000)).astimezone(zone)
    event.add("dtstart", first.astimezone(UTC) if first.fold else first)
    event.add("dtend", end.astimezone(UTC) if first.fold or end.fold else end)
    if rule and first.fold:
        others = spans_of(starts_at, ends_at, Recurrence(rule=rule, time_zone=time_zone))[1:]
        event.add("rdate", [each.start for each in others])
    elif rule:
        event.add("rrule", vRecur.from_ical(rule))


def _event(body: Mapping[str, Any], address: str) -> Event:
    """Return what all events of an operation say."""
    event = Event()
    event.add("summary", Text(body.get("title", "Operation")))
    event.add("dtstamp", _instant(body["changed_at"]))
    event.add("last-modified", _instant(body["changed_at"]))
    event.add("created", _instant(body["recorded_at"]))
    event.add("sequence", body["version"])
    event.add("url", address)
    if "state" in body:
        event.add("status", STATUSES.get(body["state"], "CONFIRMED"))
        event.add("x-watchfloor-state", body["state"])
    if "kind" in body:
        event.add("categories", [body["kind"]])
    if body.get("contact"):
        event.add("contact", Text(body["contact"]))
    return event


def _times(body: Mapping[str, Any]) -> list[tuple[_When, list[Mapping[str, Any]]]]:
    """Return the times of an operation with the volumes of each; its whole, where its volumes are not shown."""
    if "starts_at" not in body or "ends_at" not in body:
        return []
    if "volumes" not in body:
        return [((_instant(body["starts_at"]), _instant(body["ends_at"]), "", ""), [])]
    found: dict[_When, list[Mapping[str, Any]]] = {}
    for volume in body["volumes"]:
        recurrence = volume["recurrence"] or {"rule": "", "time_zone": ""}
        when = (_instant(volume["starts_at"]), _instant(volume["ends_at"]), recurrence["rule"], recurrence["time_zone"])
        found.setdefault(when, []).append(volume)
    return list(found.items())


def _description(body: Mapping[str, Any], volumes: Sequence[Mapping[str, Any]]) -> str:
    heights = dict.fromkeys(_heights_in_words(each) for each in volumes)
    return "\n".join(each for each in (body.get("description", ""), *heights) if each)


def _heights_in_words(volume: Mapping[str, Any]) -> str:
    """Return the heights of a volume as REST shows it; nothing where it has none."""
    sides = (("from", "lower"), ("up to", "upper"))
    said = [
        f"{word} {volume[f'{side}_m']:g} m {volume[f'{side}_datum']}"
        for word, side in sides
        if volume[f"{side}_m"] is not None
    ]
    return f"Heights: {' '.join(said)}" if said else ""


def _instant(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
