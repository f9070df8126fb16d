"""What zones registers with access: who may be allowed what."""

from __future__ import annotations

from apps.access import registry
from apps.access.types import Protected
from apps.lifecycle import registry as lifecycles
from apps.lifecycle.policy import CALLS
from apps.lifecycle.types import Settable
from apps.zones.models import Zone, ZoneGroupGrant, ZoneKind, ZoneUserGrant, ZoneVersion
from apps.zones.published import ZONE_PROPERTIES, published_zones, zone_feature, zone_kind_feature

WRITE = ("view", "add", "change", "delete")


def register_nouns() -> None:
    """Register zones and their kinds. A version is judged as its zone."""
    registry.register(
        Protected(
            noun="zones",
            model=Zone,
            actions=(*WRITE, "advance", *CALLS, "share"),
            grants=(ZoneUserGrant, ZoneGroupGrant),
            feature=zone_feature,
            fields=(*ZONE_PROPERTIES, "geometry"),
            place="area",
        )
    )
    registry.register(
        Protected(
            noun="zone-versions", model=ZoneVersion, object_path="zone_id", judged_as="zones", instant="recorded_at"
        )
    )
    registry.register(
        Protected(
            noun="zone-kinds",
            model=ZoneKind,
            actions=WRITE,
            organisation=None,
            feature=zone_kind_feature,
        )
    )


def register_lifecycle(keep: lifecycles.Keep) -> None:
    """Let zones follow lifecycles; their kinds choose which, if any. ``keep`` keeps what a move makes of them."""
    lifecycles.register(
        lifecycles.Lifecycle(
            noun="zones",
            word="zone",
            model=Zone,
            feature=zone_feature,
            whole=published_zones,
            chosen_by="kind__lifecycle",
            instants={
                "valid_from": lambda zone, _: zone.window.start,
                "valid_to": lambda zone, _: zone.window.end,
            },
            fields={"is_active": Settable(schema={"type": "boolean"}, column="is_active")},
            keep=keep,
        )
    )
