"""The addresses of zones."""

from __future__ import annotations

from django.urls import path

from apps.zones.api.imports import ZonesImportView
from apps.zones.api.kinds import ZoneKindsView, ZoneKindView
from apps.zones.api.lifecycle import ZoneCallsView, ZoneHistoryView, ZoneTransitionsView
from apps.zones.api.views import ZonesView, ZoneVersionsView, ZoneView

urlpatterns = [
    path("api/v1/zone-kinds", ZoneKindsView.as_view(), name="zone-kinds"),
    path("api/v1/zone-kinds/<uuid:kind_id>", ZoneKindView.as_view(), name="zone-kind"),
    path("api/v1/zones", ZonesView.as_view(), name="zones"),
    path("api/v1/zones:import", ZonesImportView.as_view(), name="zones-import"),
    path("api/v1/zones/<uuid:zone_id>", ZoneView.as_view(), name="zone"),
    path("api/v1/zones/<uuid:zone_id>/versions", ZoneVersionsView.as_view(), name="zone-versions"),
    path("api/v1/zones/<uuid:object_id>/transitions", ZoneTransitionsView.as_view(), name="zone-transitions"),
    path("api/v1/zones/<uuid:object_id>/history", ZoneHistoryView.as_view(), name="zone-history"),
    path("api/v1/zones/<uuid:object_id>/calls", ZoneCallsView.as_view(), name="zone-calls"),
]
