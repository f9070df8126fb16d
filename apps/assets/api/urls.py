"""The addresses of assets."""

from __future__ import annotations

from django.urls import path

from apps.assets.api.kinds import AssetKindsView, AssetKindView
from apps.assets.api.lifecycle import AssetCallsView, AssetHistoryView, AssetTransitionsView
from apps.assets.api.views import AssetsView, AssetView, DevicesView, DeviceView

urlpatterns = [
    path("api/v1/asset-kinds", AssetKindsView.as_view(), name="asset-kinds"),
    path("api/v1/asset-kinds/<uuid:kind_id>", AssetKindView.as_view(), name="asset-kind"),
    path("api/v1/assets", AssetsView.as_view(), name="assets"),
    path("api/v1/assets/<uuid:asset_id>", AssetView.as_view(), name="asset"),
    path("api/v1/assets/<uuid:object_id>/transitions", AssetTransitionsView.as_view(), name="asset-transitions"),
    path("api/v1/assets/<uuid:object_id>/history", AssetHistoryView.as_view(), name="asset-history"),
    path("api/v1/assets/<uuid:object_id>/calls", AssetCallsView.as_view(), name="asset-calls"),
    path("api/v1/assets/<uuid:asset_id>/devices", DevicesView.as_view(), name="asset-devices"),
    path("api/v1/assets/<uuid:asset_id>/devices/<uuid:device_pk>", DeviceView.as_view(), name="asset-device"),
]
