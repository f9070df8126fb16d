"""Kinds of operations in the admin: who gives way, who is asked, and what still conforms."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest

from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core.clock import now
from apps.operations import services
from apps.operations.forms import OperationKindForm
from apps.operations.models import OperationKind
from apps.operations.types import OperationKindChanges


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
