"""What may be asked about zones, their kinds and kept versions, as their features and bodies show them."""

from __future__ import annotations

from typing import Final

from apps.core.types import Datum, Feature
from apps.filters.lookups import or_null, seconds
from apps.filters.registry import register
from apps.filters.types import OWNED, ROW, Band, Queryable, Type, queryables
from apps.zones.types import Constraint

DATUMS: Final = tuple(each.value for each in Datum)
SHAPE: Final = (
    Queryable(name="description", type=Type.STRING),
    Queryable(name="lower_m", type=Type.NUMBER, unit="m", description="Null: from the ground."),
    Queryable(name="lower_datum", type=Type.STRING, lookup=or_null("lower_datum"), enum=DATUMS),
    Queryable(name="upper_m", type=Type.NUMBER, unit="m", description="Null: without end."),
    Queryable(name="upper_datum", type=Type.STRING, lookup=or_null("upper_datum"), enum=DATUMS),
    Queryable(name="valid_from", type=Type.INSTANT, lookup="validity__startswith"),
    Queryable(name="valid_to", type=Type.INSTANT, lookup="validity__endswith"),
    Queryable(name="dwell_after_s", type=Type.NUMBER, lookup=seconds("dwell_after"), unit="s"),
    Queryable(name="is_active", type=Type.BOOLEAN),
)
STATE: Final = (
    Queryable(name="state", type=Type.STRING, lookup=or_null("state")),
    Queryable(name="state_category", type=Type.STRING, lookup=or_null("state_category"), tells=("state",)),
)
BAND: Final = Band(lower="lower_m", upper="upper_m", lower_datum="lower_datum", upper_datum="upper_datum")


def validity_of(feature: Feature) -> tuple[object, object]:
    """Return the two ends of a zone's validity, ``None`` for an open one."""
    return feature.properties["valid_from"], feature.properties["valid_to"]


def register_queryables() -> None:
    """Register what lists and subscriptions of zones can be filtered by."""
    validity = Queryable(
        name="validity",
        type=Type.INTERVAL,
        read=validity_of,
        description="From `valid_from` to `valid_to`.",
        tells=("valid_from", "valid_to"),
    )
    register(
        queryables(
            "zones",
            *OWNED,
            Queryable(name="name", type=Type.STRING, is_sortable=True),
            Queryable(name="kind", type=Type.STRING, lookup="kind__slug", description="The slug of its kind."),
            *SHAPE,
            *STATE,
            validity,
            Queryable(name="geometry", type=Type.GEOMETRY, lookup="area", read="geometry", geometry="polygon"),
            valid_time="validity",
            active="is_active",
            place="geometry",
            band=BAND,
        )
    )
    register(
        queryables(
            "zone-versions",
            Queryable(name="version", type=Type.INTEGER, read=None, is_sortable=True),
            Queryable(name="change", type=Type.STRING, read=None),
            Queryable(name="recorded_at", type=Type.INSTANT, read=None),
            Queryable(name="organisation_id", type=Type.UUID, read=None),
            Queryable(name="kind_id", type=Type.UUID, read=None, tells=("kind",)),
            Queryable(name="name", type=Type.STRING, read=None),
            *SHAPE,
            *STATE,
            validity,
            Queryable(name="geometry", type=Type.GEOMETRY, lookup="area", read=None, geometry="polygon"),
            valid_time="validity",
            active="is_active",
            band=BAND,
        )
    )
    register(
        queryables(
            "zone-kinds",
            *ROW,
            Queryable(name="slug", type=Type.STRING, is_sortable=True),
            Queryable(name="name", type=Type.STRING, is_sortable=True),
            Queryable(name="label", type=Type.STRING),
            Queryable(name="colour", type=Type.STRING),
            Queryable(name="lifecycle", type=Type.STRING),
            Queryable(name="constraint", type=Type.STRING, enum=tuple(each.value for each in Constraint)),
        )
    )
