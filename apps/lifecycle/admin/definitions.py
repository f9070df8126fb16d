"""Definitions in the admin: drafts with an editor that checks as one types, publishing, new drafts from versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelForm
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock
from apps.core.types import WatchfloorError
from apps.lifecycle import services
from apps.lifecycle.admin.migrating import PAGE, MigrationPages
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.queries import Validated, counts_by_state, validate
from apps.lifecycle.registry import find_lifecycle
from apps.lifecycle.rules.drawing import draw
from apps.lifecycle.rules.reading import LONGEST, read_definition
from apps.lifecycle.types import Status

BEGINNING = """\
key: berth-visit
noun: assets
title: Berth visit
initial: planned
states:
  planned: {label: Planned, tone: calm, category: open}
  over:    {label: Over, tone: done, final: true}
transitions:
  finish:
    label: Finish
    from: [planned]
    to: over
    action: assets.advance
"""


class DefinitionForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A definition as its text."""

    document = forms.CharField(
        max_length=LONGEST,
        strip=False,
        initial=BEGINNING,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 32, "spellcheck": "false", "class": "wf-yaml"}),
        label="Definition",
    )

    class Meta:
        model = DefinitionVersion
        fields = ("document",)

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


@admin.register(DefinitionVersion)
class DefinitionAdmin(MigrationPages, GuardedAdmin):
    """Every version of every lifecycle."""

    form = DefinitionForm
    list_display = ("key", "number", "title", "noun", "status", "is_shipped", "published_at", "published_by")
    list_filter = ("status", "noun", "is_shipped")
    search_fields = ("key", "title")
    ordering = ("key", "-number")
    change_form_outer_before_template = "lifecycle/definition.html"

    class Media:
        css: ClassVar = {"all": ("core/tokens.css", "lifecycle/lifecycle.css")}
        js = (Script("lifecycle/definition-editor.mjs", type="module"),)

    readonly_fields = ("text",)

    @display(description="Definition")  # type: ignore[untyped-decorator]  # unfold
    def text(self, definition: DefinitionVersion) -> SafeString:
        """Return the text of a version that is not written any more."""
        return format_html('<pre class="wf-yaml-text">{}</pre>', definition.document)

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Return the editor of a draft, or the text of what is published."""
        return ("document",) if obj is None or _is_draft(obj) else ("text",)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Let drafts be changed, and nothing else."""
        return super().has_change_permission(request, obj) and (obj is None or _is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Let drafts be deleted, and nothing else."""
        return super().has_delete_permission(request, obj) and (obj is None or _is_draft(obj))

    def get_urls(self) -> list[URLPattern]:
        """Return our addresses, then Django's."""
        own = [
            path("check/", self._ours(self.check_view), name="lifecycle_definitionversion_check"),
            path("<path:object_id>/do/", self._ours(self.do_view), name="lifecycle_definitionversion_do"),
        ]
        return [*own, *super().get_urls()]

    def check_view(self, request: HttpRequest) -> JsonResponse:
        """Say what is wrong with a text, and where."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        text = request.POST.get("document", "")[: LONGEST + 1].replace("\r\n", "\n")
        return JsonResponse({"mistakes": mistakes_shown(validate(text, number=_number(request)))})

    def do_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Publish or retire a version, or make a draft from it, as the button says."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        does = {
            "publish": services.publish_definition,
            "retire": services.retire_definition,
            "draft": services.draft_from,
        }.get(request.POST.get("do", ""))
        if does is None:
            raise Http404
        try:
            done = does(row.pk, actor=actor_of_staff(request), at=clock.now())
        except WatchfloorError as error:
            messages.error(request, " ".join([error.message, *(each.detail for each in error.errors[:5])]))
            done = row
        else:
            messages.success(request, f"{done} is a {done.status} version.")
        return HttpResponseRedirect(reverse("admin:lifecycle_definitionversion_change", args=[done.pk]))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the page, with what may be done to the version."""
        row = context.get("original")
        return super().render_change_form(request, context | {"definition": self._shown(request, row)}, *args, **kwargs)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make or change the draft."""
        actor, at, document = actor_of_staff(request), clock.now(), form.cleaned_data["document"]
        if change:
            return services.change_draft(row.pk, document, actor=actor, at=at)
        return services.create_draft(document, actor=actor, at=at)

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the draft."""
        services.delete_draft(row.pk, actor=actor_of_staff(request), at=clock.now())

    def _ours(self, view: Callable[..., Any]) -> Callable[..., Any]:
        ours: Callable[..., Any] = self.admin_site.admin_view(require_POST(view))
        return ours

    def _shown(self, request: HttpRequest, row: DefinitionVersion | None) -> dict[str, Any]:
        """Return what stands above the text: what the version is, what is wrong with a draft, and what may be done."""
        shown: dict[str, Any] = {
            "check_url": reverse("admin:lifecycle_definitionversion_check"),
            "number": row.number if row else 1,
        }
        if row is None:
            return shown
        found = read_definition(row.document, version=row.number).definition
        return shown | {
            "row": row,
            "diagram": draw(found) if found and found.initial in found.states else None,
            "counts": {} if _is_draft(row) else counts_by_state(row, actor_of_staff(request)),
            "do_url": reverse("admin:lifecycle_definitionversion_do", args=[row.pk]),
            "migrate_url": None if _is_draft(row) else reverse(f"admin:{PAGE}_migrate", args=[row.pk]),
            "enrol_url": reverse(f"admin:{PAGE}_enrol", args=[row.pk]) if _may_begin(row) else None,
            "is_draft": _is_draft(row),
            "is_published": row.status == Status.PUBLISHED,
            "mistakes": services.checked(row).mistakes if _is_draft(row) else (),
        }


def mistakes_shown(found: Validated) -> list[dict[str, Any]]:
    """Return mistakes as the editor shows them."""
    return [{"line": each.line, "column": each.column, "detail": each.detail} for each in found.mistakes]


def _is_draft(row: models.Model) -> bool:
    return isinstance(row, DefinitionVersion) and row.status == Status.DRAFT


def _may_begin(row: DefinitionVersion) -> bool:
    """Say whether there may be objects without a lifecycle whose kind names this one."""
    found = find_lifecycle(row.noun)
    return row.status == Status.PUBLISHED and found is not None and found.chosen_by is not None


def _number(request: HttpRequest) -> int:
    text = request.POST.get("number", "1")
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 2**15 else 1
