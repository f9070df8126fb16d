"""A table of its own for filters: every type, null everywhere, and features of the same rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.gis.db.models import GeometryField
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.db import connection, models
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test.utils import isolate_apps
from shapely.geometry.base import BaseGeometry

from apps.core.geometry import to_geojson, to_geos
from apps.core.types import Feature
from apps.filters.types import Band, Filter, Queryable, Queryables, Type, queryables

with isolate_apps("apps.filters"):

    class Thing(models.Model):
        """A row with one column of each type."""

        id = models.UUIDField(primary_key=True)
        name = models.TextField(null=True)  # noqa: DJ001 - null is what is tested
        count = models.IntegerField(null=True)
        weight = models.FloatField(null=True)
        flag = models.BooleanField(null=True)
        seen_at = models.DateTimeField(null=True)
        until_at = models.DateTimeField(null=True)
        born_on = models.DateField(null=True)
        validity = DateTimeRangeField()
        owner = models.UUIDField(null=True)
        place = GeometryField(srid=4326, null=True)
        point = GeometryField(srid=4326, null=True)
        tags: Any = ArrayField(models.TextField(), null=True)
        attributes = models.JSONField(default=dict)
        low_m = models.FloatField(null=True)
        high_m = models.FloatField(null=True)
        low_datum = models.TextField(null=True)  # noqa: DJ001
        high_datum = models.TextField(null=True)  # noqa: DJ001

        objects: models.Manager[Thing] = models.Manager()

        class Meta:
            app_label = "filters"

        def __str__(self) -> str:
            return str(self.id)


def _ends(feature: Feature) -> object:
    return feature.properties["validity"]


THINGS: Final[Queryables] = queryables(
    "things",
    Queryable(name="id", type=Type.UUID, lookup="id", read="id"),
    Queryable(name="name", type=Type.STRING, lookup="name", is_sortable=True),
    Queryable(name="count", type=Type.INTEGER, lookup="count"),
    Queryable(name="weight", type=Type.NUMBER, lookup="weight", unit="kg"),
    Queryable(name="flag", type=Type.BOOLEAN, lookup="flag"),
    Queryable(name="seen_at", type=Type.INSTANT, lookup="seen_at"),
    Queryable(name="until_at", type=Type.INSTANT, lookup="until_at"),
    Queryable(name="born_on", type=Type.DATE, lookup="born_on"),
    Queryable(name="validity", type=Type.INTERVAL, lookup="validity", read=_ends),
    Queryable(
        name="period",
        type=Type.INTERVAL,
        lookup="seen_at",
        until="until_at",
        read=lambda feature: (feature.properties["seen_at"], feature.properties["until_at"]),
    ),
    Queryable(name="owner", type=Type.UUID, lookup="owner"),
    Queryable(name="place", type=Type.GEOMETRY, lookup="place", read="geometry"),
    Queryable(name="point", type=Type.GEOMETRY, lookup="point", geometry="point"),
    Queryable(name="tags", type=Type.STRING_ARRAY, lookup="tags"),
    Queryable(name="attributes", type=Type.ANY, lookup="attributes"),
    Queryable(name="low_m", type=Type.NUMBER, lookup="low_m", unit="m"),
    Queryable(name="high_m", type=Type.NUMBER, lookup="high_m", unit="m"),
    Queryable(name="low_datum", type=Type.STRING, lookup="low_datum"),
    Queryable(name="high_datum", type=Type.STRING, lookup="high_datum"),
    open_properties=("attributes",),
    valid_time="validity",
    active="flag",
    place="place",
    band=Band(lower="low_m", upper="high_m", lower_datum="low_datum", upper_datum="high_datum"),
)
NOTHING: Final[Mapping[str, Any]] = dict.fromkeys(
    ("name", "count", "weight", "flag", "seen_at", "until_at", "born_on", "owner", "place", "point", "tags",
     "low_m", "high_m", "low_datum", "high_datum"),
)  # fmt: skip


def make_table() -> None:
    """Create the table, until the test's transaction is rolled back."""
    with connection.schema_editor() as editor:
        editor.create_model(Thing)


def thing(number: int, **values: Any) -> dict[str, Any]:
    """Return a row: everything null unless told otherwise; geometries are shapely's, instants aware."""
    return {"id": uuid.UUID(int=number), **NOTHING, "validity": (None, None), "attributes": {}, **values}


def store(rows: Iterable[Mapping[str, Any]]) -> None:
    """Store rows."""
    Thing.objects.bulk_create(Thing(**{key: _stored(key, value) for key, value in row.items()}) for row in rows)


def feature(row: Mapping[str, Any]) -> Feature:
    """Return a row as its public representation has it: instants and ids are text, the geometry is GeoJSON."""
    properties = {key: _shown(value) for key, value in row.items() if key not in ("id", "place", "point")}
    properties["validity"] = tuple(_shown(each) for each in row["validity"])
    properties["point"] = None if row["point"] is None else to_geojson(row["point"])
    place = None if row["place"] is None else to_geojson(row["place"])
    return Feature(id=row["id"], organisation_id=None, version=1, properties=properties, geometry=place)


def instant(text: str) -> datetime:
    """Return an instant of 2026, from its month and what is smaller: ``07-01T12:00``."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def answers(found: Filter, **values: object) -> dict[uuid.UUID, bool | None]:
    """Return what SQL says of every row."""
    from apps.filters.queries import compile_sql_ternary  # noqa: PLC0415 - the models above must come first

    rows = Thing.objects.annotate(answer=compile_sql_ternary(found, values=values))
    return dict(rows.values_list("id", "answer"))


def _stored(key: str, value: Any) -> Any:
    if key == "validity":
        return DateTimeTZRange(*value, "[)")
    return to_geos(value) if isinstance(value, BaseGeometry) else value


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, uuid.UUID) else value
