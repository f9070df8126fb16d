"""Approvals in the admin: what one's organisation is asked to agree to."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core.clock import now
from apps.core.widgets import map_preview
from apps.operations import services
from apps.operations.models import Approval
from apps.operations.types import ApprovalChanges

DECIDED = ("decision", "note")


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
