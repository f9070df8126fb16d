"""Positions and tracks for those who may follow an asset only roughly, or only some time later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from apps.access.judging import FREE, Obligations
from apps.access.queries import judged_as_published, owed_by_id, scope, veiled_body
from apps.access.types import Actor, Windows
from apps.access.veils import GEOMETRY, snap
from apps.assets.models import Asset
from apps.core.types import TimeWindow
from apps.tracking.models import Presence
from apps.tracking.queries import Track, positions_before

TRACK: Final = "assets.track"


def owed_of_track(actor: Actor, asset: Asset) -> Obligations:
    """Return what is to be kept of an asset's track."""
    reach = scope(actor, TRACK)
    if not reach.policies.obliges:
        return FREE
    return reach.obligations(asset.pk, asset.organisation_id, judged_as_published(asset, reach))


def kept_track(track: Track, owed: Obligations) -> Track:
    """Return the track with its places on the grid, and without places where these are hidden."""
    if GEOMETRY in owed.hidden:
        return Track(points=(), total=track.total)
    if not owed.coarsen_m:
        return track
    places = [snap(point.lon, point.lat, owed.coarsen_m) for point in track.points]
    points = tuple(replace(point, lon=lon, lat=lat) for point, (lon, lat) in zip(track.points, places, strict=True))
    return Track(points=points, total=track.total)


def clipped(windows: Windows, end: datetime) -> Windows:
    """Return the windows as far as they lie before an instant."""
    return tuple(
        TimeWindow(start=each.start, end=end if each.end is None else min(end, each.end))
        for each in windows
        if each.start is None or each.start < end
    )


def exactly_followed(actor: Actor) -> Callable[[Presence], bool]:
    """Return whether an asset may be followed to the metre and the second: only of those is it told in which zone."""
    reach = scope(actor, TRACK)
    if not reach.policies.obliges:
        return lambda _: True

    def exact(presence: Presence) -> bool:
        owner = presence.asset.organisation_id
        owed = reach.obligations(presence.asset_id, owner, judged_as_published(presence, reach))
        return not (owed.coarsen_m or owed.delay or GEOMETRY in owed.hidden)

    return exact


def positions_shown(actor: Actor, bodies: Sequence[Any], at: datetime) -> list[Any]:
    """Return latest positions without what is to be kept; who sees an asset late gets its last fix before that."""
    reach = scope(actor, TRACK)
    if not reach.policies.obliges:
        return list(bodies)
    plain = [orjson.loads(orjson.dumps(body, default=str)) for body in bodies]
    owed = owed_by_id(reach, "positions", {UUID(each["id"]): UUID(each["organisation_id"]) for each in plain})
    return [veiled_body(body, owed[UUID(body["id"])]) for body in _late(plain, owed, at)]


def _late(bodies: Sequence[dict[str, Any]], owed: dict[UUID, Obligations], at: datetime) -> Iterable[dict[str, Any]]:
    """Yield the bodies as they were when they may be told; what was not there yet is left out."""
    late = {id_: at - each.delay for id_, each in owed.items() if each.delay}
    then = positions_before(late) if late else {}
    for body in bodies:
        id_ = UUID(body["id"])
        if id_ not in late:
            yield body
        elif (position := then.get(id_)) is not None:
            yield {**body, "geometry": position.geometry, "properties": dict(position.properties)}
