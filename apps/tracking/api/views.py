"""Positions over REST: where everything is, where one asset was, who is inside a zone; and taking positions in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import (
    ApiKeyAuthentication,
    DeviceKeyAuthentication,
    IsSignedIn,
    MayReport,
    SessionActorAuthentication,
    actor_of,
)
from apps.access.api.hiding import require_askable
from apps.access.queries import readable_windows, visible
from apps.access.veils import without
from apps.assets.models import Asset
from apps.core.api.parameters import BBOX, bad_parameter, read_bbox, read_instant, read_text, read_uuid, require_known
from apps.core.api.views import NounView
from apps.core.clock import now
from apps.core.types import NotFound
from apps.filters.api.lists import ListView
from apps.tracking.api.devices import incoming, respond
from apps.tracking.api.serializers import (
    IngestResultSerializer,
    InsideSerializer,
    PositionSerializer,
    ReportSerializer,
    TrackSerializer,
    position_body,
    position_texts,
    track_columns,
    track_geometry,
)
from apps.tracking.keeping import (
    TRACK,
    clipped,
    exactly_followed,
    kept_track,
    owed_of_track,
    positions_shown,
)
from apps.tracking.published import position_feature, published_positions
from apps.tracking.queries import LARGEST_TRACK, presences_matching, since_in_zone, track_of
from apps.tracking.reception import Wire
from apps.tracking.rules.screening import EARLIEST, FUTURE_TOLERANCE, LATEST
from apps.tracking.types import Connectivity
from apps.zones.models import Zone

# What each parameter would tell of a position.
ASKS: Final = {
    "bbox": ("geometry",),
    "zone_id": ("geometry",),
    "connectivity": ("connectivity",),
    "fixed_after": ("fixed_at",),
    "kind": ("kind",),
}
USUAL_TRACK: Final = timedelta(hours=24)
LONGEST_TRACK: Final = timedelta(days=31)
USUAL_POINTS: Final = 1_000

FILTERS: Final = {
    "bbox": BBOX,
    "connectivity": OpenApiParameter("connectivity", OpenApiTypes.STR, enum=[each.value for each in Connectivity]),
    "kind": OpenApiParameter("kind", description="The slug of a kind of asset."),
    "fixed_after": OpenApiParameter("fixed_after", OpenApiTypes.DATETIME, description="Only what was fixed later."),
    "zone_id": OpenApiParameter("zone_id", OpenApiTypes.UUID, description="Only who is inside this zone."),
}
DATETIME: Final = OpenApiParameter(
    "datetime",
    OpenApiTypes.STR,
    description="`start/end`; `..` is open. Without it, the last 24 hours. At most 31 days.",
)
MAX_POINTS: Final = OpenApiParameter(
    "max_points",
    {"type": "integer", "minimum": 2, "maximum": LARGEST_TRACK, "default": USUAL_POINTS},
    description="Thinned evenly in time to so many; the first and the last fix stay.",
)
SOURCE: Final = OpenApiParameter("source", description="The slug of a registered source; `api` unless said otherwise.")


class PositionsView(ListView):
    """Where everything is, and taking in where it is."""

    queryables = "positions"

    authentication_classes = (DeviceKeyAuthentication, SessionActorAuthentication, ApiKeyAuthentication)
    max_limit = 10_000

    def get_permissions(self) -> list[BasePermission]:
        """Let devices in to report, and people and programs for the rest."""
        return [MayReport() if self.request.method == "POST" else IsSignedIn()]

    @extend_schema(parameters=list(FILTERS.values()), responses=PositionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the latest position of every asset that you may follow."""
        require_known(request, FILTERS)
        zone_id = read_uuid(request, "zone_id")
        require_askable(request, "positions", ASKS)
        if zone_id is not None:
            _find_zone(request, zone_id)
        rows = presences_matching(
            visible(published_positions(), actor_of(request), TRACK),
            bbox=read_bbox(request),
            connectivity=read_text(request, "connectivity"),
            kind=read_text(request, "kind"),
            fixed_after=read_instant(request, "fixed_after"),
            zone_id=zone_id,
        )
        paginator = self.pagination_class()
        bodies = [orjson.Fragment(text) for text in paginator.paginate_texts(position_texts(rows), request, self)]
        return paginator.get_paginated_response(positions_shown(actor_of(request), bodies, now()))

    @extend_schema(
        parameters=[SOURCE],
        request={
            "application/json": ReportSerializer(many=True),
            "application/x-ndjson": OpenApiTypes.STR,
            "application/geo+json": OpenApiTypes.OBJECT,
        },
        responses=IngestResultSerializer,
        description=(
            "A JSON array, NDJSON, or GeoJSON points whose properties say the rest. Sending twice has the effect of "
            "once. What is no usable fix is kept aside and counted, with the reason: sending it again will not help."
        ),
    )
    def post(self, request: Request) -> HttpResponse:
        """Report positions."""
        return respond(incoming(request._request, Wire.POSITIONS, actor=actor_of(request)))  # noqa: SLF001  the raw body


