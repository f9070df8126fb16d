"""The console's own pages. Each reads what its person may see, and renders it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.csrf import ensure_csrf_cookie

from apps.access.queries import actor_of_user
from apps.console import csp, queries
from apps.core.clock import now

FEED_PATH = "/ws/feed"
API_ROOT = "/api/v1/"
NIL = "00000000-0000-0000-0000-000000000000"


@ensure_csrf_cookie
def live_map(request: HttpRequest) -> HttpResponse:
    """Show the live map; ``?wall`` is the form for a display that nobody sits at."""
    actor = actor_of_user(request.user)
    is_wall = "wall" in request.GET
    context = {
        "links": _bar_links(request),
        "wall": is_wall,
        "api_root": API_ROOT,
        "page_data": {
            "feed": FEED_PATH,
            "wall": is_wall,
            "links": {"asset": _pattern("assets_asset"), "zone": _pattern("zones_zone")},
            "asset_kinds": queries.asset_kind_styles(actor),
            "zone_kinds": queries.zone_kind_styles(actor),
            "incident_states": queries.incident_state_styles(),
        },
    }
    response = TemplateResponse(request, "console/live_map.html", context)
    response.headers[csp.HEADER] = csp.LIVE_MAP
    return response


def _bar_links(request: HttpRequest) -> list[dict[str, Any]]:
    lists = (("Incidents", "incidents_incident"), ("Assets", "assets_asset"), ("Zones", "zones_zone"))
    links = [(title, _reverse(f"{name}_changelist")) for title, name in lists]
    here = reverse("admin:live_map")
    pages = [("Dashboard", reverse("admin:index")), ("Live map", here), *links]
    return [{"title": title, "href": href, "current": href == here} for title, href in pages if href]


def _pattern(name: str) -> str:
    """Return the address of an object's page with ``{id}`` where the id belongs."""
    return (_reverse(f"{name}_change", NIL) or "").replace(NIL, "{id}")


def _reverse(name: str, *args: str) -> str | None:
    try:
        return reverse(f"admin:{name}", args=args, current_app=admin.site.name)
    except NoReverseMatch:
        return None



def dashboard(request: HttpRequest, context: dict[str, Any]) -> TemplateResponse:
    """Show the dashboard."""
    return TemplateResponse(request, "console/dashboard.html", {**context, **_figures(request), "title": "Dashboard"})


def dashboard_figures(request: HttpRequest) -> HttpResponse:
    """Return only the part of the dashboard that changes."""
    return TemplateResponse(request, "console/dashboard_figures.html", _figures(request))


def _figures(request: HttpRequest) -> dict[str, Any]:
    at = now()
    actor = actor_of_user(request.user)
    return {
        "dashboard": queries.dashboard_of(actor, at=at),
        "system": queries.system_figures(at=at) if request.user.is_superuser else None,
    }
