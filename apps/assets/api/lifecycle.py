"""The lifecycle of one asset over REST."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.access.api.authentication import actor_of
from apps.access.api.hiding import shown
from apps.access.queries import visible_row
from apps.assets.api.serializers import AssetSerializer, asset_body
from apps.assets.models import Asset
from apps.assets.published import published_assets
from apps.lifecycle.api.calls import CallsView
from apps.lifecycle.api.serializers import TransitionRequestSerializer
from apps.lifecycle.api.views import HistoryView, LifecycleView, TransitionsView

VIEW = "assets.view"


class OneAsset(LifecycleView):
    """What the lifecycle's views must know of assets."""

    history_url_name = "asset-history"

    def find(self, request: Request, object_id: UUID) -> Asset:
        """Return the asset, if the caller may see it."""
        return visible_row(published_assets(), object_id, actor_of(request), VIEW)

    def show(self, request: Request, row: Any) -> object:
        """Return the asset as REST shows it."""
        return shown(request, VIEW, asset_body(row))


class AssetTransitionsView(OneAsset, TransitionsView):
    """What may happen to one asset now."""

    post = extend_schema(request=TransitionRequestSerializer, responses=AssetSerializer)(TransitionsView.post)


class AssetHistoryView(OneAsset, HistoryView):
    """What has happened to one asset."""


class AssetCallsView(OneAsset, CallsView):
    """What services were asked about one asset."""
