"""Zones in the admin: drawn on a map, with their versions, their grants, and the import of a file."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from apps.access.front import WhoMaySee
from apps.access.models import Organisation
from apps.access.staff import GrantInline, GuardedAdmin, GuardedInline, actor_of_staff, narrow
from apps.core.clock import now
from apps.core.types import TimeWindow, WatchfloorError
from apps.core.widgets import map_preview
from apps.lifecycle.staff import LifecycleAdminMixin
from apps.zones import services
from apps.zones.forms import ImportForm, ZoneForm, ZoneKindForm
from apps.zones.models import Zone, ZoneGroupGrant, ZoneKind, ZoneUserGrant, ZoneVersion
from apps.zones.types import ImportReport, ZoneChanges, ZoneDraft, ZoneKindChanges

BAND = frozenset({"lower_m", "lower_datum", "upper_m", "upper_datum"})
VALIDITY = frozenset({"valid_from", "valid_to"})


class VersionInline(GuardedInline):
    """What the zone was, newest first."""

    model = ZoneVersion
    instant = "recorded_at"
    fields = ("version", "change", "name", "is_active", "state", "actor_label", "recorded_at")
    readonly_fields = fields
    verbose_name_plural = "versions"
    show_change_link = True
    hide_title = True
    per_page = 10


class UserGrantInline(GrantInline):
    """The people with whom one zone is shared."""

    model = ZoneUserGrant
    verbose_name = "grant to a person"
    verbose_name_plural = "grants to people"


class GroupGrantInline(GrantInline):
    """The groups with whom one zone is shared."""

    model = ZoneGroupGrant
    verbose_name = "grant to a group"
    verbose_name_plural = "grants to groups"


@admin.register(ZoneKind)
class ZoneKindAdmin(GuardedAdmin):
    """Kinds of zones; the slug is chosen once."""

    list_display = ("name", "slug", "label", "swatch", "constraint", "changed_at")
    search_fields = ("name", "slug", "label")
    form = ZoneKindForm
    fields = (("name", "slug"), ("label", "colour"), ("constraint", "lifecycle"))

    @display(description="Colour")  # type: ignore[untyped-decorator]  # unfold
    def swatch(self, kind: ZoneKind) -> str:
        """Return the colour, shown."""
        return _swatch(kind.colour, kind.colour)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return the slug, once there is one."""
        return () if obj is None else ("slug",)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, tuple[str, ...]]:
        """Propose a slug for a new kind."""
        return {"slug": ("name",)} if obj is None else {}

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Make or change the kind."""
        actor, at, given = actor_of_staff(request), now(), form.cleaned_data
        if not change:
            return services.create_zone_kind(actor=actor, at=at, **given)
        changes = {name: value for name, value in given.items() if name in form.changed_data}
        return services.update_zone_kind(row.pk, actor=actor, at=at, **cast("ZoneKindChanges", changes))

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the kind."""
        services.delete_zone_kind(row.pk, actor=actor_of_staff(request), at=now())


@admin.register(Zone)
class ZoneAdmin(WhoMaySee, LifecycleAdminMixin, GuardedAdmin):
    """Zones, drawn and edited on a map that works offline."""

    called_by = "name"
    tells_of: ClassVar = {
        "area": "geometry",
        "map": "geometry",
        "heights": "lower_m",
        "VersionInline": "geometry",
        "state_badge": "state",
    }
    form = ZoneForm
    list_display = (
        "name",
        "kind_shown",
        "organisation",
        "heights",
        "in_force",
        "state_badge",
        "is_active",
        "changed_at",
    )
    list_filter = ("kind", "organisation", "is_active", "state")
    list_select_related = ("kind", "organisation")
    search_fields = ("name", "description")
    fieldsets = (
        (None, {"fields": ("name", ("kind", "organisation"), "description", "is_active")}),
        ("Area", {"fields": ("area",)}),
        (
            "Heights",
            {
                "description": "Without a height the zone is open on that side.",
                "fields": (("lower_m", "lower_datum"), ("upper_m", "upper_datum")),
            },
        ),
        ("Time", {"fields": ("valid_from", "valid_to", "dwell_after")}),
    )
    inlines = (VersionInline, UserGrantInline, GroupGrantInline)
    actions_list = ("import_geojson",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Zone]:
        """Return the zones; a list never reads an area."""
        rows: QuerySet[Zone] = super().get_queryset(request)
        is_list = request.resolver_match is not None and str(request.resolver_match.url_name).endswith("_changelist")
        return rows.defer("area") if is_list else rows

    @display(description="Kind", ordering="kind__name")  # type: ignore[untyped-decorator]  # unfold
    def kind_shown(self, zone: Zone) -> str:
        """Return the kind in its colour."""
        return _swatch(zone.kind.colour, zone.kind.name)

    @display(description="Heights")  # type: ignore[untyped-decorator]  # unfold
    def heights(self, zone: Zone) -> str:
        """Return the band in words."""
        return zone.band.in_words

    @display(description="In force")  # type: ignore[untyped-decorator]  # unfold
    def in_force(self, zone: Zone) -> str:
        """Return the validity in words."""
        return _window_in_words(zone.window)

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Make or change the zone."""
        actor, at, asked = actor_of_staff(request), now(), cast("ZoneForm", form)
        if change:
            return services.update_zone(row.pk, actor=actor, at=at, **_changes(asked))
        given = asked.cleaned_data
        draft = ZoneDraft(
            name=given["name"],
            description=given["description"],
            area=given["area"],
            band=asked.band(),
            validity=asked.validity(),
            dwell_after=given["dwell_after"],
            is_active=given["is_active"],
        )
        return services.create_zone(draft, kind=given["kind"], organisation=given["organisation"], actor=actor, at=at)

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the zone; its versions stay."""
        services.delete_zone(row.pk, actor=actor_of_staff(request), at=now())

    @action(description="Import GeoJSON", url_path="import", permissions=["add"], icon="upload_file")  # type: ignore[untyped-decorator]  # unfold
    def import_geojson(self, request: HttpRequest) -> HttpResponse:
        """Take a file: all of it becomes zones, or nothing, and a report says which rows are wrong."""
        organisations = narrow(Organisation.objects.all(), actor_of_staff(request))
        form = ImportForm(request.POST or None, request.FILES or None, organisations=organisations)
        report: ImportReport | None = None
        if request.method == "POST" and form.is_valid():
            report = _import(request, form)
        if report is not None and not report.faulty and not report.is_dry_run:
            messages.success(request, report.summary)
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:zones_zone_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Import zones",
            "opts": self.opts,
            "form": form,
            "report": report,
        }
        return TemplateResponse(request, "zones/import.html", context, status=422 if form.errors else 200)


