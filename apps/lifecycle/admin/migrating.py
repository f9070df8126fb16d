"""The page that brings the objects of a version to another: chosen, tried dry, then done a part at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminSelectWidget

from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock
from apps.core.types import NotAllowed, WatchfloorError
from apps.lifecycle import services
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.registry import find_definition
from apps.lifecycle.rules.mapping import suggest
from apps.lifecycle.types import Definition, Status, TimersThen

# What one press of the button brings over; the page then says how far it is.
PART: Final = 2_000
STAYS: Final = ("", "Nowhere: they stay")
TIMERS: Final = (
    (TimersThen.RECOMPUTE.value, "Count from when the state was entered"),
    (TimersThen.RESTART.value, "Count from now"),
    (TimersThen.KEEP.value, "Keep what runs"),
)


class MigrationForm(forms.Form):
    """Where every state of the old version leads in the new one."""

    timers = forms.ChoiceField(choices=TIMERS, widget=UnfoldAdminSelectWidget, label="Running timers")

    def __init__(self, *args: Any, old: Definition, new: Definition, **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [STAYS, *((each.name, each.label) for each in new.states.values())]
        for name, target in suggest(old, new).items():
            self.fields[f"state-{name}"] = forms.ChoiceField(
                choices=[choice for choice in choices if choice != STAYS or name not in new.states],
                initial=target or "",
                required=False,
                widget=UnfoldAdminSelectWidget,
                label=old.states[name].label,
            )

    def plan(self, old: Definition, new: Definition) -> services.MigrationPlan:
        """Return what was chosen."""
        given = {name: self.cleaned_data[f"state-{name}"] for name in old.states}
        return services.MigrationPlan(
            key=old.key,
            from_version=old.version,
            to_version=new.version,
            states={name: target for name, target in given.items() if target},
            timers=TimersThen(self.cleaned_data["timers"]),
        )


class MigrationPages(GuardedAdmin):
    """Mixed into the admin of definitions."""

    def get_urls(self) -> list[URLPattern]:
        """Return our page, then the others."""
        view = self.admin_site.admin_view(self.migrate_view)
        own = path("<path:object_id>/migrate/", view, name="lifecycle_definitionversion_migrate")
        return [own, *super().get_urls()]

    def migrate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the plan; try it, or carry it out for a part of the objects, as the button says."""
        row = self.get_object(request, object_id)
        old = find_definition(row.key, row.number) if row else None
        if row is None or old is None:
            raise Http404
        try:
            services.require_may_migrate(old.noun, actor_of_staff(request))
        except NotAllowed as refused:
            raise PermissionDenied from refused
        targets = _targets(row)
        new = _chosen(request, row.key, targets)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Bring the objects of {row} to another version",
            "opts": self.opts,
            "original": row,
            "targets": targets,
            "new": new,
            **(self._worked(request, old, new) if new else {}),
        }
        return TemplateResponse(request, "lifecycle/migrate.html", context)

    def _worked(self, request: HttpRequest, old: Definition, new: Definition) -> dict[str, Any]:
        """Return the form, and what came of it."""
        form = MigrationForm(request.POST or None, old=old, new=new)
        shown: dict[str, Any] = {"form": form}
        # Without a word, the plan that is suggested is tried.
        bound = form if form.is_bound else MigrationForm(_as_suggested(form), old=old, new=new)
        if not bound.is_valid():
            return shown
        plan, actor = bound.plan(old, new), actor_of_staff(request)
        try:
            if request.POST.get("do") == "apply":
                done = services.migrate(plan, actor=actor, at=clock.now(), most=PART)
                so_far = _number(request) + done.moved
                shown |= {"done": done, "so_far": so_far, "all": so_far + done.left}
            tried = services.try_migration(plan, actor=actor)
        except WatchfloorError as error:
            form.add_error(None, " ".join([error.message, *(each.detail for each in error.errors)]))
            return shown
        return shown | {
            "tried": tried,
            "refused": [(old.states[name].label, *refused) for name, refused in tried.refused.items()],
        }


def _targets(row: DefinitionVersion) -> list[int]:
    rows = DefinitionVersion.objects.filter(key=row.key, status=Status.PUBLISHED).exclude(number=row.number)
    return list(rows.order_by("-number").values_list("number", flat=True))


def _chosen(request: HttpRequest, key: str, targets: Iterable[int]) -> Definition | None:
    """Return the version to go to: that which is asked for, else the latest."""
    numbers = {str(each): each for each in targets}
    asked = request.POST.get("to") or request.GET.get("to") or next(iter(numbers), "")
    return find_definition(key, numbers[asked]) if asked in numbers else None


def _as_suggested(form: MigrationForm) -> dict[str, Any]:
    return {name: field.initial or "" for name, field in form.fields.items()} | {"timers": TimersThen.RECOMPUTE.value}


def _number(request: HttpRequest) -> int:
    text = request.POST.get("so_far", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
