"""Operations in the admin: drawn on a map that works offline, with what stands in their way told as one draws."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from apps.access.front import WhoMaySee
from apps.access.staff import GrantInline, GuardedAdmin, GuardedInline, actor_of_staff, narrow
from apps.assets.models import Asset
from apps.core.clock import now
from apps.core.widgets import map_preview
from apps.lifecycle.models import Stateful
from apps.lifecycle.staff import LifecycleAdminMixin, OverFilter
from apps.operations import services
from apps.operations.admin.conformance import IntrusionInline, keeping_shown
from apps.operations.admin.timeline import choices, read_asked, timeline_of, without
from apps.operations.forms import OperationForm
from apps.operations.models import (
    AssignedAsset,
    Occupancy,
    Operation,
    OperationGroupGrant,
    OperationKind,
    OperationUserGrant,
    Volume,
)
from apps.operations.queries import HAVE_RUN
from apps.operations.types import OperationDraft

# A plan tells of all of these: hidden is hidden.
PLANNED = frozenset({"geometry", "starts_at", "ends_at"})
OF_STATES = frozenset({"keeping", "IntrusionInline", "OccupancyInline"})
TELLING_OF_PLANS = frozenset({"volumes", "map", "VolumeInline", *OF_STATES})


class VolumeInline(GuardedInline):
    """What the operation plans, for people who may not change it."""

    model = Volume
    fields = ("number", "heights", "starts_at", "ends_at", "rule", "time_zone")
    readonly_fields = fields
    hide_title = True

    @display(description="Heights")  # type: ignore[untyped-decorator]  # unfold
    def heights(self, volume: Volume) -> str:
        """Return the band in words."""
        return volume.band.in_words


class AssignedAssetInline(GuardedInline):
    """The assets that take part, for people who may not change the operation."""

    model = AssignedAsset
    fields = ("asset_id",)
    readonly_fields = fields


class OccupancyInline(GuardedInline):
    """Every time at which it holds, or would hold, its volumes."""

    model = Occupancy
    fields = ("when", "holds")
    readonly_fields = fields
    verbose_name_plural = "times written out"
    hide_title = True
    per_page = 10

    @display(description="When (UTC)")  # type: ignore[untyped-decorator]  # unfold
    def when(self, occupancy: Occupancy) -> str:
        """Return the time."""
        return str(occupancy)


class UserGrantInline(GrantInline):
    """The people with whom one operation is shared."""

    model = OperationUserGrant
    verbose_name = "grant to a person"
    verbose_name_plural = "grants to people"


class GroupGrantInline(GrantInline):
    """The groups with whom one operation is shared."""

    model = OperationGroupGrant
    verbose_name = "grant to a group"
    verbose_name_plural = "grants to groups"


@admin.register(Operation)
class OperationAdmin(WhoMaySee, LifecycleAdminMixin, GuardedAdmin):
    """Operations: what is planned, and where each of it stands."""

    called_by = "title"
    tells_of: ClassVar = {"state_badge": "state", "over": "state", "starts": "starts_at", "ends": "ends_at"}
    form = OperationForm
    list_display = ("title", "kind", "state_badge", "priority", "starts", "ends", "organisation")
    list_filter = (OverFilter, "state", "kind", "organisation")
    list_select_related = ("kind", "organisation")
    search_fields = ("title", "description")
    date_hierarchy = "starts_at"
    ordering = ("-starts_at", "-id")
    inlines = (VolumeInline, AssignedAssetInline, OccupancyInline, UserGrantInline, GroupGrantInline)
    move = staticmethod(services.move_operation)
    actions_list = ("planned",)
    change_form_outer_before_template = "operations/above.html"

    class Media:
        css: ClassVar = {"all": (*LifecycleAdminMixin.Media.css["all"], "operations/keeping.css")}

    def fieldsets_of(self, request: HttpRequest, obj: Model | None) -> Any:
        """Return the whole form; people who may not change it see where it is."""
        said = (("title", "priority"), ("kind", "organisation"), ("contact", "asset_ids"), "description")
        plan = "volumes" if self.has_change_permission(request, obj) else "map"
        return ((None, {"fields": said}), ("Plan", {"fields": (plan,)}))

    def inlines_of(self, request: HttpRequest, obj: Model | None) -> Any:
        """Return the parts of an operation that there is, without those that the form asks for."""
        if obj is None:
            return ()
        running = (IntrusionInline,) if cast("Operation", obj).state in HAVE_RUN else ()
        return (*running, *(self.inlines[2:] if self.has_change_permission(request, obj) else self.inlines))

    def lifecycle_context(self, request: HttpRequest, row: Stateful) -> dict[str, Any]:
        """Return what the templates show, with how an operation that runs keeps to its plan."""
        shown = super().lifecycle_context(request, row)
        if not self.is_hidden(request, "keeping"):
            shown["keeping"] = keeping_shown(cast("Operation", row), actor_of_staff(request), at=now())
        return shown

    def is_hidden(self, request: HttpRequest, name: str) -> bool:
        """Say whether something tells of a hidden field; a plan tells of several."""
        if name in TELLING_OF_PLANS:
            told = PLANNED | {"state"} if name in OF_STATES else PLANNED
            return any(super(OperationAdmin, self).is_hidden(request, each) for each in told)
        return super().is_hidden(request, name)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the person may delete the row, or any: a draft, and nothing else."""
        return (obj is None or cast("Operation", obj).is_draft) and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return what stays, once there is an operation."""
        return ("map",) if obj is None else ("kind", "organisation", "map")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        """Return the operations; a list never reads an area."""
        rows: QuerySet[Operation] = super().get_queryset(request)
        is_list = request.resolver_match is not None and str(request.resolver_match.url_name).endswith("_changelist")
        return rows.defer("area") if is_list else rows

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, which offers only assets that the person may see, and knows what it is about."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.assets = narrow(Asset.objects.all(), actor_of_staff(request))
        form.about = {"around": _addresses(), **_known(cast("Operation | None", obj), self.hidden(request))}
        return form

    @action(description="Timeline", url_path="timeline", permissions=["view"], icon="view_timeline")  # type: ignore[untyped-decorator]  # unfold
    def planned(self, request: HttpRequest) -> HttpResponse:
        """Show when operations are planned, and which are in each other's way."""
        actor, hidden, at = actor_of_staff(request), self.hidden(request), now()
        asked = read_asked(request.GET, at=at)
        is_hidden = self.is_hidden(request, "volumes")
        shown = {} if is_hidden else timeline_of(super().get_queryset(request), without(asked, hidden), actor, at=at)
        context = {
            **self.admin_site.each_context(request),
            "title": "Timeline",
            "is_hidden": is_hidden,
            "shows_state": "state" not in hidden,
            "choices": choices(actor, hidden),
            "asked": asked,
            **shown,
        }
        return TemplateResponse(request, "operations/timeline.html", context)

    @display(description="Starts (UTC)", ordering="starts_at")  # type: ignore[untyped-decorator]  # unfold
    def starts(self, operation: Operation) -> str:
        """Return when it starts, to the minute."""
        return f"{operation.starts_at:%Y-%m-%d %H:%M}"

    @display(description="Ends (UTC)", ordering="ends_at")  # type: ignore[untyped-decorator]  # unfold
    def ends(self, operation: Operation) -> str:
        """Return when it ends, to the minute."""
        return f"{operation.ends_at:%Y-%m-%d %H:%M}"

    @display(description="Area")  # type: ignore[untyped-decorator]  # unfold
    def map(self, operation: Operation) -> SafeString | str:
        """Return all of its footprints on a map."""
        return map_preview(operation.area, label="Where the operation is planned")

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Plan or change the operation."""
        actor, at, asked = actor_of_staff(request), now(), cast("OperationForm", form)
        if change:
            return services.update_operation(row.pk, actor=actor, at=at, **asked.changes())
        given = asked.cleaned_data
        draft = OperationDraft(
            title=given["title"],
            description=given["description"],
            contact=given["contact"],
            priority=given["priority"],
            volumes=given["volumes"],
            asset_ids=asked.assets_wanted(),
        )
        return services.create_operation(
            draft, kind=given["kind"], organisation=given["organisation"], actor=actor, at=at
        )

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the draft."""
        services.delete_operation(row.pk, actor=actor_of_staff(request), at=now())


def _addresses() -> dict[str, str]:
    """Return where the map finds what else is there, and where its names lead."""
    nil = str(UUID(int=0))
    return {
        "zones": reverse("zones"),
        "operations": reverse("operations"),
        "zone": reverse("admin:zones_zone_change", args=[nil]).replace(nil, "{id}"),
        "operation": reverse("admin:operations_operation_change", args=[nil]).replace(nil, "{id}"),
    }


def _known(operation: Operation | None, hidden: Collection[str]) -> dict[str, object]:
    """Return what a check needs to know and the form does not ask, without what is hidden."""
    if operation is None:
        return {"kinds": {str(pk): slug for pk, slug in OperationKind.objects.values_list("pk", "slug")}}
    known = {
        "operation_id": str(operation.pk),
        "kind": operation.kind.slug,
        "organisation_id": str(operation.organisation_id),
        "priority": operation.priority,
    }
    return {name: value for name, value in known.items() if name not in hidden}
