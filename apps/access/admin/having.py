"""Who-has-what pages: per person, per object and per organisation, by the same queries as REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import action

from apps.access.models import Organisation, User
from apps.access.queries import visible, visible_row
from apps.access.queries.explaining import Question, asked_object, explain
from apps.access.queries.having import held_by, held_in
from apps.access.queries.holders import may_ask_who, who
from apps.access.queries.reasons import may_name
from apps.access.registry import protected
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.access.types import Actor
from apps.core import clock
from apps.core.types import NotAllowed, NotFound, WatchfloorError

MOST_PEOPLE = 500


class PersonPages(GuardedAdmin):
    """Mixed into the admin of users: what one of them holds."""

    actions_detail = ("what_they_hold",)

    def get_urls(self) -> list[URLPattern]:
        """Return our page, then Django's."""
        view = self.admin_site.admin_view(self.access_view)
        return [path("<uuid:pk>/access/", view, name="access_of_user"), *super().get_urls()]

    @action(description="What they hold", url_path="what-they-hold", icon="key")  # type: ignore[untyped-decorator]  # unfold
    def what_they_hold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to what the person holds."""
        return HttpResponseRedirect(reverse("admin:access_of_user", args=[object_id]))

    def access_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show what one person holds."""
        found = _asked(lambda: held_by(pk, asker=actor_of_staff(request), at=clock.now()))
        return _page(self, request, "access/of_person.html", found.user, {"title": "What they hold", "found": found})


class OrganisationPages(GuardedAdmin):
    """Mixed into the admin of organisations: who holds what there."""

    actions_detail = ("who_holds_what",)

    def get_urls(self) -> list[URLPattern]:
        """Return our page, then Django's."""
        view = self.admin_site.admin_view(self.access_view)
        return [path("<uuid:pk>/access/", view, name="access_of_organisation"), *super().get_urls()]

    @action(description="Who holds what here", url_path="who-holds-what", icon="key")  # type: ignore[untyped-decorator]  # unfold
    def who_holds_what(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to what stands in the organisation."""
        return HttpResponseRedirect(reverse("admin:access_of_organisation", args=[object_id]))

    def access_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show the people, the roles and the policies of an organisation and of those above it."""
        actor = actor_of_staff(request)
        row = _asked(lambda: visible_row(Organisation.objects.all(), pk, actor, "organisations.view"))
        found = held_in(row, asker=actor)
        return _page(self, request, "access/of_organisation.html", row, {"title": "Who holds what", "found": found})


class ObjectPages(GuardedAdmin):
    """Mixed into the admin of policies: who may do what to one object of any noun, and why."""

    def get_urls(self) -> list[URLPattern]:
        """Return our page, then Django's."""
        view = self.admin_site.admin_view(self.object_view)
        return [path("who/<slug:noun>/<uuid:pk>/", view, name="access_of_object"), *super().get_urls()]

    def object_view(self, request: HttpRequest, noun: str, pk: UUID) -> HttpResponse:
        """Show who may do an action to an object, and why somebody may or may not."""
        actor, at = actor_of_staff(request), clock.now()
        chosen = request.GET.get("action") or f"{noun}.view"
        row = _asked(lambda: asked_object(noun, pk, chosen, asker=actor))
        people, is_named = None, may_name(actor, protected(noun).judged_as or noun)
        if may_ask_who(actor, row):
            people = who(chosen, noun, pk, asker=actor, at=at, after=request.GET.get("after") or None)
        context = {
            "row": row if is_named else pk,
            "noun": noun,
            "chosen": chosen,
            "actions": [f"{noun}.{verb}" for verb in protected(noun).actions if verb != "add"],
            "people": people,
            "explanation": _explained(request, chosen, noun, pk, actor),
            "choices": _people(actor),
            "back": _address_of(row),
        }
        if not is_named:
            # The line at the top would name it.
            context["original"] = None
        return _page(self, request, "access/of_object.html", row, {"title": "Who may do what", **context})


def _people(actor: Actor) -> QuerySet[User]:
    return visible(User.objects.filter(is_active=True), actor, "users.view").order_by("username")[:MOST_PEOPLE]


def _explained(request: HttpRequest, chosen: str, noun: str, pk: UUID, actor: Actor) -> Any:
    """Return the explanation that was asked for, or in words why there is none."""
    asked = request.GET.get("user", "")
    if not asked:
        return None
    try:
        question = Question(action=chosen, noun=noun, object_id=pk, user_id=UUID(asked))
        return explain(question, asker=actor, at=clock.now())
    except ValueError:
        return None
    except WatchfloorError as error:
        return {"refusal": error.message}


def _address_of(row: Model) -> str | None:
    if type(row) not in admin.site._registry:  # noqa: SLF001 - Django offers no other way to ask
        return None
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _asked(query: Callable[[], Any]) -> Any:
    """Return what a query answers; what may not be seen is not there, what may not be asked is refused."""
    try:
        return query()
    except NotAllowed as error:
        raise PermissionDenied(error.message) from error
    except (NotFound, WatchfloorError) as error:
        raise Http404(error.message) from error


def _page(
    page: GuardedAdmin, request: HttpRequest, template: str, about: Model, context: dict[str, Any]
) -> TemplateResponse:
    """Answer a page about a row, below which it stands in the line at the top."""
    known = {**page.admin_site.each_context(request), "opts": about._meta, "original": about, **context}
    request.current_app = page.admin_site.name
    return TemplateResponse(request, template, known)
