"""Fills an installation with the demonstration, through the services that people use. Running it again is harmless.

What is already there is found by its natural key (slug, name, MMSI) and left as it is: somebody may have played with
it. Only the replay's key is made anew each time, since nobody can read an old one; the one before is revoked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from apps.access import services as access
from apps.access.models import ApiKey, Assignment, Organisation, Role, User
from apps.access.types import SYSTEM
from apps.assets import services as assets
from apps.assets.models import Asset, AssetKind, Identifier
from apps.assets.types import IdentifierPair
from apps.console.demo import cast
from apps.console.demo.cast import HarbourRule, Loaded, Login
from apps.console.demo.dataset import PUBLISHED_ZONES, WATCH_AREAS, Vessel, vessels, zone_collection
from apps.console.demo.plans import load_plans
from apps.console.demo.visits import KINDS as VISITORS
from apps.console.demo.visits import LIFECYCLE, load_visits
from apps.core.types import Conflict
from apps.incidents import services as incidents
from apps.incidents.models import Rule
from apps.zones import services as zones
from apps.zones.models import Zone, ZoneKind

ACTIONS = {"vessels": ("assets.view", "assets.track"), "zones": ("zones.view",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What everything else stands on, by slug or name."""

    at: datetime
    desks: Mapping[str, Organisation]
    kinds: Mapping[str, AssetKind]
    looks: Mapping[str, ZoneKind]
    roles: Mapping[str, Role]
    loaded: Loaded = field(default_factory=Loaded)


@transaction.atomic
def load(*, at: datetime, services: Mapping[str, str] | None = None) -> Loaded:
    """Load the demonstration, or what is missing of it, and return what to tell the person who asked.

    ``services`` are the addresses of the desks that berth visits call; without them there are no visits.
    """
    if services:
        load_visits(services, at=at)
    ground = Ground(
        at=at, desks=_desks(at), kinds=_kinds(at, has_visits=bool(services)), looks=_looks(at), roles=_roles(at)
    )
    _load_vessels(ground)
    _load_zones(ground)
    _load_rules(ground)
    ground.loaded.made += load_plans(ground.desks, at=at)
    for login in cast.LOGINS:
        _load_login(login, ground, password=cast.PASSWORD)
        ground.loaded.logins.append({"username": login.username, "password": cast.PASSWORD, "who": login.who})
    ground.loaded.key = _new_key(_load_login(cast.REPLAY, ground, password=None), ground)
    return ground.loaded


def _desks(at: datetime) -> dict[str, Organisation]:
    found = {each.slug: each for each in Organisation.objects.filter(slug__in=[desk.slug for desk in cast.DESKS])}
    for desk in cast.DESKS:
        if desk.slug not in found:
            above = found[desk.above].pk if desk.above else None
            found[desk.slug] = access.create_organisation(
                name=desk.name, slug=desk.slug, parent_id=above, actor=SYSTEM, at=at
            )
    return found


def _kinds(at: datetime, *, has_visits: bool) -> dict[str, AssetKind]:
    found = {each.slug: each for each in AssetKind.objects.filter(slug__in=[kind.slug for kind in cast.KINDS])}
    for kind in cast.KINDS:
        found[kind.slug] = found.get(kind.slug) or assets.create_asset_kind(
            slug=kind.slug,
            name=kind.name,
            icon=kind.icon,
            attributes_schema=cast.VESSEL_SCHEMA,
            late_after=cast.LATE_AFTER,
            lost_after=cast.LOST_AFTER,
            lifecycle=LIFECYCLE if has_visits and kind.slug in VISITORS else "",
            actor=SYSTEM,
            at=at,
        )
    return found


def _looks(at: datetime) -> dict[str, ZoneKind]:
    found = {each.slug: each for each in ZoneKind.objects.filter(slug__in=[look.slug for look in cast.LOOKS])}
    for look in cast.LOOKS:
        found[look.slug] = found.get(look.slug) or zones.create_zone_kind(
            slug=look.slug,
            name=look.name,
            label=look.label,
            colour=look.colour,
            constraint=look.constraint,
            actor=SYSTEM,
            at=at,
        )
    return found


def _roles(at: datetime) -> dict[str, Role]:
    found = {each.name: each for each in Role.objects.filter(name__in=cast.ROLES)}
    for name, actions in cast.ROLES.items():
        found[name] = found.get(name) or access.create_role(name=name, actions=actions, actor=SYSTEM, at=at)
    return found


