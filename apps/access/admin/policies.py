"""Policies and user attributes in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.db import models
from django.forms import ModelForm
from django.forms.widgets import Script
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextareaWidget

from apps.access import services
from apps.access.admin.editor import PolicyEditor
from apps.access.admin.having import ObjectPages
from apps.access.models import AttributeDefinition, Policy, UserAttribute
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock
from apps.core.types import TimeWindow

WHO = {"users": "user_ids", "groups": "group_ids"}


class LinesField(SimpleArrayField):
    """Several texts, one on a line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            forms.CharField(max_length=100),
            delimiter="\n",
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
            **options,
        )


class PolicyForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A policy, its actions one on a line and its period as two instants."""

    actions = LinesField(help_text="One on a line: assets.view, assets.* or *.")
    hidden_fields = LinesField(  # type: ignore[assignment]  # Django takes fields out of the class
        required=False, help_text="One on a line; for limits and permits."
    )
    condition = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text="CQL2 text; empty is always true.",
    )
    begins_at = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)
    ends_at = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)

    class Meta:
        model = Policy
        fields = (
            *("name", "organisation", "description", "effect", "everybody", "users", "groups", "actions", "condition"),
            *("hidden_fields", "coarsen_m", "delay_s", "mandatory", "is_enabled"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:  # noqa: SLF001 - Django's
            self.initial["begins_at"] = self.instance.during.lower
            self.initial["ends_at"] = self.instance.during.upper


@admin.register(Policy)
class PolicyAdmin(PolicyEditor, ObjectPages):
    """Policies: attribute rules that permit, require, deny and limit."""

    form = PolicyForm
    list_display = ("name", "effect", "organisation", "actions", "mandatory", "is_enabled")
    list_filter = ("effect", "organisation", "is_enabled", "mandatory")
    list_select_related = ("organisation",)
    search_fields = ("name", "description")
    filter_horizontal = ("users", "groups")

    class Media:
        css: ClassVar = {"all": ("core/tokens.css", "access/access.css")}
        js = (Script("access/policy-editor.mjs", type="module"),)

    fieldsets = (
        (None, {"fields": (("name", "effect"), "organisation", "description", ("is_enabled", "mandatory"))}),
        ("Who", {"fields": ("everybody", "users", "groups", ("begins_at", "ends_at"))}),
        ("What", {"fields": ("actions", "condition")}),
        ("Kept back", {"fields": ("hidden_fields", ("coarsen_m", "delay_s"))}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Return what stays as it was made."""
        return () if obj is None else ("organisation",)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make or change the policy."""
        actor, at = actor_of_staff(request), clock.now()
        given = self.given(form)
        if not change:
            organisation = form.cleaned_data["organisation"]
            return services.create_policy(
                given, organisation_id=organisation.pk if organisation else None, actor=actor, at=at
            )
        return services.change_policy(row.pk, given, actor=actor, at=at)

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the policy."""
        services.delete_policy(row.pk, actor=actor_of_staff(request), at=clock.now())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the page, with what the trial below the form offers."""
        return super().render_change_form(request, context | self.editor_context(request), *args, **kwargs)

    def given(self, form: ModelForm[Any]) -> services.PolicyChanges:
        """Return a form's policy as the services take it."""
        given: Any = {
            name: value
            for name, value in form.cleaned_data.items()
            if name not in ("organisation", "begins_at", "ends_at", *WHO)
        }
        given["during"] = TimeWindow(start=form.cleaned_data["begins_at"], end=form.cleaned_data["ends_at"])
        for name, ids in WHO.items():
            given[ids] = [each.pk for each in form.cleaned_data[name]]
        return given  # type: ignore[no-any-return]  # the form has these fields


@admin.register(AttributeDefinition)
class AttributeDefinitionAdmin(GuardedAdmin):
    """What may be known of users."""

    list_display = ("name", "type", "description")
    search_fields = ("name", "description")
    fields = ("name", "type", "description")

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Return what stays as it was made."""
        return () if obj is None else ("name", "type")

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Define the attribute, or describe it anew."""
        actor, at, given = actor_of_staff(request), clock.now(), form.cleaned_data
        if not change:
            return services.define_attribute(actor=actor, at=at, **given)
        return services.describe_attribute(row.pk, given["description"], actor=actor, at=at)

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the attribute."""
        services.delete_attribute(row.pk, actor=actor_of_staff(request), at=clock.now())


class UserAttributeForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """What is known of a user, as JSON; a geometry as GeoJSON."""

    value = forms.JSONField(widget=UnfoldAdminTextareaWidget, help_text="JSON; a geometry as GeoJSON.")

    class Meta:
        model = UserAttribute
        fields = ("user", "definition", "value")


@admin.register(UserAttribute)
class UserAttributeAdmin(GuardedAdmin):
    """What is known of each user; given anew rather than changed."""

    form = UserAttributeForm
    list_display = ("user", "definition", "value")
    list_filter = ("definition",)
    list_select_related = ("user", "definition")
    search_fields = ("user__username", "definition__name")
    fields = ("user", "definition", "value")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say whether the person may describe somebody."""
        return self._may(request, "describe", None)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say no: giving it anew takes the place of the one before."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say whether the person may describe the user."""
        return self._may(request, "describe", obj)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Set the attribute."""
        given = form.cleaned_data
        return services.set_attribute(
            given["user"].pk, given["definition"].name, given["value"], actor=actor_of_staff(request), at=clock.now()
        )

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Forget the attribute."""
        assert isinstance(row, UserAttribute)  # noqa: S101 - this admin's rows
        services.clear_attribute(row.user_id, row.definition.name, actor=actor_of_staff(request), at=clock.now())
