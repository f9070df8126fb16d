"""What may happen next, making it happen, and what has happened: two views for a noun to finish.

A noun's view says how to ``find`` a visible object and how to ``show`` it; the rest is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.veils import STATE
from apps.core import clock
from apps.core.api.etags import etag, if_match
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, one, read_body
from apps.core.types import NotFound
from apps.filters.api.lists import ListView
from apps.lifecycle import queries, services
from apps.lifecycle.api.serializers import HistorySerializer, TransitionRequestSerializer, TransitionsSerializer
from apps.lifecycle.models import Stateful
from apps.lifecycle.registry import definition_of


class LifecycleView(NounView):
    """A view below one object of a noun."""

    history_url_name = ""

    def find(self, request: Request, object_id: UUID) -> Stateful:
        """Return the object, if the caller may see it; raises ``NotFound``."""
        raise NotImplementedError

    def show(self, request: Request, row: Stateful) -> object:
        """Return the object as the noun's own view shows it."""
        raise NotImplementedError

    def find_with_state(self, request: Request, object_id: UUID) -> Stateful:
        """Return the object, if the caller may see it and its state; raises ``NotFound``."""
        row = self.find(request, object_id)
        shown = self.show(request, row)
        if not isinstance(shown, Mapping) or STATE not in shown or not row.lifecycle_key:
            raise NotFound("There is no such thing, or you may not see it.")
        return row


class TransitionsView(LifecycleView):
    """What may happen to one object now. A noun for which more belongs to a move names the service that makes it."""

    move: Any = staticmethod(services.advance)

    @extend_schema(responses=TransitionsSerializer)
    def get(self, request: Request, object_id: UUID) -> Response:
        """Show the state, what you may make happen now, and what the clock will do."""
        require_known(request, ())
        row = self.find_with_state(request, object_id)
        body = TransitionsSerializer(
            {
                "lifecycle": definition_of(row),
                "state": queries.state_of(row),
                "since": row.state_since,
                "allowed": queries.allowed(row, actor_of(request)),
                "due": queries.timers(row),
                "ways": queries.ways_out(row, actor_of(request)),
                "history": reverse(self.history_url_name, args=[object_id]),
            }
        )
        # Not ``one``: who asks may come to be allowed more while the version stays.
        return Response(body.data, headers={"ETag": etag(row.version), "Cache-Control": "no-store"})

    @idempotent
    @if_match
    def post(self, request: Request, object_id: UUID, *, expected_version: int | None) -> Response:
        """Make a transition; the answer is the object as it is then. 409 lists what its state allows."""
        body: dict[str, Any] = read_body(request, TransitionRequestSerializer)
        moved = self.move(
            self.find(request, object_id),
            body["transition"],
            actor=actor_of(request),
            at=clock.now(),
            reason=body["reason"],
            answers=body["answers"],
            expected_version=expected_version,
        )
        return one(request, self.show(request, moved), version=moved.version)


class HistoryView(LifecycleView, ListView):
    """What has happened to one object."""

    queryables = "transitions"
    ordering = ("id",)

    @extend_schema(responses=HistorySerializer(many=True))
    def get(self, request: Request, object_id: UUID) -> Response:
        """List the transitions that were made, oldest first."""
        require_known(request, ())
        row = self.find_with_state(request, object_id)
        actor = actor_of(request)
        paginator = self.pagination_class()
        steps = paginator.paginate_queryset(queries.visible_history(row, actor), request, self)
        context = {"request": request, "shows_answers": queries.visible_answers(row, actor)}
        return paginator.get_paginated_response(HistorySerializer(steps, many=True, context=context).data)
