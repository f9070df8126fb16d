"""One organisation with one of everything in it, every text of which carries a mark that strangers must never meet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from apps.access.models import User
from apps.access.queries import actor_of_user
from apps.access.services import create_api_key, create_device_key
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum, Fix
from apps.events import services
from apps.events.services import number_pending
from apps.incidents.models import Incident
from apps.incidents.services import comment_on_incident
from apps.lifecycle.models import DefinitionVersion
from apps.tracking.types import Report
from tests.factories.access import (
    assign,
    describe,
    make_attribute,
    make_organisation,
    make_policy,
    make_role,
    make_user,
)
from tests.factories.assets import make_asset, make_device
from tests.factories.calls import make_service
from tests.factories.incidents import make_rule
from tests.factories.lifecycles import make_closing_kind, make_moored_kind
from tests.factories.operations import band, make_operation, make_operation_kind, make_review_rule, submit, volume
from tests.factories.tracking import IN_SQUARE, ingest
from tests.factories.webhooks import make_webhook
from tests.factories.zones import make_zone

MARK = "Xylograph"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The people, and the parts of addresses under which the organisation's things stand.

    Alice owns (every action), Bob belongs (sees), Charlie is a stranger with every action somewhere else, and Dana
    has nothing at all.
    """

    alice: User
    bob: User
    charlie: User
    dana: User
    parts: dict[str, UUID | str]

    @property
    def private(self) -> dict[str, UUID | str]:
        """Return the parts that strangers must not meet; kinds are everybody's, and small numbers anybody's."""
        return {
            name: value for name, value in self.parts.items() if not name.endswith(("_kind", "_attribute", "delivery"))
        }


def make_world(actions: frozenset[str]) -> World:
    """Return the world; everything in it was made through services."""
    harbour, elsewhere = make_organisation(f"{MARK} Harbour"), make_organisation("Elsewhere")
    alice = make_user(f"alice-{MARK}", organisation=harbour, is_staff=True)
    bob = make_user("bob", organisation=harbour, is_staff=True)
    charlie = make_user("charlie", organisation=elsewhere, is_staff=True)
    dana = make_user("dana", is_staff=True)
    everything = make_role(*sorted(actions), name="Everything")
    viewing = make_role(*sorted(each for each in actions if each.endswith((".view", ".track"))), name="Viewing")
    assignment = assign(alice, everything, harbour)
    assign(bob, viewing, harbour)
    assign(charlie, sorted(actions), elsewhere)
    asset_kind, zone_kind = make_moored_kind(), make_closing_kind()
    asset = make_asset(
        f"{MARK} Tug", kind=asset_kind, organisation=harbour, identifiers=[("mmsi", f"{MARK.lower()}-1")]
    )
    device = make_device(asset, f"{MARK}-device")
    zone = make_zone(f"{MARK} Basin", kind=zone_kind, organisation=harbour)
    rule = make_rule(harbour, name=f"{MARK} rule", escalate_after=timedelta(hours=1))
    _sail_in(str(asset.pk))
    incident = Incident.objects.get(asset_id=asset.pk)
    comment_on_incident(incident.pk, f"{MARK} comment", actor=actor_of_user(alice), at=now())
    review_rule = make_review_rule(harbour, name=f"{MARK} review", condition="priority >= 100")
    operation = make_operation(
        f"{MARK} tow",
        organisation=harbour,
        kind=make_operation_kind(is_reviewed=True),
        # Heights that an operational intent can say.
        volumes=[volume(heights=band(0, 100, Datum.WGS84))],
        asset_ids=[asset.pk],
    )
    operation = submit(operation)
    clearance = make_attribute("clearance", "text")
    describe(alice, "clearance", f"{MARK} clearance")
    policy = make_policy("deny", ["rules.delete"], organisation=harbour, users=[bob], name=f"{MARK} policy")
    api_key, _ = create_api_key(user_id=alice.pk, name=f"{MARK} key", scopes=["assets.view"], actor=SYSTEM, at=now())
    device_key, _ = create_device_key(organisation_id=harbour.pk, name=f"{MARK} fleet", actor=SYSTEM, at=now())
    webhook, _ = make_webhook(alice, name=f"{MARK} hook")
    service = make_service("berths")
    delivery = services.test_endpoint(webhook.pk, actor=SYSTEM, at=now())
    number_pending(1_000)
    parts: dict[str, UUID | str] = {
        "organisation": harbour.pk,
        "user": alice.pk,
        "role": everything.pk,
        "assignment": assignment.pk,
        "api_key": api_key.pk,
        "device_key": device_key.pk,
        "webhook": webhook.pk,
        "service": service.pk,
        "delivery": str(delivery.pk),
        "policy": policy.pk,
        "user_attribute": clearance.pk,
        "asset_kind": asset_kind.pk,
        "lifecycle_kind": DefinitionVersion.objects.get(key="incident", number=1).pk,
        "asset": asset.pk,
        "device": device.pk,
        "zone_kind": zone_kind.pk,
        "zone": zone.pk,
        "rule": rule.pk,
        "incident": incident.pk,
        "operation_kind": operation.kind_id,
        "operation": operation.pk,
        "review_rule": review_rule.pk,
        "approval": operation.approvals.get().pk,
    }
    return World(alice=alice, bob=bob, charlie=charlie, dana=dana, parts=parts)


def _sail_in(asset: str) -> None:
    """Report the asset outside and then inside the zone, just now."""
    at = now()
    for seconds, (lon, lat) in ((20, (10.0, 50.0)), (10, IN_SQUARE)):
        fix = Fix(fixed_at=at - timedelta(seconds=seconds), lon=lon, lat=lat, attributes={"note": MARK})
        assert ingest(Report(asset, fix), received_at=at).stored == 1
