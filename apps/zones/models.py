"""The tables of zones: kinds, zones, their kept versions, the zone set's counter, and grants.

Written only by ``services``. What must never be false is a constraint here; the services check the same
things first, for a better message.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.gis.db import models
from django.contrib.gis.db.models.functions import IsEmpty, IsValid
from django.contrib.postgres.fields import DateTimeRangeField
from django.contrib.postgres.indexes import GinIndex, GistIndex, OpClass
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F, Q
from django.db.models.functions import Upper

from apps.access.granting import GroupGrant, UserGrant
from apps.core.ids import new_id
from apps.core.models import Row, Token
from apps.core.types import Datum, TimeWindow
from apps.lifecycle.models import NAME_LENGTH, Stateful, state_is_whole
from apps.zones.types import AltitudeBand, Change, Constraint

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
COLOUR = r"^#[0-9a-f]{6}$"
DATUM_NAMES = [each.value for each in Datum]
DATUMS = [(name, name) for name in DATUM_NAMES]
CONSTRAINTS = [
    (Constraint.NONE.value, "nothing"),
    (Constraint.ADVISORY.value, "advice"),
    (Constraint.CONDITIONAL.value, "conditions to keep"),
    (Constraint.AUTHORISATION.value, "authorisation by the zone's owner"),
    (Constraint.PROHIBITED.value, "prohibition"),
]


def always() -> DateTimeTZRange:
    """Return the range of all time, half-open as every range of ours."""
    return DateTimeTZRange(None, None, "[)")


class ZoneKind(Row):
    """A kind of zone: anchorage, restricted area, school. Reference data, owned by no organisation."""

    slug = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    label = models.CharField(max_length=24, blank=True, help_text="Short text that the map writes into the zone.")
    colour = models.CharField(max_length=7, default="#3b82f6", help_text="The map's colour, #rrggbb.")
    lifecycle = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="The key of the lifecycle that new ones of this kind follow. Empty means none.",
    )
    constraint = models.CharField(
        "means for operations",
        max_length=16,
        choices=CONSTRAINTS,
        blank=True,
        default="",
        db_default="",
        help_text="What planning an operation in such a zone meets.",
    )

    class Meta:
        verbose_name = "zone kind"
        ordering = ["name", "id"]
        constraints = (
            models.CheckConstraint(name="zone_kind_slug_is_slug", condition=Q(slug__regex=SLUG)),
            models.CheckConstraint(name="zone_kind_has_name", condition=~Q(name="")),
            models.CheckConstraint(name="zone_kind_colour_is_rgb", condition=Q(colour__regex=COLOUR)),
            models.CheckConstraint(
                name="zone_kind_constraint_is_known", condition=Q(constraint__in=[each.value for each in Constraint])
            ),
        )

    def __str__(self) -> str:
        return self.name


class Banded(models.Model):
    """What lies between two heights, each above a datum of its own; ``band_is_sound`` are the constraints of it."""

    lower_m = models.FloatField("from height (m)", null=True, blank=True)
    lower_datum = models.CharField("above", max_length=8, choices=DATUMS, blank=True)
    upper_m = models.FloatField("to height (m)", null=True, blank=True)
    upper_datum = models.CharField("above", max_length=8, choices=DATUMS, blank=True)

    class Meta:
        abstract = True

    @property
    def band(self) -> AltitudeBand:
        """Return the heights between which it lies."""
        return AltitudeBand(
            lower_m=self.lower_m,
            lower_datum=Datum(self.lower_datum) if self.lower_datum else None,
            upper_m=self.upper_m,
            upper_datum=Datum(self.upper_datum) if self.upper_datum else None,
        )


def band_is_sound(word: str) -> tuple[models.CheckConstraint, ...]:
    """Return the constraints of a banded table: each bound has a datum, and where that is the same, an order."""
    return (
        models.CheckConstraint(
            name=f"{word}_lower_has_datum",
            condition=Q(lower_m__isnull=True, lower_datum="") | Q(lower_m__isnull=False, lower_datum__in=DATUM_NAMES),
        ),
        models.CheckConstraint(
            name=f"{word}_upper_has_datum",
            condition=Q(upper_m__isnull=True, upper_datum="") | Q(upper_m__isnull=False, upper_datum__in=DATUM_NAMES),
        ),
        models.CheckConstraint(
            name=f"{word}_lower_below_upper",
            condition=~Q(lower_datum=F("upper_datum")) | Q(lower_m__isnull=True) | Q(lower_m__lt=F("upper_m")),
        ),
    )


class ZoneShape(Banded):
    """What a zone says of itself; a zone holds it now, each of its versions holds it as it was."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    area = models.MultiPolygonField(srid=4326)
    validity = DateTimeRangeField(default=always)
    dwell_after = models.DurationField(
        null=True, blank=True, help_text="Who stays inside this long has dwelt; empty: nobody ever does."
    )
    is_active = models.BooleanField("active", default=True)

    class Meta:
        abstract = True

    @property
    def window(self) -> TimeWindow:
        """Return when the zone is in force."""
        return TimeWindow(start=self.validity.lower, end=self.validity.upper)


