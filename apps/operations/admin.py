"""Operations in the admin: what is planned, who has to agree, and the kinds that say who gives way."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.access.front import WhoMaySee
from apps.access.staff import GrantInline, GuardedAdmin, GuardedInline, actor_of_staff
from apps.core.clock import now
from apps.core.widgets import map_preview
from apps.lifecycle.staff import LifecycleAdminMixin
from apps.operations import services
from apps.operations.forms import OperationKindForm
from apps.operations.models import (
    Approval,
    AssignedAsset,
    Occupancy,
    Operation,
    OperationGroupGrant,
    OperationKind,
    OperationUserGrant,
    Volume,
)
from apps.operations.types import ApprovalChanges, OperationChanges, OperationKindChanges

WORDS = ("title", "description", "contact", "priority")
DECIDED = ("decision", "note")


class VolumeInline(GuardedInline):
    """What the operation plans."""

    model = Volume
    fields = ("number", "lower_m", "lower_datum", "upper_m", "upper_datum", "starts_at", "ends_at", "rule", "time_zone")
    readonly_fields = fields


class OccupancyInline(GuardedInline):
    """Every time at which it holds, or would hold, its volumes."""

    model = Occupancy
    fields = ("during", "holds")
    readonly_fields = fields
    per_page = 10


class AssignedAssetInline(GuardedInline):
    """The assets that take part."""

    model = AssignedAsset
    fields = ("asset_id",)
    readonly_fields = fields


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


@admin.register(OperationKind)
class OperationKindAdmin(GuardedAdmin):
    """Kinds of operations; the slug is chosen once."""

    list_display = ("name", "slug", "default_priority", "may_share", "is_reviewed", "changed_at")
    search_fields = ("name", "slug")
    form = OperationKindForm
    fieldsets = (
        (None, {"fields": (("name", "slug"), ("colour", "lifecycle"))}),
        ("Who gives way", {"fields": (("default_priority",), ("may_share", "is_reviewed"))}),
        ("What conforms", {"fields": (("tolerance_m",), ("nonconforming_after", "contingent_after"))}),
    )

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
            return services.create_operation_kind(actor=actor, at=at, **given)
        changes = {name: value for name, value in given.items() if name in form.changed_data}
        return services.update_operation_kind(row.pk, actor=actor, at=at, **cast("OperationKindChanges", changes))

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the kind."""
        services.delete_operation_kind(row.pk, actor=actor_of_staff(request), at=now())


@admin.register(Operation)
class OperationAdmin(WhoMaySee, LifecycleAdminMixin, GuardedAdmin):
    """Operations: what is planned, and where each of it stands."""

    called_by = "title"
    tells_of: ClassVar = {
        "map": "geometry",
        "VolumeInline": "geometry",
        "OccupancyInline": "geometry",
        "state_badge": "state",
    }
    list_display = ("title", "kind", "state_badge", "priority", "starts_at", "ends_at", "organisation")
    list_filter = ("state", "kind", "organisation")
    list_select_related = ("kind", "organisation")
    search_fields = ("title", "description")
    date_hierarchy = "starts_at"
    ordering = ("-starts_at", "-id")
    inlines = (VolumeInline, OccupancyInline, AssignedAssetInline, UserGrantInline, GroupGrantInline)
    fields = (
        ("title", "priority"),
        ("kind", "organisation"),
        "contact",
        "description",
        ("starts_at", "ends_at"),
        "map",
    )
    readonly_fields = ("kind", "organisation", "starts_at", "ends_at", "map")
    move = staticmethod(services.move_operation)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        """Return the operations; a list never reads an area."""
        rows: QuerySet[Operation] = super().get_queryset(request)
        is_list = request.resolver_match is not None and str(request.resolver_match.url_name).endswith("_changelist")
        return rows.defer("area") if is_list else rows

    @display(description="Area")  # type: ignore[untyped-decorator]  # unfold
    def map(self, operation: Operation) -> SafeString | str:
        """Return all of its footprints on a map."""
        return map_preview(operation.area, label="Where the operation is planned")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: an operation is planned over REST."""
        return False

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Change what the operation says of itself."""
        changes = {name: form.cleaned_data[name] for name in WORDS if name in form.changed_data}
        actor, at = actor_of_staff(request), now()
        return services.update_operation(row.pk, actor=actor, at=at, **cast("OperationChanges", changes))

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the draft."""
        services.delete_operation(row.pk, actor=actor_of_staff(request), at=now())


@admin.register(Approval)
class ApprovalAdmin(GuardedAdmin):
    """Approvals: what one's organisation is asked to agree to."""

    called_by = "operation_title"
    tells_of: ClassVar = {"map": "geometry", "operation": "operation_title", "title": "operation_title"}
    list_display = ("title", "reason", "zone_name", "organisation", "decision", "decided_by", "recorded_at")
    list_filter = ("decision", "reason", "organisation")
    list_select_related = ("operation", "organisation")
    fields = (
        ("title", "organisation"),
        ("reason", "zone_name"),
        ("starts_at", "ends_at", "contact"),
        "map",
        ("decision", "note"),
        ("decided_by", "decided_at"),
    )
    readonly_fields = (
        "title",
        "organisation",
        "reason",
        "zone_name",
        "starts_at",
        "ends_at",
        "contact",
        "map",
        "decided_by",
        "decided_at",
    )

    @display(description="Operation", ordering="operation__title")  # type: ignore[untyped-decorator]  # unfold
    def title(self, approval: Approval) -> str:
        """Return what the operation is called."""
        return approval.operation.title

    @display(description="Starts")  # type: ignore[untyped-decorator]  # unfold
    def starts_at(self, approval: Approval) -> object:
        """Return when the operation starts."""
        return approval.operation.starts_at

    @display(description="Ends")  # type: ignore[untyped-decorator]  # unfold
    def ends_at(self, approval: Approval) -> object:
        """Return when the operation ends."""
        return approval.operation.ends_at

    @display(description="Contact")  # type: ignore[untyped-decorator]  # unfold
    def contact(self, approval: Approval) -> str:
        """Return whom to ask about it."""
        return approval.operation.contact

    @display(description="Area")  # type: ignore[untyped-decorator]  # unfold
    def map(self, approval: Approval) -> SafeString | str:
        """Return where the operation is planned."""
        return map_preview(approval.operation.area, label="Where the operation is planned")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: operations ask."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the person may decide."""
        return self._may(request, "decide", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no: what was asked stays as it was."""
        return False

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Take the decision."""
        changes = {name: form.cleaned_data[name] for name in DECIDED if name in form.changed_data}
        return services.decide_approval(
            row.pk, actor=actor_of_staff(request), at=now(), **cast("ApprovalChanges", changes)
        )