@admin.register(ZoneVersion)
class ZoneVersionAdmin(GuardedAdmin):
    """What zones were; nothing here changes."""

    called_by = "name"
    tells_of: ClassVar = {"area": "geometry", "map": "geometry", "heights": "lower_m", "in_force": "valid_from"}
    list_display = ("name", "version", "change", "actor_label", "recorded_at")
    list_filter = ("change",)
    search_fields = ("name",)
    date_hierarchy = "recorded_at"
    ordering = ("-recorded_at",)
    fields = (
        ("name", "version", "change"),
        ("actor_label", "recorded_at"),
        "description",
        "map",
        "heights",
        "in_force",
        ("dwell_after", "is_active", "state"),
    )

    @display(description="Area")  # type: ignore[untyped-decorator]  # unfold
    def map(self, version: ZoneVersion) -> str:
        """Return the area as it was, on a map."""
        return map_preview(version.area)

    @display(description="Heights")  # type: ignore[untyped-decorator]  # unfold
    def heights(self, version: ZoneVersion) -> str:
        """Return the band in words."""
        return version.band.in_words

    @display(description="In force")  # type: ignore[untyped-decorator]  # unfold
    def in_force(self, version: ZoneVersion) -> str:
        """Return the validity in words."""
        return _window_in_words(version.window)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return what is computed."""
        return ("map", "heights", "in_force")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: services keep versions."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no: what was stays as it was."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no: what was stays as it was."""
        return False


def _import(request: HttpRequest, form: ImportForm) -> ImportReport | None:
    given = form.cleaned_data
    try:
        return services.import_zones(
            given["file"],
            organisation=given["organisation"],
            kind=given["kind"],
            kind_property=given["kind_property"],
            key_property=given["key_property"] or None,
            is_dry_run=given["is_dry_run"],
            actor=actor_of_staff(request),
            at=now(),
        )
    except WatchfloorError as error:
        details = " ".join(each.detail for each in error.errors)
        form.add_error("file" if error.errors else None, f"{error.message} {details}".strip())
        return None


def _changes(form: ZoneForm) -> ZoneChanges:
    """Return what was typed anew: two people who change different fields do not undo each other."""
    named = set(form.changed_data)
    changes: dict[str, Any] = {
        name: value for name, value in form.cleaned_data.items() if name in named - BAND - VALIDITY
    }
    if named & BAND:
        changes["band"] = form.band()
    if named & VALIDITY:
        changes["validity"] = form.validity()
    return cast("ZoneChanges", changes)


def _window_in_words(window: TimeWindow) -> str:
    start, end = window.start, window.end
    if start is None and end is None:
        return "always"
    parts = [f"from {start:%Y-%m-%d %H:%M}" if start else "", f"until {end:%Y-%m-%d %H:%M}" if end else ""]
    return " ".join(part for part in parts if part)


def _swatch(colour: str, text: str) -> str:
    dot = '<svg width="10" height="10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill="{}"/></svg>'
    return format_html(f'<span class="inline-flex items-center gap-2">{dot}{{}}</span>', colour, text)
