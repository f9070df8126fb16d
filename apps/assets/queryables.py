"""What may be asked about assets, their kinds and devices, as their features and bodies show them."""

from __future__ import annotations

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Value
from django.db.models.functions import Concat

from apps.assets.models import Identifier
from apps.assets.types import Protocol
from apps.core.types import Feature
from apps.filters.lookups import or_null, seconds
from apps.filters.registry import register
from apps.filters.types import OWNED, ROW, Queryable, Type, queryables


def identifiers_of(feature: Feature) -> list[str]:
    """Return the identifiers of an asset as one writes them: ``mmsi:366998410``."""
    pairs = feature.properties["identifiers"]
    assert isinstance(pairs, list)  # noqa: S101 - as published
    return [f"{pair['scheme']}:{pair['value']}" for pair in pairs]


def register_queryables() -> None:
    """Register what lists and subscriptions of assets can be filtered by."""
    identifiers = Identifier.objects.filter(asset=OuterRef("pk")).values(written=Concat("scheme", Value(":"), "value"))
    register(
        queryables(
            "assets",
            *OWNED,
            Queryable(name="name", type=Type.STRING, is_sortable=True),
            Queryable(name="kind", type=Type.STRING, lookup="kind__slug", description="The slug of its kind."),
            Queryable(name="is_active", type=Type.BOOLEAN),
            Queryable(name="attributes", type=Type.ANY, description="By member, such as `attributes.length_m`."),
            Queryable(
                name="identifiers",
                type=Type.STRING_ARRAY,
                lookup=ArraySubquery(identifiers),
                read=identifiers_of,
                description="As `scheme:value`.",
            ),
            Queryable(name="state", type=Type.STRING, lookup=or_null("state")),
            Queryable(name="state_category", type=Type.STRING, lookup=or_null("state_category"), tells=("state",)),
            open_properties=("attributes",),
        )
    )
    register(
        queryables(
            "asset-kinds",
            *ROW,
            Queryable(name="slug", type=Type.STRING, is_sortable=True),
            Queryable(name="name", type=Type.STRING, is_sortable=True),
            Queryable(name="icon", type=Type.STRING),
            Queryable(name="late_after_s", type=Type.NUMBER, lookup=seconds("late_after"), unit="s"),
            Queryable(name="lost_after_s", type=Type.NUMBER, lookup=seconds("lost_after"), unit="s"),
            Queryable(name="lifecycle", type=Type.STRING),
        )
    )
    register(
        queryables(
            "devices",
            *ROW,
            Queryable(name="protocol", type=Type.STRING, read=None, enum=tuple(each.value for each in Protocol)),
            Queryable(name="device_id", type=Type.STRING, read=None),
            Queryable(name="is_open", type=Type.BOOLEAN, read=None),
            Queryable(name="key_id", type=Type.UUID, read=None),
        )
    )
