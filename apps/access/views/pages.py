"""The dress of the sign-in pages: the admin's theme, its policy, and never in a cache."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from apps.core import csp

Places = tuple[tuple[str, str], ...]


def dress(response: HttpResponse) -> HttpResponse:
    """Return the response with the policy, and with word that nobody may keep it."""
    csp.with_policy(response, csp.ADMIN)
    add_never_cache_headers(response)
    return response


def refused(request: HttpRequest, message: str, *, status: int, ways: tuple[dict[str, str], ...]) -> HttpResponse:
    """Return a page that says why somebody was not let in, and where they may go."""
    context = {
        **admin.site.each_context(request),
        "title": "Not signed in",
        "lead": "You are not signed in.",
        "message": message,
        "ways": ways,
    }
    return dress(TemplateResponse(request, "access/refused.html", context, status=status).render())


class Page:
    """Mixed into allauth's views: what our template shows around their form."""

    lead = ""
    button = "Go on"
    places: Places = ()
    template_name = "access/page.html"
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer, in our dress."""
        response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # the view's
        return dress(response)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the view shows, and what every page of ours shows."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]  # the view's
        dressed = {
            "title": self.lead.rstrip("."),
            "lead": self.lead,
            "button": self.button,
            "ways": self._ways(context),
        }
        return {**admin.site.each_context(self.request), **context, **dressed}

    def places_beside(self, context: dict[str, Any]) -> Places:  # noqa: ARG002 - for subclasses
        """Return where one may go instead: what it is called, and the name of its address."""
        return self.places

    def _ways(self, context: dict[str, Any]) -> list[dict[str, str]]:
        return [{"name": name, "address": reverse(address)} for name, address in self.places_beside(context)]
