"""The admin's base classes for every noun: what is listed, offered and saved goes through the doors and the services.

``GuardedAdmin`` shows only visible rows, offers in choices and filters only what is visible, and saves through
``save_through`` and ``delete_through``, which call the app's service. A refusal is shown on the form, with its input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.forms import BaseInlineFormSet, ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter

from apps.access.queries import (
    decides,
    hidden_fields,
    scope,
)
from apps.access.registry import find_protected, judge, protected_model
from apps.access.staff.actors import actor_of_staff, narrow
from apps.access.staff.inlines import save_grants
from apps.access.types import READING, Scope
from apps.core.models import Row
from apps.core.staff import READ_VERSION, RefusableForm, require_read_version
from apps.core.types import WatchfloorError


class VisibleRelatedFilter(RelatedDropdownFilter):  # type: ignore[misc]  # unfold is untyped
    """A list filter by a relation that offers only what the person may see."""

    def field_choices(
        self, field: models.ForeignKey[Any, Any], request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        """Return the choices, narrowed by the doors."""
        related = field.related_model
        order = self.field_admin_ordering(field, request, model_admin)
        rows = narrow(related._default_manager.order_by(*order), actor_of_staff(request))
        return [(str(row.pk), str(row)) for row in rows[:1000]]


class GuardedAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    """The admin of one protected noun. Subclasses say how it looks and call their services."""

    change_form_before_template = "access/read_version.html"

    show_full_result_count = False
    # What is shown under another name than that of the published field: ``{"map": "geometry"}``.
    tells_of: ClassVar[dict[str, str]] = {}
    # The published field by which rows are called; where it may be hidden, nothing of the noun is shown here.
    called_by: str = ""
    list_filter_sheet = False

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Call the service that makes or changes the row from ``form.cleaned_data``; return what it returned."""
        raise ImproperlyConfigured(f"{type(self).__name__} saves nothing.")

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Call the service that deletes the row."""
        raise ImproperlyConfigured(f"{type(self).__name__} deletes nothing.")

    def save_inline_through(
        self, request: HttpRequest, row: models.Model, formset: BaseInlineFormSet[Any, Any, Any]
    ) -> None:
        """Call the services for the changed rows of an inline; grants are saved here for every noun."""
        entry = protected_model(self.model)
        if formset.model not in (entry.grants or ()):
            raise ImproperlyConfigured(f"{type(self).__name__} saves no parts.")
        save_grants(row, entry.noun, formset, actor_of_staff(request))

    # What is hidden

    def hidden(self, request: HttpRequest) -> frozenset[str]:
        """Return the fields that a policy may hide from the person: the admin leaves them out of everything."""
        entry = find_protected(self.model)
        if entry is None:
            return frozenset()
        asked: dict[str, frozenset[str]] = request.__dict__.setdefault("_hidden", {})
        if entry.noun not in asked:
            asked[entry.noun] = hidden_fields(actor_of_staff(request), entry.noun)
        return asked[entry.noun]

    def is_hidden(self, request: HttpRequest, name: str) -> bool:
        """Say whether something that the admin shows, or searches, tells of a hidden field."""
        heads = {each.partition(".")[0] for each in self.hidden(request)}
        return bool(heads) and self.tells_of.get(name, name.lstrip("=^@").partition("__")[0]) in heads

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        """Return the columns that hide nothing."""
        return [each for each in super().get_list_display(request) if not self.is_hidden(request, str(each))]

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        """Return what is searched: nothing that is hidden."""
        return [each for each in super().get_search_fields(request) if not self.is_hidden(request, each)]

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Return the form without what is hidden; what there is, ``fieldsets_of`` says. A new row hides nothing yet."""
        found = self.fieldsets_of(request, obj)
        if obj is None or not self.hidden(request):
            return found
        return [(title, {**options, "fields": self._unhidden(request, options["fields"])}) for title, options in found]

    def get_inlines(self, request: HttpRequest, obj: models.Model | None) -> Any:
        """Return the parts without those that tell of what is hidden; what there is, ``inlines_of`` says."""
        found = self.inlines_of(request, obj)
        return [each for each in found if obj is None or not self.is_hidden(request, each.__name__)]

    def fieldsets_of(self, request: HttpRequest, obj: models.Model | None) -> Any:
        """Return the whole form; classes that arrange it by the row override this, for nothing comes past the veil."""
        return super().get_fieldsets(request, obj)

    def inlines_of(self, request: HttpRequest, obj: models.Model | None) -> Any:
        """Return all parts of a row."""
        return super().get_inlines(request, obj)

    def _unhidden(self, request: HttpRequest, fields: Iterable[Any]) -> list[Any]:
        kept: list[Any] = []
        for each in fields:
            if isinstance(each, str):
                kept += [] if self.is_hidden(request, each) else [each]
            elif row := self._unhidden(request, each):
                kept.append(tuple(row))
        return kept

    # What is shown

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return the rows that the person may see."""
        return narrow(super().get_queryset(request), actor_of_staff(request))

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        """Return the filters; a bare relation becomes one that offers only what is visible."""
        found = super().get_list_filter(request)
        return [self._guard_filter(each) for each in found if not self.is_hidden(request, _name_of(each))]

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the field of a relation, offering only what is visible."""
        kwargs["queryset"] = self._choices(kwargs.get("queryset"), db_field, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field of a relation to many, offering only what is visible."""
        kwargs["queryset"] = self._choices(kwargs.get("queryset"), db_field, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow only the lookups of our filters: Django would let anybody search a password hash by its letters."""
        filters = (each[0] if isinstance(each, list | tuple) else each for each in self.get_list_filter(request))
        names = {getattr(each, "parameter_name", each) for each in filters} | {"id", "pk", self._dates(request)}
        ours = lookup in names or any(name and lookup.startswith(f"{name}__") for name in names)
        return ours and bool(super().lookup_allowed(lookup, value, request))

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        """Return the order; nothing is in the order of what is hidden."""
        return [each for each in super().get_ordering(request) if not self.is_hidden(request, each.lstrip("-"))]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, which is not narrowed by dates that are hidden."""
        found = super().get_changelist_instance(request)
        found.date_hierarchy = self._dates(request)
        return found

    # What is offered

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say whether the person may see the row, or any row."""
        return self._may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say whether the person may add a row somewhere; where exactly is for the service to judge."""
        return self._may(request, "add", None)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say whether the person may change the row, or any row."""
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say whether the person may delete the row, or any row."""
        return self._may(request, "delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Say whether the person sees anything here."""
        return self.has_view_permission(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the bulk actions; Django's own deletion would go past the services."""
        actions: dict[str, Any] = super().get_actions(request)
        return {name: action for name, action in actions.items() if name != "delete_selected"}

    # What is saved

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Render the form with the version that it shows."""
        row = kwargs.get("obj")
        context["read_version"] = (READ_VERSION, row.version) if isinstance(row, Row) else None
        return super().render_change_form(request, context, *args, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or take the form; what a service refuses is shown on the form, and nothing is saved."""
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except WatchfloorError as error:
            if request.method != "POST":
                raise Http404(error.message) from error
            return self._show_refusal(request, error, object_id, form_url, extra_context)
        else:
            return response

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form, which repeats what a service has just refused, and knows nothing of what is hidden."""
        form = super().get_form(request, obj, change=change, **kwargs)
        hidden = () if obj is None else [name for name in form.base_fields if self.is_hidden(request, name)]
        refusal = getattr(request, "refusal", None)
        return type(form.__name__, (RefusableForm, form), {"refusal": refusal, "left_out": hidden})

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm[Any], change: bool) -> None:
        """Save through the service, unless the form was opened on another version; go on with the row that it returned.

        The row stays locked until the service is done, so the version is judged once for every noun.
        """
        if change and isinstance(obj, Row):
            require_read_version(obj, request.POST.get(READ_VERSION, ""))
        saved = self.save_through(request, obj, form, change)
        if saved is not obj:
            obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: bool) -> None:
        """Save the inlines; relations to many are part of what ``save_through`` saves."""
        for formset in formsets:
            self.save_formset(request, form, formset, change)

    def save_formset(self, request: HttpRequest, form: ModelForm[Any], formset: Any, change: bool) -> None:
        """Save one inline through services; an untouched one has nothing to save."""
        if not formset.has_changed():
            super().save_formset(request, form, formset, change)
            return
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        self.save_inline_through(request, form.instance, formset)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask, and delete through the service; what it refuses is said, and nothing is deleted."""
        try:
            response: HttpResponse = super().delete_view(request, object_id, extra_context)
        except WatchfloorError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.path)
        else:
            return response

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        """Delete through the service."""
        self.delete_through(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name only what is to be deleted: Django would list what hangs on it, visible or not."""
        return [str(each) for each in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []

    # How

    def _may(self, request: HttpRequest, verb: str, row: models.Model | None) -> bool:
        reach = self._scope(request, verb)
        if self.called_by and self.is_hidden(request, self.called_by):
            return False
        if row is None:
            return not reach.is_empty()
        return decides(reach, row, reads=verb in READING)

    def _scope(self, request: HttpRequest, verb: str) -> Scope:
        """Return what the person may do the verb to; asked once a request, since a page asks it for every link."""
        entry = judge(protected_model(self.model))
        asked: dict[str, Scope] = request.__dict__.setdefault("_scopes", {})
        action = f"{entry.noun}.{verb}"
        if action not in asked:
            asked[action] = scope(actor_of_staff(request), action) if verb in entry.actions else Scope()
        return asked[action]

    def _dates(self, request: HttpRequest) -> str | None:
        """Return the field by whose dates the list is narrowed, unless it is hidden."""
        name: str | None = self.date_hierarchy
        return None if name is None or self.is_hidden(request, name) else name

    def _choices(self, queryset: Any, db_field: Any, request: HttpRequest) -> models.QuerySet[Any]:
        rows = db_field.remote_field.model._default_manager.all() if queryset is None else queryset
        return narrow(rows, actor_of_staff(request))

    def _guard_filter(self, each: Any) -> Any:
        path, kind = each if isinstance(each, list | tuple) else (each, admin.RelatedFieldListFilter)
        if not isinstance(path, str) or not issubclass(kind, admin.RelatedFieldListFilter):
            return each
        is_relation = get_fields_from_path(self.model, path)[-1].is_relation
        return (path, VisibleRelatedFilter) if is_relation else each

    def _show_refusal(self, request: HttpRequest, error: WatchfloorError, *args: Any) -> HttpResponse:
        request.refusal = error  # type: ignore[attr-defined]  # read by get_form
        response: HttpResponse = super().changeform_view(request, *args)
        return response


def _name_of(each: Any) -> str:
    named = each[0] if isinstance(each, list | tuple) else each
    return named if isinstance(named, str) else str(getattr(named, "parameter_name", ""))
