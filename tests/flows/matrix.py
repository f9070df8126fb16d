"""The permission matrix: every address under ``/api/v1``, every page of the admin, every topic of the feed, to whom.

A new address, page or topic that is not here fails the build. ``path`` has the parts of ``World`` in braces.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """How an address answers somebody who may see nothing of it."""

    PUBLIC = "public"  # tells everybody the same, nothing of anybody
    OWN = "own"  # speaks of the caller alone
    LIST = "list"  # answers, with what one may see; here nothing
    REFERENCE = "reference"  # read by everybody who is signed in, and holds nothing of an organisation
    ONE = "one"  # answers 404
    DOOR = "door"  # takes something in, and never gives out


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address. ``query`` is what a GET needs to make sense; ``writes`` are its other methods."""

    path: str
    kind: Kind
    reads: bool = True
    query: str = ""
    writes: tuple[str, ...] = ()


def _list(path: str, *writes: str, query: str = "") -> Address:
    return Address(path=path, kind=Kind.LIST, writes=writes, query=query)


def _one(path: str, *writes: str, reads: bool = True) -> Address:
    return Address(path=path, kind=Kind.ONE, writes=writes, reads=reads)


def _reference(path: str, *writes: str) -> Address:
    return Address(path=path, kind=Kind.REFERENCE, writes=writes)


