"""How an operation keeps to its plan, on its page: its own assets, and those of others in its volumes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.decorators import display

from apps.access.queries import visible_in_full
from apps.access.staff import GuardedInline, actor_of_staff
from apps.access.types import Actor
from apps.assets.models import Asset
from apps.operations.models import Intrusion, Operation
from apps.operations.queries import HAVE_RUN, AssetConformance, conformance_of, tracked_only

MINUTE = timedelta(minutes=1)


def keeping_shown(operation: Operation, actor: Actor, *, at: datetime) -> dict[str, Any] | None:
    """Return what the panel says of an operation that runs, or ran; of assets, those that the actor may name too."""
    if operation.state not in HAVE_RUN:
        return None
    found = conformance_of(operation, actor, at=at)
    ids = {each.asset_id for each in found.assets} | {each.asset_id for each in found.intrusions}
    names = dict(visible_in_full(Asset.objects.filter(pk__in=ids), actor, "assets.view").values_list("pk", "name"))
    lasting = operation.ends_at - operation.starts_at
    return {
        "overrun": _minutes(found.overrun),
        "due": 100 * min(max((at - operation.starts_at) / lasting, 0.0), 1.0),
        "assets": [_shown(each, names) for each in found.assets if each.asset_id in names],
        "intruders": [
            {**_named(each.asset_id, names), "since": each.entered_at}
            for each in found.intrusions
            if each.asset_id in names
        ],
    }


class IntrusionInline(GuardedInline):
    """Assets of others that were in its volumes, those that the person may name, and track exactly and at once."""

    model = Intrusion
    verbose_name_plural = "who was in its way"
    fields = ("asset_name", "entered_at", "left_at")
    readonly_fields = fields
    hide_title = True
    per_page = 10

    def get_queryset(self, request: HttpRequest) -> QuerySet[Intrusion]:
        """Return them, the latest first."""
        actor = actor_of_staff(request)
        rows: QuerySet[Any] = tracked_only(super().get_queryset(request), actor)
        named = visible_in_full(Asset.objects.filter(pk__in=rows.values("asset")), actor, "assets.view")
        return rows.filter(asset__in=named.values("pk")).select_related("asset").order_by("-id")

    @display(description="Asset")  # type: ignore[untyped-decorator]  # unfold
    def asset_name(self, intrusion: Intrusion) -> str:
        """Return its name."""
        return intrusion.asset.name


def _shown(found: AssetConformance, names: dict[UUID, str]) -> dict[str, Any]:
    where = {None: ("done", "nothing in force"), True: ("calm", "inside"), False: ("alert", "outside")}
    tone, says = where[found.is_inside] if found.followed_at else ("notice", "not heard of yet")
    return {
        **_named(found.asset_id, names),
        "tone": tone,
        "says": says,
        "distance_m": None if found.is_inside else found.distance_m,
        "outside_since": found.outside_since,
        "followed_at": found.followed_at,
        "progress": None if found.progress is None else 100 * found.progress,
        "reached_at": found.reached_at,
        "late": _minutes(found.late_by),
    }


def _named(asset_id: UUID, names: dict[UUID, str]) -> dict[str, Any]:
    return {"name": names[asset_id], "url": reverse("admin:assets_asset_change", args=[asset_id])}


def _minutes(lasting: timedelta) -> int:
    return lasting // MINUTE
