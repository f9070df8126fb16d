"""The pages that bring objects to a version, from another or from none: tried dry, then done in the background."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminSelectWidget

from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock
from apps.core.types import NotAllowed, WatchfloorError
from apps.lifecycle import queries, services
from apps.lifecycle.models import DefinitionVersion, MigrationRun
from apps.lifecycle.registry import find_definition
from apps.lifecycle.rules.mapping import suggest
from apps.lifecycle.types import Definition, RunStatus, Status, TimersThen

PAGE: Final = "lifecycle_definitionversion"
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
        self.order_fields([*(name for name in self.fields if name != "timers"), "timers"])

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
        """Return our pages, then the others."""
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"{PAGE}_{name}")
            for name, view in (("migrate", self.migrate_view), ("enrol", self.enrol_view))
        ]
        return [*own, *super().get_urls()]

    def migrate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the plan that brings the objects of a version to another; without a word, the suggested one is tried."""
        row, old = self._found(request, object_id)
        targets = _targets(row)
        new = _chosen(request, row.key, targets)
        form = _form(request, old, new) if new else None
        plan = form.plan(old, new) if form and new and form.is_valid() else None
        shown = {
            "title": f"Bring the objects of {row} to another version",
            "targets": targets,
            "new": new,
            "form": form,
            "labels": {name: state.label for name, state in old.states.items()},
        }
        return self._answer(request, row, row.number, plan, shown)

    def enrol_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show which objects follow none though their kind names this version's key, and let them begin."""
        row, new = self._found(request, object_id)
        plan = services.MigrationPlan(key=row.key, from_version=None, to_version=row.number)
        shown = {
            "title": f"Let {row.noun} without a lifecycle begin {row}",
            "new": new,
            "first": new.states[new.initial].label,
            "is_enrolment": True,
        }
        return self._answer(request, row, None, plan, shown)

    def _found(self, request: HttpRequest, object_id: str) -> tuple[DefinitionVersion, Definition]:
        row = self.get_object(request, object_id)
        found = find_definition(row.key, row.number) if row else None
        if row is None or found is None:
            raise Http404
        try:
            services.require_may_migrate(found.noun, actor_of_staff(request))
        except NotAllowed as refused:
            raise PermissionDenied from refused
        return row, found

    def _answer(
        self,
        request: HttpRequest,
        row: DefinitionVersion,
        from_version: int | None,
        plan: services.MigrationPlan | None,
        shown: dict[str, Any],
    ) -> HttpResponse:
        """Start or stop what the button says and come back; else show what the plan would do, and what goes on."""
        actor = actor_of_staff(request)
        run = queries.latest_run(row.key, from_version, actor)
        tried = None
        try:
            if _does(request, plan, run):
                return HttpResponseRedirect(request.get_full_path())
            tried = services.try_migration(plan, actor=actor) if plan and not _goes_on(run) else None
        except WatchfloorError as error:
            messages.error(request, " ".join([error.message, *(each.detail for each in error.errors)]))
        labels = shown.get("labels", {})
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            **shown,
            "run": run,
            "goes_on": _goes_on(run),
            "tried": tried,
            "refused": [(labels[name], *why) for name, why in tried.refused.items()] if tried else (),
        }
        return TemplateResponse(request, "lifecycle/migrate.html", context)


def _does(request: HttpRequest, plan: services.MigrationPlan | None, run: MigrationRun | None) -> bool:
    """Do what the button says; say whether there was anything to do."""
    do, actor = request.POST.get("do"), actor_of_staff(request)
    if do == "apply" and plan is not None:
        services.start_run(plan, actor=actor, at=clock.now())
    elif do == "stop" and run is not None:
        services.stop_run(run.pk, actor=actor, at=clock.now())
    else:
        return False
    return True


def _goes_on(run: MigrationRun | None) -> bool:
    return run is not None and run.status == RunStatus.RUNNING


def _form(request: HttpRequest, old: Definition, new: Definition) -> MigrationForm:
    """Return the plan as it was chosen, or as it is suggested."""
    if request.POST.get("do") in {"try", "apply"}:
        return MigrationForm(request.POST, old=old, new=new)
    return MigrationForm(_as_suggested(MigrationForm(old=old, new=new)), old=old, new=new)


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