MATRIX: dict[str, Address] = {
    "openapi": Address(path="/api/v1/openapi.json", kind=Kind.PUBLIC),
    "asyncapi": Address(path="/api/v1/asyncapi.json", kind=Kind.PUBLIC),
    "me": Address(path="/api/v1/me", kind=Kind.OWN),
    "queryables-index": _reference("/api/v1/queryables"),
    "queryables": _reference("/api/v1/queryables/assets"),
    "feed-tickets": Address(path="/api/v1/feed-tickets", kind=Kind.OWN, reads=False, writes=("post",)),
    "organisations": _list("/api/v1/organisations", "post"),
    "organisation": _one("/api/v1/organisations/{organisation}", "patch", "delete"),
    "users": _list("/api/v1/users", "post"),
    "user": _one("/api/v1/users/{user}", "patch"),
    "attributes-of-user": _one("/api/v1/users/{user}/attributes"),
    "attribute-of-user": _one("/api/v1/users/{user}/attributes/clearance", "put", "delete", reads=False),
    "user-attributes": _reference("/api/v1/user-attributes", "post"),
    "user-attribute": _reference("/api/v1/user-attributes/{user_attribute}", "patch", "delete"),
    "policies": _list("/api/v1/policies", "post"),
    "policies-dry-run": Address(path="/api/v1/policies:dry-run", kind=Kind.DOOR, reads=False, writes=("post",)),
    "access-explain": Address(path="/api/v1/access/explain", kind=Kind.DOOR, reads=False, writes=("post",)),
    "access-who": Address(path="/api/v1/access/who", kind=Kind.DOOR, reads=False, writes=("post",)),
    "policy": _one("/api/v1/policies/{policy}", "patch", "delete"),
    "roles": _reference("/api/v1/roles", "post"),
    "role": _reference("/api/v1/roles/{role}", "patch", "delete"),
    "assignments": _list("/api/v1/assignments", "post"),
    "assignment": _one("/api/v1/assignments/{assignment}", "delete"),
    "grants": Address(path="/api/v1/grants", kind=Kind.ONE, query="?noun=assets&object_id={asset}", writes=("post",)),
    "grant": _one("/api/v1/grants/assets:{asset}", "delete", reads=False),
    "api-keys": _list("/api/v1/api-keys", "post"),
    "api-key": _one("/api/v1/api-keys/{api_key}", "delete"),
    "device-keys": _list("/api/v1/device-keys", "post"),
    "device-key": _one("/api/v1/device-keys/{device_key}", "delete"),
    "events": _list("/api/v1/events", "post"),
    "webhooks": _list("/api/v1/webhooks", "post"),
    "webhook": _one("/api/v1/webhooks/{webhook}", "patch", "delete"),
    "webhook-secret": _one("/api/v1/webhooks/{webhook}/secret", "post", reads=False),
    "webhook-test": _one("/api/v1/webhooks/{webhook}/test", "post", reads=False),
    "webhook-replay": _one("/api/v1/webhooks/{webhook}/replay", "post", reads=False),
    "webhook-deliveries": _one("/api/v1/webhooks/{webhook}/deliveries"),
    "webhook-delivery": _one("/api/v1/webhooks/{webhook}/deliveries/{delivery}"),
    "webhook-delivery-replay": _one("/api/v1/webhooks/{webhook}/deliveries/{delivery}/replay", "post", reads=False),
    "services": _reference("/api/v1/services", "post"),
    "service": _reference("/api/v1/services/{service}", "patch", "delete"),
    "callback": Address(path="/api/v1/callbacks/guessed", kind=Kind.DOOR, reads=False, writes=("post",)),
    "asset-kinds": _reference("/api/v1/asset-kinds", "post"),
    "asset-kind": _reference("/api/v1/asset-kinds/{asset_kind}", "patch", "delete"),
    "assets": _list("/api/v1/assets", "post"),
    "asset": _one("/api/v1/assets/{asset}", "patch", "delete"),
    "asset-transitions": _one("/api/v1/assets/{asset}/transitions", "post"),
    "asset-history": _one("/api/v1/assets/{asset}/history"),
    "asset-devices": _one("/api/v1/assets/{asset}/devices", "post"),
    "asset-device": _one("/api/v1/assets/{asset}/devices/{device}", "patch", "delete"),
    "zone-kinds": _reference("/api/v1/zone-kinds", "post"),
    "zone-kind": _reference("/api/v1/zone-kinds/{zone_kind}", "patch", "delete"),
    "zones": _list("/api/v1/zones", "post"),
    "zones-import": Address(path="/api/v1/zones:import", kind=Kind.DOOR, reads=False, writes=("post",)),
    "zone": _one("/api/v1/zones/{zone}", "patch", "delete"),
    "zone-versions": _one("/api/v1/zones/{zone}/versions"),
    "zone-transitions": _one("/api/v1/zones/{zone}/transitions", "post"),
    "zone-calls": _one("/api/v1/zones/{zone}/calls"),
    "zone-history": _one("/api/v1/zones/{zone}/history"),
    "operation-kinds": _reference("/api/v1/operation-kinds", "post"),
    "operation-kind": _reference("/api/v1/operation-kinds/{operation_kind}", "patch", "delete"),
    "operations": _list("/api/v1/operations", "post"),
    "operations-calendar": _list("/api/v1/operations.ics"),
    "operation-calendar": _one("/api/v1/operations/{operation}.ics"),
    "operation-intent": _one("/api/v1/operations/{operation}/operational-intent"),
    "operations-check": Address(path="/api/v1/operations:check", kind=Kind.DOOR, reads=False, writes=("post",)),
    "operation": _one("/api/v1/operations/{operation}", "patch", "delete"),
    "operation-transitions": _one("/api/v1/operations/{operation}/transitions", "post"),
    "operation-history": _one("/api/v1/operations/{operation}/history"),
    "operation-calls": _one("/api/v1/operations/{operation}/calls"),
    "operation-conformance": _one("/api/v1/operations/{operation}/conformance"),
    "operation-approvals": _one("/api/v1/operations/{operation}/approvals"),
    "approvals": _list("/api/v1/approvals"),
    "approval": _one("/api/v1/approvals/{approval}", "patch"),
    "review-rules": _list("/api/v1/review-rules", "post"),
    "review-rule": _one("/api/v1/review-rules/{review_rule}", "patch", "delete"),
    "incidents": _list("/api/v1/incidents", "post"),
    "incident": _one("/api/v1/incidents/{incident}", "patch"),
    "incident-transitions": _one("/api/v1/incidents/{incident}/transitions", "post"),
    "incident-history": _one("/api/v1/incidents/{incident}/history"),
    "incident-calls": _one("/api/v1/incidents/{incident}/calls"),
    "asset-calls": _one("/api/v1/assets/{asset}/calls"),
    "incident-assignee": _one("/api/v1/incidents/{incident}/assignee", "put", reads=False),
    "incident-comments": _one("/api/v1/incidents/{incident}/comments", "post"),
    "incident-evidence": _one("/api/v1/incidents/{incident}/evidence"),
    "lifecycles": _reference("/api/v1/lifecycles", "post"),
    "lifecycle": _reference("/api/v1/lifecycles/{lifecycle_kind}", "patch", "delete"),
    "lifecycle-publish": Address(
        path="/api/v1/lifecycles/{lifecycle_kind}/publish", kind=Kind.REFERENCE, reads=False, writes=("post",)
    ),
    "lifecycle-retire": Address(
        path="/api/v1/lifecycles/{lifecycle_kind}/retire", kind=Kind.REFERENCE, reads=False, writes=("post",)
    ),
    "lifecycle-migrate": Address(
        path="/api/v1/lifecycles/{lifecycle_kind}/migrate", kind=Kind.REFERENCE, reads=False, writes=("post",)
    ),
    "lifecycle-enrol": Address(
        path="/api/v1/lifecycles/{lifecycle_kind}/enrol", kind=Kind.REFERENCE, reads=False, writes=("post",)
    ),
    "rules": _list("/api/v1/rules", "post"),
    "rule": _one("/api/v1/rules/{rule}", "patch", "delete"),
    "positions": _list("/api/v1/positions", "post"),
    "asset-track": _one("/api/v1/assets/{asset}/track"),
    "zone-inside": _one("/api/v1/zones/{zone}/inside"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An address beside the API and the admin: by what method it is tried, and how it answers who is nobody."""

    path: str
    method: str = "get"
    status: int = 302


# Where people and programs sign in. None of these tells anything of anybody to somebody who is not signed in.
DOORS: dict[str, Door] = {
    "oauth-token": Door(path="/oauth/token", method="post", status=400),
    "oauth-introspect": Door(path="/oauth/introspect", method="post", status=401),
    "oauth-revoke": Door(path="/oauth/revoke", method="post", status=400),
    "account_login": Door(path="/sign-in/"),
    "account_inactive": Door(path="/sign-in/switched-off/"),
    "account_reauthenticate": Door(path="/sign-in/password/"),
    "mfa_index": Door(path="/sign-in/second-factor/"),
    "mfa_authenticate": Door(path="/sign-in/second-factor/code/"),
    "mfa_reauthenticate": Door(path="/sign-in/second-factor/code-again/"),
    "mfa_activate_totp": Door(path="/sign-in/second-factor/set-up/"),
    "mfa_deactivate_totp": Door(path="/sign-in/second-factor/take-away/"),
    "mfa_view_recovery_codes": Door(path="/sign-in/second-factor/recovery-codes/"),
    "mfa_generate_recovery_codes": Door(path="/sign-in/second-factor/recovery-codes/new/"),
    # Without an identity provider these do not exist.
    "openid_connect_login": Door(path="/sign-in/oidc/", status=404),
    "openid_connect_callback": Door(path="/sign-in/oidc/callback/", status=404),
}


class Page(enum.StrEnum):
    """How a page of the admin answers a member of staff who may see nothing of it."""

    FREE = "free"  # answers, with what one may see
    ONE = "one"  # 404, or 403
    POST = "post"  # takes something in by POST; a stranger's is refused, or changes nothing
    SUPERUSERS = "superusers"  # 403


# Beside the five that Django makes for every model (list, add, change, delete, history).
ADMIN_PAGES: dict[str, tuple[str, Page]] = {
    "index": ("/admin/", Page.FREE),
    "live_map": ("/admin/live-map/", Page.FREE),
    "live_map_stays": ("/admin/live-map/stays/", Page.FREE),
    "dashboard_figures": ("/admin/dashboard/", Page.FREE),
    "search": ("/admin/search/?s={mark}", Page.FREE),
    "login": ("/admin/login/", Page.FREE),
    "logout": ("/admin/logout/", Page.POST),
    "password_change": ("/admin/password_change/", Page.FREE),
    "password_change_done": ("/admin/password_change/done/", Page.FREE),
    "autocomplete": (
        "/admin/autocomplete/?term={mark}&app_label=assets&model_name=asset&field_name=kind",
        Page.FREE,
    ),
    "jsi18n": ("/admin/jsi18n/", Page.FREE),
    "view_on_site": ("/admin/r/1/{asset}/", Page.ONE),
    "app_list": ("/admin/assets/", Page.FREE),
    "access_of_organisation": ("/admin/access/organisation/{organisation}/access/", Page.ONE),
    "access_organisation_who_holds_what": (
        "/admin/access/organisation/{organisation}/who-holds-what/",
        Page.FREE,
    ),
    "access_of_user": ("/admin/access/user/{user}/access/", Page.ONE),
    "access_user_what_they_hold": ("/admin/access/user/{user}/what-they-hold/", Page.FREE),
    "access_policy_check": ("/admin/access/policy/check/", Page.POST),
    "access_policy_dry_run": ("/admin/access/policy/dry-run/", Page.POST),
    "access_policy_try": ("/admin/access/policy/try/", Page.POST),
    "access_policy_offers": ("/admin/access/policy/offers/?noun=assets&q={mark}", Page.FREE),
    "access_of_object": ("/admin/access/policy/who/assets/{asset}/", Page.ONE),
    "assets_asset_transition": ("/admin/assets/asset/{asset}/transition/", Page.POST),
    "assets_asset_who_may_see": ("/admin/assets/asset/{asset}/who-may-see/", Page.FREE),
    "zones_zone_import_geojson": ("/admin/zones/zone/import/", Page.FREE),
    "zones_zone_call": ("/admin/zones/zone/{zone}/call/", Page.POST),
    "zones_zone_transition": ("/admin/zones/zone/{zone}/transition/", Page.POST),
    "zones_zone_who_may_see": ("/admin/zones/zone/{zone}/who-may-see/", Page.FREE),
    "operations_operation_planned": ("/admin/operations/operation/timeline/", Page.FREE),
    "operations_approval_inbox": ("/admin/operations/approval/inbox/", Page.FREE),
    "operations_approval_decide": ("/admin/operations/approval/{approval}/decide/", Page.POST),
    "operations_operation_call": ("/admin/operations/operation/{operation}/call/", Page.POST),
    "operations_operation_transition": ("/admin/operations/operation/{operation}/transition/", Page.POST),
    "operations_operation_who_may_see": ("/admin/operations/operation/{operation}/who-may-see/", Page.FREE),
    "lifecycle_definitionversion_check": ("/admin/lifecycle/definitionversion/check/", Page.POST),
    "lifecycle_definitionversion_do": ("/admin/lifecycle/definitionversion/{lifecycle_kind}/do/", Page.POST),
    "lifecycle_definitionversion_migrate": (
        "/admin/lifecycle/definitionversion/{lifecycle_kind}/migrate/",
        Page.FREE,
    ),
    "lifecycle_definitionversion_enrol": ("/admin/lifecycle/definitionversion/{lifecycle_kind}/enrol/", Page.FREE),
    "incidents_incident_comment": ("/admin/incidents/incident/{incident}/comment/", Page.POST),
    "incidents_incident_call": ("/admin/incidents/incident/{incident}/call/", Page.POST),
    "assets_asset_call": ("/admin/assets/asset/{asset}/call/", Page.POST),
    "incidents_incident_transition": ("/admin/incidents/incident/{incident}/transition/", Page.POST),
    "incidents_incident_who_may_see": ("/admin/incidents/incident/{incident}/who-may-see/", Page.FREE),
    "machinery": ("/admin/machinery/", Page.SUPERUSERS),
    "machinery_retry": ("/admin/machinery/retry/", Page.SUPERUSERS),
    "django_rq_home": ("/admin/queues/", Page.SUPERUSERS),
}
# All of django-rq's pages are guarded in one place.
FOR_SUPERUSERS = "django_rq_"

# Every topic of the feed, and the noun of the matrix whose rights show it.
TOPICS: dict[str, str] = {
    "assets": "assets",
    "incidents": "incidents",
    "operations": "operations",
    "positions": "assets",
    "zones": "zones",
}