class TrackView(NounView):
    """Where one asset was."""

    @extend_schema(parameters=[DATETIME, MAX_POINTS], responses=TrackSerializer)
    def get(self, request: Request, asset_id: UUID) -> Response:
        """Show the track of an asset as GeoJSON."""
        require_known(request, {"datetime", "max_points"})
        asset = Asset.objects.filter(pk=asset_id).first()
        if asset is None:
            raise NotFound("There is no such thing, or you may not see it.")
        actor, at = actor_of(request), now()
        windows = readable_windows(actor, TRACK, asset)
        owed = owed_of_track(actor, asset)
        start, end = _read_window(request, at)
        track = track_of(
            asset_id,
            start=start,
            end=end,
            max_points=_read_max_points(request),
            windows=windows if not owed.delay else clipped(windows, at - owed.delay),
        )
        track = kept_track(track, owed)
        body = {
            "type": "Feature",
            "id": asset_id,
            "geometry": track_geometry(track.points),
            "properties": without(
                {"asset_id": asset_id, "start": start, "end": end, **track_columns(track)}, owed.hidden
            ),
        }
        return Response(body, content_type="application/geo+json")


class InsideView(ListView):
    """Who is inside a zone now."""

    queryables = "positions"

    @extend_schema(responses=InsideSerializer(many=True))
    def get(self, request: Request, zone_id: UUID) -> Response:
        """List the assets inside a zone that you may follow."""
        require_known(request, ())
        _find_zone(request, zone_id)
        rows = presences_matching(visible(published_positions(), actor_of(request), TRACK), zone_id=zone_id)
        paginator = self.pagination_class()
        items = []
        exact = exactly_followed(actor_of(request))
        for row in paginator.paginate_queryset(rows, request, self):
            if not exact(row):
                continue
            windows = readable_windows(actor_of(request), TRACK, row)
            since, dwelt_at = since_in_zone(row, zone_id, windows)
            items.append({**position_body(position_feature(row)), "since": since, "dwelt_at": dwelt_at})
        return paginator.get_paginated_response(items)


def _find_zone(request: Request, zone_id: UUID) -> Zone:
    zone = visible(Zone.objects.filter(pk=zone_id), actor_of(request), "zones.view").first()
    if zone is None:
        raise NotFound("There is no such thing, or you may not see it.")
    return zone


def _read_max_points(request: Request) -> int:
    text = request.query_params.get("max_points", str(USUAL_POINTS))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 2):
        raise bad_parameter("max_points", "It is a whole number from 2 on.")
    return min(int(text), LARGEST_TRACK)


def _read_window(request: Request, at: datetime) -> tuple[datetime, datetime]:
    """Return the half-open interval asked for; an honest sensor's clock may be a little ahead of ours."""
    begins, slash, ends = request.query_params.get("datetime", "../..").partition("/")
    if not slash:
        raise bad_parameter("datetime", "It is start/end; .. is open.")
    end = _read_end(ends) or at + FUTURE_TOLERANCE
    start = _read_end(begins) or end - USUAL_TRACK
    if not timedelta(0) < end - start <= LONGEST_TRACK:
        raise bad_parameter("datetime", "It ends after it starts, and within 31 days.")
    return start, end


def _read_end(text: str) -> datetime | None:
    if text in ("", ".."):
        return None
    try:
        # In a query string a plus sign is a space.
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise bad_parameter("datetime", "It is start/end, as in 2026-07-01T12:00:00Z/..") from None
    if at.tzinfo is None:
        raise bad_parameter("datetime", "An instant needs its offset from UTC, as in 2026-07-01T12:00:00Z.")
    # There are no fixes beyond these, and near the ends of the calendar no arithmetic.
    return min(max(at, EARLIEST), LATEST).astimezone(UTC)
