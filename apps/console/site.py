"""The admin site: Django's, in django-unfold's dress, with the dashboard as its index and the live map beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from apps.console import csp, views

View = Callable[..., HttpResponseBase]


class WatchfloorAdminSite(UnfoldAdminSite):
    """The one admin site. Every page it serves carries a content security policy."""

    site_title = "Watchfloor"
    site_header = "Watchfloor"
    index_title = "Dashboard"
    enable_nav_sidebar = True

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        """Return our pages, then Django's."""
        own: list[URLPattern | URLResolver] = [
            path("live-map/", self.admin_view(views.live_map), name="live_map"),
            path("dashboard/", self.admin_view(views.dashboard_figures), name="dashboard_figures"),
            path("queues/", (queue_urls(self), None, None)),
        ]
        return [*own, *super().get_urls()]

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # noqa: FBT001, FBT002 - Django's signature
        """Guard a view as Django does, and send the policy with whatever it answers."""
        guarded = super().admin_view(view, cacheable)

        def with_policy(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            return csp.with_policy(guarded(request, *args, **kwargs), csp.ADMIN)

        return with_policy

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show or take the login form."""
        response = super().login(request, extra_context)
        csp.with_policy(response, csp.ADMIN)
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the dashboard."""
        return views.dashboard(request, self.each_context(request) | (extra_context or {}))


def queue_urls(site: WatchfloorAdminSite) -> list[URLPattern]:
    """Return the pages about the job queues, for superusers."""
    return []
