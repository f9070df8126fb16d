"""Roles and assignments in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from apps.access import services
from apps.access.admin.forms import ActionsField, changed
from apps.access.models import Assignment, Role
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock
from apps.core.types import TimeWindow


class RoleForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A role with its actions to tick."""

    actions = ActionsField(required=False)

    class Meta:
        model = Role
        fields = ("name", "description", "actions")


@admin.register(Role)
class RoleAdmin(GuardedAdmin):
    """Roles: named sets of actions."""

    form = RoleForm
    list_display = ("name", "description", "number_of_actions")
    search_fields = ("name", "description")

    @admin.display(description="Actions")
    def number_of_actions(self, row: Role) -> int:
        """Return how many actions the role has."""
        return len(row.actions)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make or change the role."""
        actor, at, given = actor_of_staff(request), clock.now(), form.cleaned_data
        if not change:
            return services.create_role(actor=actor, at=at, **given)
        return services.change_role(row.pk, changed(form, given), actor=actor, at=at)

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the role."""
        services.delete_role(row.pk, actor=actor_of_staff(request), at=clock.now())


class AssignmentForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """An assignment, its period as two instants."""

    begins_at = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)
    ends_at = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)

    class Meta:
        model = Assignment
        fields = ("user", "group", "role", "organisation")


@admin.register(Assignment)
class AssignmentAdmin(GuardedAdmin):
    """Assignments; they are made and taken away, never changed."""

    form = AssignmentForm
    list_display = ("holder", "role", "organisation", "during")
    list_filter = ("role", "organisation")
    list_select_related = ("user", "group", "role", "organisation")
    search_fields = ("user__username", "user__display_name", "group__name", "role__name", "organisation__name")

    @admin.display(description="Who")
    def holder(self, row: Assignment) -> str:
        """Return the user or the group."""
        return str(row.user or row.group)

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Return what is asked, or what is shown."""
        asked = ("user", "group", "role", "organisation")
        return (*asked, "during") if obj else (*asked, "begins_at", "ends_at")

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make the assignment."""
        given = form.cleaned_data
        return services.assign_role(
            role_id=given["role"].pk,
            organisation_id=given["organisation"].pk,
            user_id=given["user"].pk if given["user"] else None,
            group_id=given["group"].pk if given["group"] else None,
            during=TimeWindow(start=given["begins_at"], end=given["ends_at"]),
            actor=actor_of_staff(request),
            at=clock.now(),
        )

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Take the assignment away."""
        services.end_assignment(row.pk, actor=actor_of_staff(request), at=clock.now())
