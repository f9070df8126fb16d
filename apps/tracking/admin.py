"""Presences, the quarantine and the sources in the admin; positions themselves have a composite key."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.access.queries import visible
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.access.types import Scope
from apps.core.clock import now
from apps.core.widgets import map_preview
from apps.tracking import services
from apps.tracking.models import Presence, Quarantine, Source
from apps.tracking.types import Connectivity

TONES = {Connectivity.ONLINE.value: "success", Connectivity.LATE.value: "warning", Connectivity.LOST.value: "danger"}
KNOT_MPS = 1852 / 3600
FOLLOW = "assets.track"


class ReadOnlyAdmin(GuardedAdmin):
    """What the system writes and people only look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no."""
        return False


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    """Where everything is, for those who may follow it: to see an asset is not to know where it is."""

    called_by = "geometry"
    tells_of: ClassVar = {"contact": "connectivity", "speed": "speed_mps", "course": "course_deg"}
    list_display = ("asset", "contact", "fixed_at", "speed", "course", "source")
    list_filter = ("connectivity", "source")
    list_select_related = ("asset", "source")
    search_fields = ("asset__name", "asset__identifiers__value")
    fields = (
        ("asset", "contact"),
        ("fixed_at", "received_at", "source"),
        ("speed", "course", "heading_deg"),
        ("altitude_m", "altitude_datum", "accuracy_m"),
        "place",
    )
    readonly_fields = ("asset", "contact", "speed", "course", "place")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the presences of the assets that the person may follow."""
        return visible(super().get_queryset(request), actor_of_staff(request), FOLLOW)

    def _scope(self, request: HttpRequest, verb: str) -> Scope:
        return super()._scope(request, "track" if verb == "view" else verb)

    @display(description="Contact", ordering="connectivity", label=TONES)  # type: ignore[untyped-decorator]  # unfold
    def contact(self, presence: Presence) -> str:
        """Return the connectivity, as a badge."""
        return presence.connectivity

    @display(description="Speed (kn)", ordering="speed_mps")  # type: ignore[untyped-decorator]  # unfold
    def speed(self, presence: Presence) -> str:
        """Return the speed in knots."""
        return "-" if presence.speed_mps is None else f"{presence.speed_mps / KNOT_MPS:.1f}"

    @display(description="Course (°)", ordering="course_deg")  # type: ignore[untyped-decorator]  # unfold
    def course(self, presence: Presence) -> str:
        """Return the course over ground, three digits as it is spoken."""
        return "-" if presence.course_deg is None else f"{presence.course_deg:03.0f}"

    @display(description="Latest fix")  # type: ignore[untyped-decorator]  # unfold
    def place(self, presence: Presence) -> SafeString | str:
        """Return a map of where it was last."""
        if presence.lon is None or presence.lat is None:
            return "Never heard of."
        return map_preview({"type": "Point", "coordinates": [presence.lon, presence.lat]}, label="Latest fix")


@admin.register(Quarantine)
class QuarantineAdmin(ReadOnlyAdmin):
    """What was sent and is no usable fix, with the reason."""

    list_display = ("received_at", "code", "reference", "sender", "source", "detail")
    list_filter = ("code", "source")
    list_select_related = ("source",)
    search_fields = ("reference", "sender", "detail")
    date_hierarchy = "received_at"
    fields = (("code", "detail"), ("reference", "sender", "source"), ("organisation", "received_at"), "payload")


@admin.register(Source)
class SourceAdmin(GuardedAdmin):
    """The ways by which positions reach us; the slug is part of a fix's identity and chosen once."""

    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    fields = ("name", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return the slug, once there is one."""
        return () if obj is None else ("slug",)

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Add or rename a source."""
        actor, given = actor_of_staff(request), form.cleaned_data
        if change:
            return services.rename_source(cast("Source", row).pk, name=given["name"], actor=actor, at=now())
        return services.add_source(slug=given["slug"], name=given["name"], actor=actor, at=now())
