"""The admin site: Django's, in django-unfold's dress, with the dashboard as its index and the live map beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django_rq.urls import get_admin_urlpatterns, get_api_urlpatterns
from redis import RedisError
from unfold.sites import UnfoldAdminSite

from apps.access.queries import lacks_second_factor
from apps.access.views import PasswordSignIn, next_step, sign_in_elsewhere, sign_out_elsewhere
from apps.console import views
from apps.core import csp

View = Callable[..., HttpResponseBase]


class WatchfloorAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold is not typed
    """The one admin site. Every page it serves carries a content security policy."""

    site_title = "Watchfloor"
    site_header = "Watchfloor"
    index_title = "Dashboard"
    enable_nav_sidebar = True
    login_template = "console/login.html"
    logout_template = "console/logged_out.html"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return our pages, then Django's."""
        own: list[URLPattern | URLResolver] = [
            path("live-map/", self.admin_view(views.live_map), name="live_map"),
            path("live-map/stays/", self.admin_view(views.live_map_stays), name="live_map_stays"),
            path("dashboard/", self._fragment(views.dashboard_figures), name="dashboard_figures"),
            path("machinery/", self._for_superusers(self._machinery), name="machinery"),
            path("machinery/retry/", self._for_superusers(require_POST(views.machinery_retry)), name="machinery_retry"),
            path("queues/", include(self._queue_urls())),
        ]
        return [*own, *super().get_urls()]

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # noqa: FBT001, FBT002 - Django's signature
        """Guard a view as Django does, and send the policy with whatever it answers."""
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def with_policy(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            return csp.with_policy(guarded(request, *args, **kwargs), csp.ADMIN)

        return with_policy

    def _fragment(self, view: View) -> View:
        """Guard a part of a page; somebody signed out is told to load the page anew, not shown a login inside it."""
        guarded = self.admin_view(view)

        def part(request: HttpRequest) -> HttpResponseBase:
            if self.has_permission(request):
                return guarded(request)
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})

        return part

    def has_permission(self, request: HttpRequest) -> bool:
        """Say whether the person may use the admin: staff, with a second factor where one is asked for."""
        return bool(super().has_permission(request)) and not lacks_second_factor(request)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show or take the login form; who is in already is sent on, if need be by way of a second factor."""
        if request.method == "GET" and (self.has_permission(request) or lacks_second_factor(request)):
            return HttpResponseRedirect(next_step(request))
        context = {
            **self.each_context(request),
            "title": "Sign in",
            "subtitle": None,
            "app_path": request.get_full_path(),
            "elsewhere": sign_in_elsewhere(request),
            **(extra_context or {}),
        }
        request.current_app = self.name
        response = PasswordSignIn.as_view(extra_context=context, template_name=self.login_template)(request)
        csp.with_policy(response, csp.ADMIN)
        return cast("HttpResponse", response)

    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Sign out here, and say where else one may want to."""
        elsewhere = {"elsewhere": sign_out_elsewhere(request), **(extra_context or {})}
        response: TemplateResponse = super().logout(request, elsewhere)
        csp.with_policy(response, csp.ADMIN)
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the dashboard."""
        return views.dashboard(request, self.each_context(request) | (extra_context or {}))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Answer the command palette, afresh: the theme's own keeps answers longer than a revoked grant may show."""
        return views.search(request, self)

    def _machinery(self, request: HttpRequest) -> HttpResponse:
        return views.machinery(request, self.each_context(request))

    def _for_superusers(self, view: View) -> View:
        """Guard a page that counts and names everything: roles of one organisation do not reach so far."""

        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if not getattr(request.user, "is_superuser", False):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return self.admin_view(guarded)

    def _queue_urls(self) -> list[URLPattern]:
        """Return django-rq's pages. Whoever sees jobs sees every organisation's ids, so they are for superusers."""

        def for_superusers(view: View) -> View:
            def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
                if not getattr(request.user, "is_superuser", False):
                    raise PermissionDenied
                request.current_app = self.name
                try:
                    return view(request, *args, **kwargs)
                except RedisError:
                    return views.queues_away(request, self.each_context(request))

            return self.admin_view(guarded)

        pages = get_admin_urlpatterns(name_prefix="django_rq_", view_wrapper=for_superusers)
        # These two would also let any staff in, or a token that we do not use.
        for figures in get_api_urlpatterns(name_prefix="django_rq_"):
            figures.callback = for_superusers(figures.callback)
            pages.append(figures)
        return pages
