"""The addresses of tracking. In the ASGI process the hot ones are answered by ``front`` before they come here."""

from __future__ import annotations

from django.urls import path, re_path

from apps.tracking.api.devices import osmand, owntracks
from apps.tracking.api.views import InsideView, PositionsView, TrackView

urlpatterns = [
    path("api/v1/positions", PositionsView.as_view(), name="positions"),
    path("api/v1/assets/<uuid:asset_id>/track", TrackView.as_view(), name="asset-track"),
    path("api/v1/zones/<uuid:zone_id>/inside", InsideView.as_view(), name="zone-inside"),
    re_path(r"^ingest/osmand(?:/(?P<rest>.*))?$", osmand, name="ingest-osmand"),
    re_path(r"^ingest/owntracks(?:/(?P<rest>.*))?$", owntracks, name="ingest-owntracks"),
]
