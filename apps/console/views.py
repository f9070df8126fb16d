"""The console's own pages. Each reads what its person may see, and renders it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from redis import RedisError
from rq.exceptions import NoSuchJobError

from apps.access.queries import scope
from apps.access.staff import actor_of_staff
from apps.access.types import Actor
from apps.console import queries, services
from apps.console.navigation import list_address, navigation
from apps.core import csp
from apps.core.clock import now
from apps.core.types import WatchfloorError

FEED_PATH = "/ws/feed"
API_ROOT = "/api/v1/"
LISTS = {
    "Incidents": "incidents.Incident",
    "Operations": "operations.Operation",
    "Assets": "assets.Asset",
    "Zones": "zones.Zone",
}
SEARCHED = {
    "assets.Asset": "directions_boat",
    "zones.Zone": "pentagon",
    "operations.Operation": "event_upcoming",
    "incidents.Incident": "crisis_alert",
}
MOST_FOUND = 6
log = structlog.get_logger(__name__)
NIL = "00000000-0000-0000-0000-000000000000"


@ensure_csrf_cookie
def live_map(request: HttpRequest) -> HttpResponse:
    """Show the live map; ``?wall`` is the form for a display that nobody sits at."""
    actor = actor_of_staff(request)
    is_wall = "wall" in request.GET
    context = {
        "links": _bar_links(request),
        "wall": is_wall,
        "api_root": API_ROOT,
        "page_data": {
            "feed": FEED_PATH,
            "stays": reverse("admin:live_map_stays"),
            "wall": is_wall,
            "links": {
                "asset": _pattern("assets_asset"),
                "zone": _pattern("zones_zone"),
                "operation": _pattern("operations_operation"),
            },
            "asset_kinds": queries.asset_kind_styles(actor),
            "zone_kinds": queries.zone_kind_styles(actor),
            "operation_kinds": queries.operation_kind_styles(actor),
            "incident_states": queries.state_styles("incidents"),
            "operation_states": queries.state_styles("operations"),
            "may_acknowledge": _reach(actor, "incidents.acknowledge"),
        },
    }
    response = TemplateResponse(request, "console/live_map.html", context)
    response.headers[csp.HEADER] = csp.LIVE_MAP
    return response


def live_map_stays(request: HttpRequest) -> JsonResponse:
    """Return who is inside which zone now, as far as the person may see both."""
    stays = queries.visible_stays(actor_of_staff(request))
    return JsonResponse({str(zone): [str(asset) for asset in assets] for zone, assets in stays.items()})


def _bar_links(request: HttpRequest) -> list[dict[str, Any]]:
    here = reverse("admin:live_map")
    pages = [("Dashboard", reverse("admin:index")), ("Live map", here)]
    pages += [(title, link) for title, label in LISTS.items() if (link := list_address(label, request))]
    return [{"title": title, "href": href, "current": href == here} for title, href in pages]


def _reach(actor: Actor, action: str) -> dict[str, Any]:
    reach = scope(actor, action)
    return {
        "everything": reach.everything,
        "organisations": [str(each) for each in reach.organisation_ids],
        "objects": [str(each) for each in reach.object_ids],
    }


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
    actor = actor_of_staff(request)
    return {
        "dashboard": queries.dashboard_of(actor, at=at),
        "incident_list": list_address("incidents.Incident", request),
        "operation_list": list_address("operations.Operation", request),
        "system": queries.system_figures(at=at) if request.user.is_superuser else None,
    }


def queues_away(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Say that Redis does not answer, instead of failing with it."""
    return TemplateResponse(request, "console/queues_away.html", {**context, "title": "Queues"}, status=503)


def search(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Return what the command palette shows for ``?s=``: pages first, then things by name."""
    term = request.GET.get("s", "").strip()
    if not term:
        return HttpResponse()
    results = [*_pages_named(term, request), *_things_named(term, request, site)]
    return TemplateResponse(request, "console/search.html", {"results": results}, headers={"HX-Trigger": "search"})


def _pages_named(term: str, request: HttpRequest) -> Iterator[dict[str, str]]:
    for group in navigation(request):
        for place in group["items"]:
            if term.lower() in place["title"].lower():
                yield {
                    "title": place["title"],
                    "link": place["link"],
                    "icon": place["icon"],
                    "description": group["title"],
                }


def _things_named(term: str, request: HttpRequest, site: AdminSite) -> Iterator[dict[str, str]]:
    for label, icon in SEARCHED.items():
        model_admin = site._registry.get(apps.get_model(label))  # noqa: SLF001 - Django offers no other way to ask
        if model_admin is None or not model_admin.has_view_permission(request):
            continue
        meta = model_admin.model._meta
        found, _ = model_admin.get_search_results(request, model_admin.get_queryset(request), term)
        for thing in found.distinct()[:MOST_FOUND]:
            link = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(thing.pk,))
            yield {"title": str(thing), "link": link, "icon": icon, "description": str(meta.verbose_name)}


def machinery(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show how the installation is doing, and what waits for a person."""
    figures = {"system": queries.system_figures(at=now()), "sections": queries.halted(), "title": "Machinery"}
    return TemplateResponse(request, "console/machinery.html", {**context, **figures})


def machinery_retry(request: HttpRequest) -> HttpResponse:
    """Let one thing go on; who did it stands in the log, and where changes of staff are recorded."""
    kind, key = request.POST.get("kind", ""), request.POST.get("key", "")
    try:
        services.retry(kind, key, actor=actor_of_staff(request), at=now())
    except (WatchfloorError, ValueError, RedisError, NoSuchJobError) as error:
        messages.error(request, str(error) or "There is no such thing any more.")
    else:
        log.info("machinery.retried", kind=kind, key=key, by=str(request.user.pk))
        messages.success(request, "It goes on.")
    return HttpResponseRedirect(reverse("admin:machinery"))
