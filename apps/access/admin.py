"""People and access in the admin. Keys show their secret once, right after they are made."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.postgres.forms import SimpleArrayField
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.access import services
from apps.access.models import ApiKey, Assignment, DeviceKey, Organisation, Role, User
from apps.access.registry import all_actions
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock
from apps.core.types import TimeWindow


def _action_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(all_actions())]


class ActionsField(forms.MultipleChoiceField):
    """Any number of the actions that are registered."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=_action_choices, **options)


def changed(form: ModelForm[Any], given: dict[str, Any]) -> Any:
    """Return what was typed anew, as a service takes it."""
    return {name: value for name, value in given.items() if name.removesuffix("_id") in form.changed_data}


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
class OrganisationAdmin(GuardedAdmin):
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
class UserAdmin(GuardedAdmin):
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

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
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


class KeyAdmin(GuardedAdmin):
    """What the two kinds of keys have in common; deleting one here revokes it, and keeps its row."""

    search_fields = ("name", "prefix")

    @display(description="State", label={"usable": "success", "expired": "warning", "revoked": "danger"})  # type: ignore[untyped-decorator]  # unfold
    def state(self, row: ApiKey | DeviceKey) -> str:
        """Return whether the key is of use."""
        if row.revoked_at is not None:
            return "revoked"
        return "usable" if row.is_usable(clock.now()) else "expired"

    def show_token(self, request: HttpRequest, token: str) -> None:
        """Tell the secret, this once."""
        messages.warning(request, f"Copy the key now, it is not shown again: {token}")


class ApiKeyForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """An API key with its scopes to tick."""

    scopes = ActionsField()
    networks = SimpleArrayField(forms.CharField(), required=False, widget=UnfoldAdminTextareaWidget, delimiter="\n")

    class Meta:
        model = ApiKey
        fields = ("user", "name", "scopes", "networks", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(KeyAdmin):
    """API keys: one's own, and those of the people whom one administers."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "user", "state", "last_used_at", "expires_at")
    list_select_related = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say yes: everybody makes keys for themselves."""
        return True

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make the key and show its secret."""
        given = dict(form.cleaned_data)
        user = given.pop("user")
        key, token = services.create_api_key(user_id=user.pk, actor=actor_of_staff(request), at=clock.now(), **given)
        self.show_token(request, token)
        return key

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Revoke the key."""
        services.revoke_api_key(row.pk, actor=actor_of_staff(request), at=clock.now())


class DeviceKeyForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A device key."""

    networks = SimpleArrayField(forms.CharField(), required=False, widget=UnfoldAdminTextareaWidget, delimiter="\n")

    class Meta:
        model = DeviceKey
        fields = ("organisation", "name", "networks", "expires_at")


@admin.register(DeviceKey)
class DeviceKeyAdmin(KeyAdmin):
    """Device keys: by which trackers report for an organisation's assets."""

    form = DeviceKeyForm
    list_display = ("name", "prefix", "organisation", "state", "last_used_at", "expires_at")
    list_filter = ("organisation",)
    list_select_related = ("organisation",)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make the key and show its secret."""
        given = dict(form.cleaned_data)
        organisation = given.pop("organisation")
        key, token = services.create_device_key(
            organisation_id=organisation.pk, actor=actor_of_staff(request), at=clock.now(), **given
        )
        self.show_token(request, token)
        return key

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Revoke the key."""
        services.revoke_device_key(row.pk, actor=actor_of_staff(request), at=clock.now())