def _load_vessels(ground: Ground) -> None:
    known = set(Identifier.objects.filter(scheme="mmsi").values_list("value", flat=True))
    desk_of = {kind.slug: kind.desk for kind in cast.KINDS}
    for vessel in vessels():
        if vessel.mmsi not in known:
            _create_vessel(vessel, ground.desks[desk_of[vessel.kind]], ground)
    ground.loaded.assets = len(vessels())


def _create_vessel(vessel: Vessel, desk: Organisation, ground: Ground) -> None:
    assets.create_asset(
        name=vessel.name,
        kind=ground.kinds[vessel.kind],
        organisation=desk,
        attributes=vessel.attributes,
        identifiers=[IdentifierPair("mmsi", vessel.mmsi)],
        actor=SYSTEM,
        at=ground.at,
    )
    ground.loaded.made += 1


def _load_zones(ground: Ground) -> None:
    sources = (
        (cast.HARBOUR, zone_collection(PUBLISHED_ZONES, west=cast.NEW_YORK_FROM)),
        (cast.ROADS, zone_collection(PUBLISHED_ZONES, east=cast.NEW_YORK_FROM)),
        (cast.HARBOUR, zone_collection(WATCH_AREAS)),
    )
    for desk, collection in sources:
        known = set(Zone.objects.filter(organisation=ground.desks[desk]).values_list("name", flat=True))
        ground.loaded.zones += len(collection["features"])
        missing = [each for each in collection["features"] if each["properties"]["name"] not in known]
        if missing:
            _import(missing, ground.desks[desk], ground)


def _import(features: list[object], desk: Organisation, ground: Ground) -> None:
    report = zones.import_zones(
        {"type": "FeatureCollection", "features": features},
        organisation=desk,
        kind_property="zone_type",
        actor=SYSTEM,
        at=ground.at,
    )
    if report.faulty:
        raise Conflict(f"The demonstration's zones do not fit: {report.faulty}")
    ground.loaded.made += len(features)


def _load_rules(ground: Ground) -> None:
    harbour = ground.desks[cast.HARBOUR]
    known = set(Rule.objects.filter(organisation=harbour).values_list("name", flat=True))
    for rule in cast.RULES:
        if rule.name not in known:
            _create_rule(rule, harbour, ground)


def _create_rule(rule: HarbourRule, harbour: Organisation, ground: Ground) -> None:
    incidents.create_rule(
        organisation=harbour,
        name=rule.name,
        finding=rule.finding,
        zone_kind=ground.looks[rule.zone_kind] if rule.zone_kind else None,
        zone=Zone.objects.get(name=rule.zone, organisation=harbour) if rule.zone else None,
        asset_kind=ground.kinds[rule.asset_kind] if rule.asset_kind else None,
        severity=rule.severity,
        hysteresis=rule.hysteresis,
        dedupe_window=rule.dedupe_window,
        escalate_after=rule.escalate_after,
        title_template=rule.title,
        actor=SYSTEM,
        at=ground.at,
    )
    ground.loaded.made += 1


def _load_login(login: Login, ground: Ground, *, password: str | None) -> User:
    user = User.objects.filter(username=login.username).first() or access.create_user(
        username=login.username,
        password=password,
        display_name=login.display_name,
        organisation_id=ground.desks[login.desk].pk if login.desk else None,
        is_staff=password is not None,
        is_superuser=login.is_superuser,
        actor=SYSTEM,
        at=ground.at,
    )
    for role, desk in login.roles:
        _assign(user, ground.roles[role], ground.desks[desk], ground.at)
    _share(login, user, ground.at)
    return user


def _assign(user: User, role: Role, desk: Organisation, at: datetime) -> None:
    if not Assignment.objects.filter(user=user, role=role, organisation=desk).exists():
        access.assign_role(role_id=role.pk, organisation_id=desk.pk, user_id=user.pk, actor=SYSTEM, at=at)


def _share(login: Login, user: User, at: datetime) -> None:
    shared = [
        *((asset, ACTIONS["vessels"]) for asset in Asset.objects.filter(identifiers__value__in=login.vessels)),
        *((zone, ACTIONS["zones"]) for zone in Zone.objects.filter(name__in=login.zones)),
    ]
    for thing, actions in shared:
        for action in actions:
            access.grant_access(thing, action, to=user, actor=SYSTEM, at=at)


def _new_key(user: User, ground: Ground) -> str:
    for old in ApiKey.objects.filter(user=user, name=cast.KEY_NAME, revoked_at__isnull=True):
        access.revoke_api_key(old.pk, actor=SYSTEM, at=ground.at)
    _, token = access.create_api_key(
        user_id=user.pk, name=cast.KEY_NAME, scopes=cast.ROLES["Replay"], actor=SYSTEM, at=ground.at
    )
    return token
