"""Assets in the admin: their kinds, their identifiers and devices, and with whom they are shared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from apps.access.front import WhoMaySee
from apps.access.queries import allowed_actions, visible
from apps.access.staff import GrantInline, GuardedAdmin, actor_of_staff, narrow
from apps.assets import services
from apps.assets.models import Asset, AssetGroupGrant, AssetKind, AssetUserGrant, Device, Identifier
from apps.assets.types import AssetChanges, AssetKindChanges, DeviceChanges, IdentifierPair
from apps.core.clock import now
from apps.lifecycle.forms import lifecycle_choice
from apps.lifecycle.staff import LifecycleAdminMixin


class PartInline(TabularInline):  # type: ignore[misc]  # unfold is untyped
    """Parts of an asset, for whoever may change it."""

    extra = 0
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the person may change the asset; a new one is theirs to fill in."""
        return obj is None or "assets.change" in allowed_actions(actor_of_staff(request), obj)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


class PartForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A part of an asset as it was typed; the service writes it in the one way and judges it."""

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


class IdentifierInline(PartInline):
    """The identifiers of an asset; everybody who sees it sees them."""

    model = Identifier
    form = PartForm
    fields = ("scheme", "value")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say yes: the asset has been judged."""
        return True


class DeviceInline(PartInline):
    """The devices of an asset. An open device's id is all that it takes to report, so not everybody sees them."""

    model = Device
    form = PartForm
    fields = ("protocol", "device_id", "is_open", "key")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field of the key, offering only those that the person may see."""
        kwargs["queryset"] = narrow(db_field.remote_field.model._default_manager.all(), actor_of_staff(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class UserGrantInline(GrantInline):
    """The people with whom one asset is shared."""

    model = AssetUserGrant
    verbose_name = "grant to a person"
    verbose_name_plural = "grants to people"


class GroupGrantInline(GrantInline):
    """The groups with whom one asset is shared."""

    model = AssetGroupGrant
    verbose_name = "grant to a group"
    verbose_name_plural = "grants to groups"


class AssetKindForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A kind of asset."""

    lifecycle = lifecycle_choice("assets", empty="None")


