"""What may be asked about positions, as their features show them."""

from __future__ import annotations

from apps.filters.registry import register
from apps.filters.types import Band, Queryable, Type, queryables
from apps.tracking.published import MakePoint
from apps.tracking.types import Connectivity


def register_queryables() -> None:
    """Register what lists and subscriptions of positions can be filtered by; ``id`` is the asset's."""
    register(
        queryables(
            "positions",
            Queryable(name="id", type=Type.UUID, lookup="asset_id", read="id", title="Asset"),
            Queryable(name="organisation_id", type=Type.UUID, lookup="asset__organisation_id", read="organisation_id"),
            Queryable(name="fixed_at", type=Type.INSTANT),
            Queryable(name="altitude_m", type=Type.NUMBER, unit="m"),
            Queryable(name="speed_mps", type=Type.NUMBER, unit="m/s"),
            Queryable(name="course_deg", type=Type.NUMBER, unit="deg"),
            Queryable(name="heading_deg", type=Type.NUMBER, unit="deg"),
            Queryable(name="connectivity", type=Type.STRING, enum=tuple(each.value for each in Connectivity)),
            Queryable(
                name="geometry",
                type=Type.GEOMETRY,
                lookup=MakePoint("lon", "lat"),
                read="geometry",
                geometry="point",
            ),
            valid_time="fixed_at",
            place="geometry",
            band=Band(lower="altitude_m", upper="altitude_m", is_open=False),
        )
    )