class Zone(Stateful, ZoneShape):
    """An area with an altitude band and a validity. An inactive zone is drawn, but nobody is ever inside.

    It follows the lifecycle that its kind named when it was made, or none.
    """

    kind = models.ForeignKey(ZoneKind, on_delete=models.PROTECT, related_name="zones")
    external_id = models.CharField(
        "id elsewhere", max_length=200, blank=True, default="", db_default="", editable=False,
        help_text="What its source calls it; by this an import finds it again.",
    )  # fmt: skip
    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["name", "id"]
        permissions = (
            ("share_zone", "Can share zone"),
            ("advance_zone", "Can move zone along its lifecycle"),
            ("view_calls_zone", "Can see what services were asked about zone"),
            ("settle_calls_zone", "Can try calls about zone again, or give them up"),
        )
        constraints = (
            models.CheckConstraint(name="zone_has_name", condition=~Q(name="")),
            state_is_whole("zone_state_is_whole"),
            models.UniqueConstraint(
                fields=["organisation", "external_id"], condition=~Q(external_id=""), name="zone_external_id_once"
            ),
            models.CheckConstraint(name="zone_area_is_valid", condition=Q(IsValid("area"), ~Q(IsEmpty("area")))),
            models.CheckConstraint(
                name="zone_area_is_in_world",
                condition=Q(area__coveredby="SRID=4326;POLYGON((-180 -90, 180 -90, 180 90, -180 90, -180 -90))"),
            ),
            *band_is_sound("zone"),
            models.CheckConstraint(
                name="zone_validity_is_half_open",
                condition=Q(validity__isempty=False)
                & (Q(validity__lower_inc=True) | Q(validity__lower_inf=True))
                & Q(validity__upper_inc=False),
            ),
            models.CheckConstraint(
                name="zone_dwell_is_positive",
                condition=Q(dwell_after__isnull=True) | Q(dwell_after__gt=timedelta(0)),
            ),
        )
        indexes = (
            models.Index(fields=["organisation", "id"], name="zone_of_organisation"),
            GistIndex(fields=["validity"], name="zone_by_validity"),
            models.Index(fields=["name", "id"], name="zone_by_name"),
            # As Django asks for a part of a text: upper(name) LIKE upper('%part%').
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="zone_name_parts"),
            GinIndex(OpClass(Upper("description"), name="gin_trgm_ops"), name="zone_description_parts"),
        )

    def __str__(self) -> str:
        return self.name


class ZoneVersion(ZoneShape):
    """A zone as it was from ``recorded_at`` until the next version; kept when the zone is deleted.

    The foreign keys have no constraint in the database: a version outlives what it points at.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    zone = models.ForeignKey(Zone, on_delete=models.DO_NOTHING, db_constraint=False, related_name="versions")
    version = models.PositiveIntegerField()
    change = models.CharField(max_length=8, choices=[(each.value, each.value) for each in Change])
    kind_id = models.UUIDField()
    organisation_id = models.UUIDField()
    state = models.CharField(max_length=NAME_LENGTH, default="", db_default="", blank=True)
    state_category = models.CharField(max_length=8, default="", db_default="", blank=True)
    actor_label = models.CharField(max_length=200)
    recorded_at = models.DateTimeField()

    class Meta:
        verbose_name = "zone version"
        ordering = ["zone_id", "-version"]
        constraints = (models.UniqueConstraint(fields=["zone", "version"], name="zone_version_once"),)

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}"


class ZoneSet(Token):
    """One row: changes whenever any zone does."""

    class Meta:
        constraints = (models.CheckConstraint(name="zone_set_is_one_row", condition=Q(id=1)),)


class ZoneChange(models.Model):
    """Which zones changed with which token of the set, so that an index takes over these and reads nothing else again.

    Kept by the trigger that renews the token; the oldest are forgotten. Without a zone it may have been any of them.
    Tokens of what was rolled back are not here: from a version that is not, nothing can be taken over.
    """

    version = models.BigIntegerField(db_index=True)
    zone_id: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True)

    def __str__(self) -> str:
        return f"{self.zone_id or 'zones'} at {self.version}"


class ZoneUserGrant(UserGrant):
    """One zone shared with one person, for one action."""

    content_object = models.ForeignKey(Zone, on_delete=models.CASCADE, related_name="user_grants")


class ZoneGroupGrant(GroupGrant):
    """One zone shared with one group, for one action."""

    content_object = models.ForeignKey(Zone, on_delete=models.CASCADE, related_name="group_grants")