@admin.register(AssetKind)
class AssetKindAdmin(GuardedAdmin):
    """Kinds of assets; the slug is chosen once."""

    form = AssetKindForm

    list_display = ("name", "slug", "icon", "late_after", "lost_after", "changed_at")
    search_fields = ("name", "slug")
    fieldsets = (
        (None, {"fields": ("name", "slug", "icon")}),
        ("Silence", {"fields": (("late_after", "lost_after"),)}),
        ("Attributes", {"fields": ("attributes_schema",)}),
        ("Lifecycle", {"fields": ("lifecycle",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return the slug, once there is one."""
        return () if obj is None else ("slug",)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> dict[str, tuple[str, ...]]:
        """Propose a slug for a new kind."""
        return {"slug": ("name",)} if obj is None else {}

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Make or change the kind."""
        actor, at = actor_of_staff(request), now()
        given = _with_empty(form.cleaned_data, "attributes_schema")
        if not change:
            return services.create_asset_kind(actor=actor, at=at, **given)
        return services.update_asset_kind(row.pk, actor=actor, at=at, **cast("AssetKindChanges", changed(form, given)))

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the kind."""
        services.delete_asset_kind(row.pk, actor=actor_of_staff(request), at=now())


@admin.register(Asset)
class AssetAdmin(WhoMaySee, LifecycleAdminMixin, GuardedAdmin):
    """Assets, found by name or by any of their identifiers."""

    called_by = "name"
    tells_of: ClassVar = {"IdentifierInline": "identifiers", "known_as": "identifiers", "state_badge": "state"}
    list_display = ("name", "kind", "organisation", "known_as", "state_badge", "is_active", "changed_at")
    list_filter = ("kind", "organisation", "is_active", "state")
    list_select_related = ("kind", "organisation")
    search_fields = ("name", "identifiers__value")
    search_help_text = "Name, MMSI, plate or any other identifier"
    fieldsets = (
        (None, {"fields": ("name", ("kind", "organisation"), "is_active")}),
        ("Attributes", {"fields": ("attributes",)}),
    )
    inlines = (IdentifierInline, DeviceInline, UserGrantInline, GroupGrantInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        """Return the assets with what the list shows of each."""
        rows: QuerySet[Asset] = super().get_queryset(request)
        return rows.prefetch_related("identifiers")

    @display(description="Known as")  # type: ignore[untyped-decorator]  # unfold
    def known_as(self, asset: Asset) -> str:
        """Return the asset's identifiers."""
        return ", ".join(str(each) for each in asset.identifiers.all())

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Make or change the asset; its identifiers and devices follow."""
        actor, at = actor_of_staff(request), now()
        given = _with_empty(form.cleaned_data, "attributes")
        if not change:
            return services.create_asset(actor=actor, at=at, **given)
        return services.update_asset(row.pk, actor=actor, at=at, **cast("AssetChanges", changed(form, given)))

    def save_inline_through(self, request: HttpRequest, row: Model, formset: BaseInlineFormSet[Any, Any, Any]) -> None:
        """Save the asset's parts."""
        if formset.model is Identifier:
            pairs = [IdentifierPair(each["scheme"], each["value"]) for each in _kept(formset)]
            services.update_asset(row.pk, identifiers=pairs, actor=actor_of_staff(request), at=now())
        elif formset.model is Device:
            _save_devices(request, row, formset)
        else:
            super().save_inline_through(request, row, formset)

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the asset."""
        services.delete_asset(row.pk, actor=actor_of_staff(request), at=now())


@admin.register(Device)
class DeviceAdmin(GuardedAdmin):
    """Devices of the assets that the person may change."""

    list_display = ("device_id", "protocol", "asset", "is_open", "key", "changed_at")
    list_filter = ("protocol", "is_open")
    list_select_related = ("asset", "key")
    search_fields = ("device_id", "asset__name")
    autocomplete_fields = ("asset",)
    fields = ("asset", ("protocol", "device_id"), ("is_open", "key"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        """Return the devices of assets that the person may change: ids of open ones are as good as keys."""
        return visible(super().get_queryset(request), actor_of_staff(request), "assets.change")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return the asset: a device is removed and added, never moved."""
        return () if obj is None else ("asset",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the person may change the asset, or any."""
        return self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say whether the person may change any asset; which one is for the service to judge."""
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the person may change the asset, or any."""
        return self.has_change_permission(request, obj)

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Add or change the device."""
        actor, at, given = actor_of_staff(request), now(), dict(form.cleaned_data)
        if not change:
            return services.add_device(given.pop("asset").pk, actor=actor, at=at, **given)
        device = cast("Device", row)
        changes = cast("DeviceChanges", changed(form, given))
        return services.update_device(device.asset_id, device.pk, actor=actor, at=at, **changes)

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Remove the device."""
        device = cast("Device", row)
        services.remove_device(device.asset_id, device.pk, actor=actor_of_staff(request), at=now())


def changed(form: ModelForm[Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return what was typed anew: two people who change different fields do not undo each other."""
    return {name: value for name, value in given.items() if name in form.changed_data}


def _with_empty(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what was typed, an emptied JSON field as an empty object; a hidden one is not there."""
    return {**given, name: given[name] or {}} if name in given else dict(given)


def _kept(formset: BaseInlineFormSet[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return the rows of an inline that are not to be deleted, old and new."""
    gone = set(map(id, formset.deleted_forms))
    return [form.cleaned_data for form in formset.forms if form.cleaned_data.get("scheme") and id(form) not in gone]


def _save_devices(request: HttpRequest, asset: Model, formset: BaseInlineFormSet[Any, Any, Any]) -> None:
    actor, at = actor_of_staff(request), now()
    gone = set(map(id, formset.deleted_forms))
    for form in formset.forms:
        given = {name: form.cleaned_data[name] for name in DeviceInline.fields if name in form.cleaned_data}
        is_stored = not form.instance._state.adding  # noqa: SLF001 - Django's documented way to tell
        if id(form) in gone:
            if is_stored:
                services.remove_device(asset.pk, form.instance.pk, actor=actor, at=at)
        elif is_stored and form.has_changed():
            changes = cast("DeviceChanges", changed(form, given))
            services.update_device(asset.pk, form.instance.pk, actor=actor, at=at, **changes)
        elif form.has_changed():
            services.add_device(asset.pk, actor=actor, at=at, **given)
