"""API keys and device keys in the admin. They show their secret once, right after they are made."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.forms import SimpleArrayField
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.access import services
from apps.access.admin.forms import ActionsField
from apps.access.models import ApiKey, DeviceKey
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock


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
