"""The admin's base classes for every noun: what is listed, offered and saved goes through the doors and the services.

``GuardedAdmin`` shows only visible rows, offers in choices and filters only what is visible, and saves through
``save_through`` and ``delete_through``, which call the app's service. A refusal is shown on the form, with its input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models
from django.forms import BaseInlineFormSet, ModelForm, SplitDateTimeField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from apps.access.api.addresses import client_address
from apps.access.queries import (
    actor_of_user,
    allowed_actions,
    decides,
    hidden_fields,
    parts_of,
    scope,
    sign_in_blocked_until,
    visible,
)
from apps.access.queries.standing import codename
from apps.access.registry import find_protected, judge, protected_model
from apps.access.services import grant_access, revoke_access
from apps.access.types import ANONYMOUS, READING, Actor, Channel, Scope
from apps.core import clock
from apps.core.models import Row
from apps.core.staff import READ_VERSION, RefusableForm, require_read_version
from apps.core.types import TimeWindow, WatchfloorError


def actor_of_staff(request: HttpRequest) -> Actor:
    """Return the actor that the signed-in member of staff is."""
    actor = actor_of_user(request.user)
    return actor if actor == ANONYMOUS else replace(actor, channel=Channel.ADMIN)


def do_to_each(request: HttpRequest, rows: models.QuerySet[Any], service: Callable[..., object], told: str) -> None:
    """Call a service for each row; say how many it did (``{}`` in ``told``), and why it refused the others."""
    done, actor = 0, actor_of_staff(request)
    for pk in rows.values_list("pk", flat=True):
        try:
            service(pk, actor=actor, at=clock.now())
            done += 1
        except WatchfloorError as error:
            messages.error(request, error.message)
    if done:
        messages.success(request, told.format(done))


def narrow(queryset: models.QuerySet[Any], actor: Actor) -> models.QuerySet[Any]:
    """Return the rows that the actor may see.

    Django's own tables, which nobody protects, stay as they are; for one of ours it raises ``LookupError``.
    """
    model = cast("type[models.Model]", queryset.model)
    try:
        entry = protected_model(model)
    except LookupError:
        if model.__module__.startswith("apps."):
            raise
        return queryset
    return visible(queryset, actor, f"{judge(entry).noun}.view")


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
        _save_grants(row, entry.noun, formset, actor_of_staff(request))

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
        names = {getattr(each, "parameter_name", each) for each in filters} | {"id", "pk", self.date_hierarchy}
        ours = lookup in names or any(name and lookup.startswith(f"{name}__") for name in names)
        return ours and bool(super().lookup_allowed(lookup, value, request))

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


class SignInForm(AuthenticationForm, AdminAuthenticationForm):  # type: ignore[misc]  # unfold is untyped
    """The admin's login form; it says when somebody has to wait after too many attempts."""

    def get_invalid_login_error(self) -> ValidationError:
        """Return what to say: wrong, or wait."""
        address = client_address(self.request) if self.request else ""
        until = sign_in_blocked_until(self.cleaned_data.get("username") or "", address, clock.now())
        if until is None:
            error: ValidationError = super().get_invalid_login_error()
            return error
        minutes = max(1, round((until - clock.now()).total_seconds() / 60))
        return ValidationError(f"Too many attempts. Try again in {minutes} min.", code="throttled")


def _name_of(each: Any) -> str:
    named = each[0] if isinstance(each, list | tuple) else each
    return named if isinstance(named, str) else str(getattr(named, "parameter_name", ""))


def _save_grants(thing: models.Model, noun: str, formset: Any, actor: Actor) -> None:
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
