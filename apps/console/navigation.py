"""The side bar: the product's words in the order in which people need them, each only for who may open it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One line of the side bar: a model's list (``model``), or a page of ours (``url_name``).

    A page with a ``model`` is for those who may see its list.
    """

    title: str
    icon: str
    model: str = ""
    url_name: str = ""
    superusers_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A heading and what stands below it."""

    title: str
    places: tuple[Place, ...]
    collapsible: bool = False


def _list_of(model: str, title: str, icon: str) -> Place:
    return Place(model=model, title=title, icon=icon)


GROUPS = (
    Group(
        title="Watch",
        places=(
            Place(title="Dashboard", icon="space_dashboard", url_name="admin:index"),
            Place(title="Live map", icon="explore", url_name="admin:live_map"),
            _list_of("incidents.Incident", "Incidents", "crisis_alert"),
        ),
    ),
    Group(
        title="What moves",
        places=(
            _list_of("assets.Asset", "Assets", "directions_boat"),
            _list_of("tracking.Presence", "Presence", "my_location"),
            _list_of("assets.AssetKind", "Asset kinds", "category"),
            _list_of("assets.Device", "Devices", "sensors"),
        ),
    ),
    Group(
        title="Operations",
        places=(
            _list_of("operations.Operation", "Operations", "event_upcoming"),
            Place(
                model="operations.Operation",
                title="Timeline",
                icon="view_timeline",
                url_name="admin:operations_operation_planned",
            ),
            Place(
                model="operations.Approval",
                title="Approvals",
                icon="approval",
                url_name="admin:operations_approval_inbox",
            ),
            _list_of("operations.OperationKind", "Operation kinds", "style"),
            _list_of("operations.ReviewRule", "Review rules", "rule_settings"),
        ),
    ),
    Group(
        title="Zones and rules",
        places=(
            _list_of("zones.Zone", "Zones", "pentagon"),
            _list_of("zones.ZoneKind", "Zone kinds", "palette"),
            _list_of("incidents.Rule", "Rules", "rule"),
        ),
    ),
    Group(
        title="People and access",
        collapsible=True,
        places=(
            _list_of("access.Organisation", "Organisations", "account_tree"),
            _list_of("access.User", "Users", "person"),
            _list_of("auth.Group", "Groups", "group"),
            _list_of("access.Role", "Roles", "badge"),
            _list_of("access.Assignment", "Assignments", "assignment_ind"),
            _list_of("access.Policy", "Policies", "policy"),
            _list_of("access.AttributeDefinition", "User attributes", "tune"),
            _list_of("access.UserAttribute", "Attribute values", "assignment_add"),
            _list_of("access.ApiKey", "API keys", "key"),
            _list_of("access.DeviceKey", "Device keys", "vpn_key"),
            _list_of("oauth2_provider.Application", "OAuth clients", "robot_2"),
            _list_of("socialaccount.SocialAccount", "Sign-in links", "link"),
            _list_of("mfa.Authenticator", "Second factors", "phonelink_lock"),
            _list_of("access.AccessChange", "Changes of access", "history"),
        ),
    ),
    Group(
        title="Record",
        collapsible=True,
        places=(
            _list_of("events.Event", "Events", "receipt_long"),
            _list_of("events.Endpoint", "Webhooks", "webhook"),
            _list_of("events.Delivery", "Deliveries", "outgoing_mail"),
            _list_of("lifecycle.DefinitionVersion", "Lifecycles", "account_tree"),
            _list_of("lifecycle.Service", "Services", "api"),
            _list_of("lifecycle.Saga", "Sagas", "swap_calls"),
            _list_of("lifecycle.Call", "Calls", "call_made"),
            _list_of("lifecycle.Transition", "Transitions", "timeline"),
            _list_of("lifecycle.Timer", "Timers", "timer"),
            _list_of("lifecycle.Effect", "Effects", "bolt"),
            _list_of("incidents.PendingFinding", "Pending findings", "hourglass_top"),
            _list_of("tracking.Quarantine", "Quarantine", "report"),
            _list_of("tracking.Source", "Sources", "cell_tower"),
            Place(title="Machinery", icon="manufacturing", url_name="admin:machinery", superusers_only=True),
            Place(title="Queues", icon="stacks", url_name="admin:django_rq_home", superusers_only=True),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups as unfold draws them, without what this person may not open."""
    groups = (
        {"title": group.title, "collapsible": group.collapsible, "items": _items(group, request)} for group in GROUPS
    )
    return [group for group in groups if group["items"]]


def _items(group: Group, request: HttpRequest) -> list[dict[str, Any]]:
    links = [(place, link) for place in group.places if (link := _link(place, request))]
    items: list[dict[str, Any]] = [{"title": place.title, "icon": place.icon, "link": link} for place, link in links]
    if any(place.url_name and link == request.path for place, link in links):
        # A page of ours may lie below a list, which the theme would mark as well.
        items = [{**item, "active": item["link"] == request.path} for item in items]
    return items


def _link(place: Place, request: HttpRequest) -> str | None:
    if place.superusers_only and not getattr(request.user, "is_superuser", False):
        return None
    found = list_address(place.model, request) if place.model else None
    if place.url_name and (found or not place.model):
        return reverse(place.url_name)
    return found


def list_address(label: str, request: HttpRequest) -> str | None:
    """Return the address of a model's list, or ``None`` when the person may see nothing there."""
    model = _model(label)
    model_admin = admin.site._registry.get(model) if model else None  # noqa: SLF001 - Django offers no other way to ask
    if model is None or model_admin is None or not model_admin.has_view_permission(request):
        return None
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except LookupError:
        return None
