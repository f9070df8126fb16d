"""Organisations, users and groups in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from apps.access import services
from apps.access.admin.forms import changed
from apps.access.admin.having import OrganisationPages, PersonPages
from apps.access.models import Organisation, User
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock


class UserForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A user; the password is set here and never shown."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep the one there is; without one nobody can sign in.",
    )

    service_account = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="For a program: no password, no admin, only API keys and OAuth tokens. It stays what it is.",
    )

    class Meta:
        model = User
        fields = (
            "username",
            "display_name",
            "email",
            "organisation",
            "is_active",
            "is_staff",
            "is_superuser",
            "groups",
        )


@admin.register(Organisation)
class OrganisationAdmin(OrganisationPages):
    """Organisations, shown with their place in the tree."""

    list_display = ("name", "slug", "parent", "depth")
    list_filter = ("parent",)
    list_select_related = ("parent",)
    search_fields = ("name", "slug")
    fields = ("name", "slug", "parent")
    prepopulated_fields = {"slug": ("name",)}

    @admin.display(description="Level")
    def depth(self, row: Organisation) -> int:
        """Return how deep it lies, the top being 1."""
        return len(row.lineage)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make or change the organisation."""
        actor, at, given = actor_of_staff(request), clock.now(), dict(form.cleaned_data)
        parent = given.pop("parent")
        given["parent_id"] = parent.pk if parent else None
        if not change:
            return services.create_organisation(actor=actor, at=at, **given)
        return services.change_organisation(row.pk, changed(form, given), actor=actor, at=at)

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the organisation."""
        services.delete_organisation(row.pk, actor=actor_of_staff(request), at=clock.now())


@admin.register(User)
class UserAdmin(PersonPages):
    """Users: who they are, never what their password is."""

    form = UserForm
    list_display = ("username", "display_name", "kind", "organisation", "is_active", "last_login")
    list_filter = ("organisation", "is_active", "is_staff", "is_superuser", "is_service")
    list_select_related = ("organisation",)
    search_fields = ("username", "display_name", "email")
    filter_horizontal = ("groups",)

    @display(  # type: ignore[untyped-decorator]  # unfold
        description="Kind", label={"superuser": "danger", "staff": "info", "service account": "warning"}
    )
    def kind(self, row: User) -> str:
        """Return what sort of account it is."""
        kinds = {"superuser": row.is_superuser, "staff": row.is_staff, "service account": row.is_service}
        return next((name for name, applies in kinds.items() if applies), "user")

    def fieldsets_of(self, request: HttpRequest, obj: models.Model | None) -> Any:
        """Return what is asked: of a new account also whether it is a program's, which never changes."""
        who = ["username", "display_name", "email", "organisation"]
        is_service = isinstance(obj, User) and obj.is_service
        if not is_service:
            who.append("new_password")
        may = ["is_active", "groups"] if is_service else ["is_active", "is_staff", "is_superuser", "groups"]
        return ((None, {"fields": who if obj else [*who, "service_account"]}), ("May", {"fields": may}))

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Return what only superusers decide."""
        return () if getattr(request.user, "is_superuser", False) else ("is_superuser", "groups")

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make or change the user, their password and their groups."""
        actor, at, given = actor_of_staff(request), clock.now(), dict(form.cleaned_data)
        password, groups = given.pop("new_password", "") or None, given.pop("groups", None)
        organisation = given.pop("organisation", None)
        given["organisation_id"] = organisation.pk if organisation else None
        is_service = given.pop("service_account", False)
        if change:
            user = services.change_user(row.pk, changed(form, given), actor=actor, at=at)
            if password:
                user = services.set_password(row.pk, password, actor=actor, at=at)
        else:
            given.pop("is_active", None)
            user = services.create_user(password=password, is_service=is_service, actor=actor, at=at, **given)
        if groups is not None and "groups" in form.changed_data:
            services.set_user_groups(user.pk, [group.pk for group in groups], actor=actor, at=at)
        return user


# Django registers its own, which asks nobody.
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(GuardedAdmin):
    """Groups of users; superusers keep them, from the users' side."""

    list_display = ("name",)
    search_fields = ("name",)
    fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say whether it is a superuser."""
        return bool(getattr(request.user, "is_superuser", False))

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say whether it is a superuser."""
        return self.has_add_permission(request)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make the group."""
        return services.create_group(name=form.cleaned_data["name"], actor=actor_of_staff(request), at=clock.now())

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the group."""
        services.delete_group(row.pk, actor=actor_of_staff(request), at=clock.now())
