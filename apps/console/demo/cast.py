"""Who and what the demonstration is about: made-up desks, roles and logins around real ships and zones. Values only.

Logins are names of roles, not of people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from apps.console.demo.dataset import UNKNOWN_KIND
from apps.incidents.types import FindingKind, Severity
from apps.zones.types import Constraint

HARBOUR = "new-york-harbor-watch"
PASSENGER = "passenger-desk"
TUGS = "tug-and-tow-desk"
CARGO = "cargo-desk"
SMALL_CRAFT = "small-craft-desk"
ROADS = "hampton-roads-watch"
PILOTS = "harbor-pilots-cooperative"
DRONES = "harbor-drone-services"

PASSWORD = "watch-the-harbor"  # noqa: S105 - of the demonstration only, and printed by it
KEY_NAME = "Replay of the demonstration"
# Between these two meridians lies New York; what is west of it is Hampton Roads.
NEW_YORK_FROM = -75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An organisation; ``above`` is the slug of the one that it belongs to."""

    slug: str
    name: str
    above: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of vessel, and the desk that looks after its vessels."""

    slug: str
    name: str
    icon: str
    desk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A kind of zone, how the map draws it, and what it means for operations."""

    slug: str
    name: str
    label: str
    colour: str
    constraint: Constraint = Constraint.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody who may sign in. ``roles`` are (role, desk); ``vessels`` and ``zones`` are shared one by one."""

    username: str
    display_name: str
    who: str
    desk: str | None = None
    is_superuser: bool = False
    roles: Sequence[tuple[str, str]] = ()
    vessels: Sequence[str] = ()
    zones: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HarbourRule:
    """A rule of the harbour; kinds and zone are named by slug and name."""

    name: str
    finding: FindingKind
    severity: Severity
    title: str
    escalate_after: timedelta | None
    dedupe_window: timedelta = timedelta(minutes=5)
    hysteresis: timedelta = timedelta(0)
    zone_kind: str | None = None
    zone: str | None = None
    asset_kind: str | None = None


DESKS = (
    Desk(slug=HARBOUR, name="New York Harbor Watch"),
    Desk(slug=PASSENGER, name="Passenger Desk", above=HARBOUR),
    Desk(slug=TUGS, name="Tug and Tow Desk", above=HARBOUR),
    Desk(slug=CARGO, name="Cargo Desk", above=HARBOUR),
    Desk(slug=SMALL_CRAFT, name="Small Craft Desk", above=HARBOUR),
    Desk(slug=ROADS, name="Hampton Roads Watch"),
    Desk(slug=PILOTS, name="Harbor Pilots Cooperative"),
    Desk(slug=DRONES, name="Harbor Drone Services"),
)

KINDS = (
    Kind(slug="cargo", name="Cargo", icon="cargo", desk=CARGO),
    Kind(slug="fishing", name="Fishing", icon="fishing", desk=SMALL_CRAFT),
    Kind(slug="passenger", name="Passenger", icon="passenger", desk=PASSENGER),
    Kind(slug="pleasure", name="Pleasure craft", icon="pleasure", desk=SMALL_CRAFT),
    Kind(slug="sailing", name="Sailing", icon="sailing", desk=SMALL_CRAFT),
    Kind(slug="service", name="Service", icon="service", desk=SMALL_CRAFT),
    Kind(slug="tanker", name="Tanker", icon="tanker", desk=CARGO),
    Kind(slug="tug", name="Tug and tow", icon="tug", desk=TUGS),
    Kind(slug=UNKNOWN_KIND, name="Unclassified", icon="vessel", desk=SMALL_CRAFT),
)
# For a replay at ten times the speed; two reports of an hour lie a minute or three apart.
LATE_AFTER = timedelta(seconds=90)
LOST_AFTER = timedelta(minutes=3)
VESSEL_SCHEMA: Mapping[str, object] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "callsign": {"type": "string", "maxLength": 20},
        "imo": {"type": "string", "pattern": "^IMO[0-9]{7}$"},
        "length_m": {"type": "number", "exclusiveMinimum": 0, "maximum": 500},
        "width_m": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
        "draft_m": {"type": "number", "exclusiveMinimum": 0, "maximum": 30},
    },
    "additionalProperties": False,
}

LOOKS = (
    Look(slug="anchorage", name="Anchorage", label="ANCH", colour="#3b82f6"),
    Look(slug="danger_zone", name="Danger zone", label="DANGER", colour="#b91c1c", constraint=Constraint.PROHIBITED),
    Look(
        slug="regulated_navigation_area",
        name="Regulated navigation area",
        label="RNA",
        colour="#7c3aed",
        constraint=Constraint.ADVISORY,
    ),
    Look(slug="safety_zone", name="Safety zone", label="SAFETY", colour="#f59e0b", constraint=Constraint.CONDITIONAL),
    Look(
        slug="security_zone",
        name="Security zone",
        label="SECURITY",
        colour="#e11d48",
        constraint=Constraint.AUTHORISATION,
    ),
    Look(slug="watch_area", name="Watch area", label="WATCH", colour="#0d9488"),
)

ROLES: Mapping[str, Sequence[str]] = {
    "Watch officer": (
        "assets.view", "assets.track", "zones.view", "rules.view", "organisations.view", "users.view",
        "incidents.view", "incidents.add", "incidents.change", "incidents.comment", "incidents.assign",
        "incidents.acknowledge", "incidents.escalate", "incidents.resolve", "incidents.close", "incidents.reopen",
        "assets.advance", "assets.view_calls", "assets.settle_calls",
    ),
    "Chart reader": ("zones.view", "rules.view", "review-rules.view"),
    "Planner": (
        "operations.view", "operations.add", "operations.change", "operations.delete", "operations.submit",
        "operations.withdraw", "operations.activate", "operations.declare", "operations.end", "operations.cancel",
        "approvals.view", "approvals.decide", "assets.view", "organisations.view",
    ),
    "Replay": (
        "assets.view", "assets.track", "assets.report", "zones.view", "incidents.view",
    ),
}  # fmt: skip

LOGINS = (
    Login(username="admin", display_name="Administrator", who="superuser: sees and does everything", is_superuser=True),
    Login(
        username="officer",
        display_name="Watch officer, tugs",
        who="watch officer of the Tug and Tow Desk: its vessels and their incidents, the harbor's zones",
        desk=TUGS,
        roles=(("Watch officer", TUGS), ("Chart reader", HARBOUR), ("Planner", TUGS)),
    ),
    Login(
        username="planner",
        display_name="Planner, drones",
        who="planner of Harbor Drone Services: its operations, the harbor's zones, of others only that space is taken",
        desk=DRONES,
        roles=(("Planner", DRONES), ("Chart reader", HARBOUR)),
    ),
    Login(
        username="partner",
        display_name="Pilots' partner",
        who="of an outside organisation: two vessels and two zones that were shared with it",
        desk=PILOTS,
        vessels=("367370920", "338531000"),
        zones=("Sandy Hook Bay security zone, Terminal Channel", "Kill Van Kull entrance"),
    ),
)
# The account that the replay's key belongs to; it has no password.
REPLAY = Login(
    username="replay", display_name="Replay", who="service account", desk=HARBOUR, roles=(("Replay", HARBOUR),)
)

RULES = (
    HarbourRule(
        name="Vessel in a security zone",
        finding=FindingKind.ENTERED,
        zone_kind="security_zone",
        severity=Severity.CRITICAL,
        title="{asset} is in {zone}",
        # Short, so that both can be seen within a minute: the acknowledging, and what happens without it.
        escalate_after=timedelta(seconds=40),
    ),
    HarbourRule(
        name="Vessel in a safety zone",
        finding=FindingKind.ENTERED,
        zone_kind="safety_zone",
        severity=Severity.HIGH,
        title="{asset} is in {zone}",
        escalate_after=timedelta(seconds=90),
    ),
    HarbourRule(
        name="Tow enters the Kill Van Kull",
        finding=FindingKind.ENTERED,
        zone="Kill Van Kull entrance",
        asset_kind="tug",
        severity=Severity.MODERATE,
        title="{asset} enters the Kill Van Kull",
        escalate_after=timedelta(seconds=90),
    ),
    HarbourRule(
        name="Waiting in the Upper Bay",
        finding=FindingKind.DWELT,
        zone_kind="anchorage",
        severity=Severity.LOW,
        title="{asset} has been waiting in {zone}",
        escalate_after=None,
        dedupe_window=timedelta(hours=1),
    ),
    HarbourRule(
        name="Contact lost with a passenger vessel",
        finding=FindingKind.LOST_CONTACT,
        asset_kind="passenger",
        severity=Severity.HIGH,
        title="No contact with {asset}",
        escalate_after=timedelta(minutes=2),
        # When the demo starts again everybody has been silent for hours, until the replay speaks.
        hysteresis=timedelta(seconds=30),
    ),
)


@dataclass(slots=True)
class Loaded:
    """What ``load`` made or found, for the command to print."""

    assets: int = 0
    zones: int = 0
    made: int = 0
    key: str = ""
    logins: list[dict[str, str]] = field(default_factory=list)
