"""The editor of policies: what its page asks while somebody types. Each answer is JSON; nothing is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from apps.access import services
from apps.access.api.explaining import dry_run_body, explanation_body
from apps.access.models import Policy, User
from apps.access.queries import visible
from apps.access.queries.dry_run import Draft, effects_of
from apps.access.queries.editing import Checked, check_condition, try_draft
from apps.access.queries.explaining import Question
from apps.access.queries.reasons import may_name
from apps.access.registry import all_actions, judge, protected
from apps.access.staff import GuardedAdmin, actor_of_staff, narrow
from apps.access.types import Channel
from apps.core import clock
from apps.core.types import WatchfloorError
from apps.filters.types import Queryable, Type

MOST_OFFERED = 20
LONGEST_CONDITION = 8_192


class PolicyEditor(GuardedAdmin):
    """Mixed into the admin of policies: the addresses that its page asks, and what the page is told about them."""

    change_form_outer_after_template = "access/policy_trial.html"

    def get_urls(self) -> list[URLPattern]:
        """Return our addresses, then Django's."""
        own = [
            path("check/", self._ours(require_POST(self.check_view)), name="access_policy_check"),
            path("dry-run/", self._ours(require_POST(self.dry_run_view)), name="access_policy_dry_run"),
            path("try/", self._ours(require_POST(self.try_view)), name="access_policy_try"),
            path("offers/", self._ours(require_GET(self.offers_view)), name="access_policy_offers"),
        ]
        return [*own, *super().get_urls()]

    def given(self, form: ModelForm[Any]) -> services.PolicyChanges:
        """Return a form's policy as the services take it."""
        raise NotImplementedError

    def check_view(self, request: HttpRequest) -> JsonResponse:
        """Say what is wrong with a condition, and where; and what it may ask."""
        patterns = [each.strip() for each in request.POST.get("actions", "").splitlines() if each.strip()]
        text = request.POST.get("condition", "")[: LONGEST_CONDITION + 1]
        return JsonResponse(_checked(check_condition(text, patterns[:100])))

    def dry_run_view(self, request: HttpRequest) -> JsonResponse:
        """Say what would appear and disappear if the form were saved."""
        return self._with_draft(
            request,
            lambda draft: dry_run_body(effects_of(draft, asker=actor_of_staff(request), at=clock.now())),
        )

    def try_view(self, request: HttpRequest) -> JsonResponse:
        """Say what the form's policy would say of one person and one object, and the whole decision."""

        def tried(draft: Draft) -> dict[str, Any]:
            trial = try_draft(draft, _question(request), asker=actor_of_staff(request), at=clock.now())
            return {"counts": trial.counts, "says": trial.says, "decision": explanation_body(trial.decision)}

        return self._with_draft(request, tried)

    def offers_view(self, request: HttpRequest) -> JsonResponse:
        """Offer people, or objects of a noun, by a part of their name."""
        noun, text = request.GET.get("noun", ""), request.GET.get("q", "")[:100]
        try:
            entry = judge(protected(noun))
        except LookupError:
            return JsonResponse({"items": []})
        actor = actor_of_staff(request)
        searching = admin.site._registry.get(entry.model)  # noqa: SLF001 - Django offers no other way to ask
        rows, is_named = narrow(entry.model._default_manager.all(), actor), may_name(actor, entry.noun)
        if searching is not None and text and is_named:
            rows, _ = searching.get_search_results(request, rows, text)
        labels = {str(row.pk): str(row if is_named else row.pk) for row in rows[:MOST_OFFERED]}
        return JsonResponse({"items": [{"id": id_, "label": label} for id_, label in labels.items()]})

    def _ours(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Let in who may change, or make, some policy."""

        def guarded(request: HttpRequest) -> Any:
            if not (self.has_add_permission(request) or self.has_change_permission(request)):
                raise PermissionDenied
            return view(request)

        ours: Callable[..., Any] = self.admin_site.admin_view(guarded)
        return ours

    def _with_draft(self, request: HttpRequest, answer: Callable[[Draft], dict[str, Any]]) -> JsonResponse:
        """Answer about the form as it stands; what is wrong with it, or refused, is told by field."""
        row = self.get_object(request, request.POST.get("policy", "")) if request.POST.get("policy") else None
        form = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        if not form.is_valid():
            faults = {name: " ".join(each for each in found) for name, found in form.errors.items()}
            return JsonResponse({"faults": faults}, status=422)
        try:
            return JsonResponse(answer(self._draft(request, form, row)))
        except WatchfloorError as error:
            faults = {
                each.pointer.lstrip("/").partition("/")[0].partition("#")[0]: each.detail for each in error.errors
            }
            return JsonResponse({"faults": faults or {"": error.message}}, status=422)

    def _draft(self, request: HttpRequest, form: ModelForm[Any], row: Policy | None) -> Draft:
        organisation = form.cleaned_data.get("organisation")
        return services.draft_policy(
            self.given(form),
            policy_id=None if row is None else row.pk,
            organisation_id=None if organisation is None else organisation.pk,
            actor=actor_of_staff(request),
            at=clock.now(),
        )

    def editor_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the trial below the form offers."""
        people = visible(User.objects.filter(is_active=True), actor_of_staff(request), "users.view")
        return {
            "trial_people": people.order_by("username")[:500],
            "trial_actions": sorted(all_actions()),
            "trial_channels": [each.value for each in Channel],
        }


def _question(request: HttpRequest) -> Question:
    action = request.POST.get("trial_action", "")
    return Question(
        action=action,
        noun=action.partition(".")[0],
        object_id=_id(request.POST.get("trial_object", "")),
        user_id=_id(request.POST.get("trial_user", "")),
        channel=Channel(request.POST["trial_channel"]) if request.POST.get("trial_channel") in list(Channel) else None,
    )


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _NotChosen from None


class _NotChosen(WatchfloorError):
    """A trial needs a person and an object."""

    def __init__(self) -> None:
        super().__init__("Choose a person and an object.")


def _checked(found: Checked) -> dict[str, Any]:
    return {
        "faults": [asdict(each) for each in found.faults],
        "queryables": {noun: [_asked(each) for each in some] for noun, some in found.queryables.items()},
        "variables": [{"name": name, "type": _word(of)} for name, of in sorted(found.variables.items())],
    }


def _asked(queryable: Queryable) -> dict[str, Any]:
    return {
        "name": queryable.name,
        "type": _word(queryable.type),
        "unit": queryable.unit,
        "title": queryable.title or queryable.name.replace("_", " ").capitalize(),
        "enum": list(queryable.enum),
        "is_open": queryable.type is Type.ANY,
    }


def _word(of: Type) -> str:
    return "object" if of is Type.ANY else of.value.replace("-", " ")
