"""``/api/v1/events``: the log from a cursor on, as its reader may see it; and a door for what others have to say."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Q
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.core import clock
from apps.core.api.json import JSONParser
from apps.core.api.paging import MAX_LIMIT, read_limit
from apps.core.api.parameters import read_text, require_known
from apps.core.types import Malformed
from apps.events import queries, services
from apps.events.api.serializers import EventPageSerializer, OutsideEventSerializer, ReceivedSerializer
from apps.events.rules.incoming import (
    OutsideEvent,
    is_binary_mode,
    members_of_headers,
    read_batch,
    read_event,
)
from apps.events.types import Cursor
from apps.filters.api.lists import FILTER_PARAMETERS, ListView, asked_condition
from apps.filters.registry import queryables_for

# How much of the log one request looks through for somebody who may see little of it.
SCAN: Final = 5_000
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


class EventParser(JSONParser):
    """Reads one event in structured mode."""

    media_type = STRUCTURED


class BatchParser(JSONParser):
    """Reads many events."""

    media_type = BATCH


class EventsView(ListView):
    """The log."""

    queryables = "events"

    @extend_schema(
        operation_id="events_list",
        parameters=[
            OpenApiParameter("after", OpenApiTypes.STR, description="A cursor; without one, the oldest there is."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100}),
            OpenApiParameter(
                "type", OpenApiTypes.STR, description="Types, with commas in between; `prefix.*` is many."
            ),
            *FILTER_PARAMETERS,
        ],
        responses=EventPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Read the events after a cursor, in order: those of objects that you may see. 410 when it is too old."""
        require_known(request, {"after", "type"})
        text = read_text(request, "after")
        after = queries.earliest() if text is None else Cursor.parse(text)
        page = queries.visible_page(
            actor_of(request),
            after=after,
            limit=read_limit(request),
            scan=SCAN,
            matching=asked_condition(request, queryables_for(request, self.queryables)) & asked_types(request),
        )
        return Response({"items": page.items, "cursor": str(page.cursor), "head": str(page.head)})

    @extend_schema(
        operation_id="events_send",
        request={STRUCTURED: OutsideEventSerializer, BATCH: OutsideEventSerializer(many=True)},
        responses={202: ReceivedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Say what has happened to objects that you may see, where you hold `events.send`; all of it or nothing.

        CloudEvents 1.0, in structured, binary (`ce-` headers, JSON) or batch mode. Sent again, by `source` and `id`,
        it is a duplicate and has no effect. No type of yours begins with `watchfloor.`.
        """
        require_known(request, ())
        received = services.receive_events(_read_events(request), actor=actor_of(request), at=clock.now())
        return Response({"accepted": received.accepted, "duplicates": received.duplicates}, status=202)

    def get_parsers(self) -> list[Any]:
        """Return the parsers of the three modes; of binary mode the body is the data."""
        return [EventParser(), BatchParser(), JSONParser()]


def asked_types(request: Request) -> Q:
    """Return the condition of the parameter ``type``, empty without it."""
    text = read_text(request, "type", max_length=2_000)
    return queries.of_types(text.split(",")) if text else Q()


def _read_events(request: Request) -> list[OutsideEvent]:
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind == BATCH:
        return read_batch(request.data)
    if kind == STRUCTURED:
        return [read_event(request.data)]
    if not is_binary_mode(request.headers):
        raise Malformed(f"Send {STRUCTURED}, {BATCH}, or JSON with ce- headers.", code="not_a_cloud_event")
    return [read_event(members_of_headers(request.headers, request.data))]
