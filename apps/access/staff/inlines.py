"""Tables inside a form: parts of an object that are shown, and its grants."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.db import models
from django.forms import ModelForm, SplitDateTimeField
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from apps.access.queries import allowed_actions, hidden_fields, parts_of
from apps.access.queries.standing import codename
from apps.access.registry import find_protected, protected_model
from apps.access.services import grant_access, revoke_access
from apps.access.staff.actors import actor_of_staff, narrow
from apps.access.types import Actor
from apps.core import clock
from apps.core.types import TimeWindow


class GuardedInline(TabularInline):  # type: ignore[misc]  # unfold is untyped
    """Parts of an object, shown and not edited; whoever sees the object sees them.

    Parts that are history name their ``instant``, and are judged by it.
    """

    extra = 0
    show_change_link = False
    instant: str | None = None
    _whole: models.Model | None = None

    def get_formset(self, request: HttpRequest, obj: models.Model | None = None, **kwargs: Any) -> Any:
        """Return the formset; Django asks for it first, and for the rows then."""
        self._whole = obj
        return super().get_formset(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        """Return the columns that tell of nothing that a policy may hide of the whole."""
        entry = find_protected(self.parent_model)
        hidden = hidden_fields(actor_of_staff(request), entry.noun) if entry else frozenset()
        heads = {each.partition(".")[0] for each in hidden}
        return [each for each in super().get_fields(request, obj) if each not in heads]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return the parts that the person may see."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        if self.instant is None or self._whole is None:
            return rows
        view = f"{protected_model(type(self._whole)).noun}.view"
        return parts_of(rows, self._whole, actor_of_staff(request), view, instant=self.instant)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say yes: the parent has been judged."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say no."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say no."""
        return False


class GrantForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A grant, its period as two instants."""

    begins_at = SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)
    ends_at = SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)


class GrantInline(TabularInline):  # type: ignore[misc]  # unfold is untyped
    """The grants of an object: who may do what with this one. For whoever may share it; set ``model`` to the table."""

    extra = 0
    form = GrantForm
    verbose_name = "grant"

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Return who, what, and for how long."""
        by_user, _ = protected_model(self.parent_model).grants or (None, None)
        return ("user" if self.model is by_user else "group", "permission", "begins_at", "ends_at")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return the grants, with whom and what they are for."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(self.get_fields(request)[0], "permission__content_type")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the choices: visible people, and the actions of this noun."""
        entry = protected_model(self.parent_model)
        if db_field.name == "permission":
            names = [codename(entry, verb) for verb in entry.actions]
            kwargs["queryset"] = Permission.objects.filter(
                content_type__app_label=entry.model._meta.app_label, codename__in=names
            ).select_related("content_type")
        else:
            kwargs["queryset"] = narrow(db_field.remote_field.model._default_manager.all(), actor_of_staff(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say whether the person may share the object: who else sees it is not for everybody."""
        noun = protected_model(self.parent_model).noun
        return obj is not None and f"{noun}.share" in allowed_actions(actor_of_staff(request), obj)

    has_add_permission = has_delete_permission = has_view_permission

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say no: a grant is given or taken back."""
        return False


def save_grants(thing: models.Model, noun: str, formset: Any, actor: Actor) -> None:
    """Give and take back what the table of grants in a form says."""
    for form in formset.forms:
        permission = form.cleaned_data.get("permission") if form.has_changed() else None
        if permission is None:
            continue
        action = f"{noun}.{permission.codename.partition('_')[0]}"
        to = form.cleaned_data.get("user") or form.cleaned_data.get("group")
        if form in formset.deleted_forms:
            revoke_access(thing, action, to=to, only=form.instance.pk, actor=actor, at=clock.now())
        else:
            during = TimeWindow(start=form.cleaned_data.get("begins_at"), end=form.cleaned_data.get("ends_at"))
            grant_access(thing, action, to=to, during=during, actor=actor, at=clock.now())
