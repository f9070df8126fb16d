"""The lifecycle of one zone over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.access.api.authentication import actor_of
from apps.access.api.hiding import shown
from apps.access.queries import visible_row
from apps.lifecycle.api.calls import CallsView
from apps.lifecycle.api.serializers import TransitionRequestSerializer
from apps.lifecycle.api.views import HistoryView, LifecycleView, TransitionsView
from apps.zones.api.serializers import ZoneSerializer, zone_body, zone_rows
from apps.zones.models import Zone
from apps.zones.published import published_zones

VIEW = "zones.view"


class OneZone(LifecycleView):
    """What the lifecycle's views must know of zones."""

    history_url_name = "zone-history"

    def find(self, request: Request, object_id: UUID) -> Zone:
        """Return the zone, if the caller may see it."""
        return visible_row(published_zones(), object_id, actor_of(request), VIEW)

    def show(self, request: Request, row: Any) -> object:
        """Return the zone as REST shows it."""
        return shown(request, VIEW, zone_body(zone_rows(Zone.objects.filter(pk=row.pk)).get()))


class ZoneTransitionsView(OneZone, TransitionsView):
    """What may happen to one zone now."""

    post = extend_schema(request=TransitionRequestSerializer, responses=ZoneSerializer)(TransitionsView.post)


class ZoneHistoryView(OneZone, HistoryView):
    """What has happened to one zone."""


class ZoneCallsView(OneZone, CallsView):
    """What services were asked about one zone."""
