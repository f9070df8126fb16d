"""``GET /api/v1/events``: the log from a cursor on, as its reader may see it."""

from __future__ import annotations

from typing import Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.core.api.paging import MAX_LIMIT, read_limit
from apps.core.api.parameters import read_text, require_known
from apps.events import queries
from apps.events.api.serializers import EventPageSerializer
from apps.events.types import Cursor
from apps.filters.api.lists import FILTER_PARAMETERS, ListView, asked_condition
from apps.filters.registry import queryables_for

# How much of the log one request looks through for somebody who may see little of it.
SCAN: Final = 5_000


class EventsView(ListView):
    """The log."""

    queryables = "events"

    @extend_schema(
        operation_id="events_list",
        parameters=[
            OpenApiParameter("after", OpenApiTypes.STR, description="A cursor; without one, the oldest there is."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100}),
            *FILTER_PARAMETERS,
        ],
        responses=EventPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Read the events after a cursor, in order: those of objects that you may see. 410 when it is too old."""
        require_known(request, {"after"})
        text = read_text(request, "after")
        after = queries.earliest() if text is None else Cursor.parse(text)
        page = queries.visible_page(
            actor_of(request),
            after=after,
            limit=read_limit(request),
            scan=SCAN,
            matching=asked_condition(request, queryables_for(request, self.queryables)),
        )
        return Response({"items": page.items, "cursor": str(page.cursor), "head": str(page.head)})
