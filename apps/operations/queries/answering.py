"""What somebody is told of what stands in their way: in full where they may see it, masked where they may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from apps.access.queries import hidden_fields, kept_back, visible
from apps.access.types import Actor
from apps.core.geometry import to_geojson
from apps.core.types import Feature, Invalid
from apps.events.rules import instant
from apps.operations.models import Operation, OperationKind
from apps.operations.published import operation_feature
from apps.operations.queries.conflicts import judge
from apps.operations.queries.freeing import free_windows
from apps.operations.queries.review_rules import reviews_shown
from apps.operations.rules.checks import volumes_errors, written_out
from apps.operations.rules.shapes import whole_of
from apps.operations.types import (
    ALWAYS,
    FreeWindow,
    Judgement,
    Meeting,
    OperationConflict,
    PlannedVolume,
    Standing,
    Verdict,
    Volume4D,
    VolumeDraft,
    ZoneConflict,
)
from apps.zones.models import Zone

MOST_SHOWN: Final = 50
MOST_TIMES: Final = 10
# What says of an operation where and when it is planned.
PLANNED: Final = ("area", "starts_at", "ends_at")


def check_draft(
    drafts: Sequence[VolumeDraft],
    *,
    kind: OperationKind,
    priority: int | None,
    organisation_id: UUID,
    besides: UUID | None = None,
    words: Mapping[str, str],
    actor: Actor,
    at: datetime,
) -> dict[str, Any]:
    """Return what ``check_plan`` does of volumes that nobody has planned yet, and in ``reviews`` who reviews them.

    ``words`` are what is known of title, description and contact; a rule that asks about others holds. Raises
    ``Invalid`` as planning does.
    """
    if errors := list(volumes_errors(drafts, at=at)):
        raise Invalid("This is no plan.", errors=errors)
    given = kind.default_priority if priority is None else priority
    standing = Standing(priority=given, may_share=kind.may_share)
    times = written_out(drafts)
    found = check_plan(drafts, standing=standing, organisation_id=organisation_id, besides=besides, actor=actor)
    plan = Feature(
        id=besides or UUID(int=0),
        organisation_id=organisation_id,
        version=1,
        geometry=to_geojson(whole_of([each.footprint for each in times])),
        properties={
            **words,
            "kind": kind.slug,
            "priority": given,
            "starts_at": instant(min(each.during.start for each in times)),
            "ends_at": instant(max(each.during.end for each in times)),
        },
    )
    return found | {"reviews": reviews_shown(plan, actor=actor)}


def check_plan(
    planned: Sequence[PlannedVolume],
    *,
    standing: Standing,
    organisation_id: UUID,
    besides: UUID | None = None,
    actor: Actor,
) -> dict[str, Any]:
    """Return what submitting these volumes would meet: ``accepted``, ``conflicts`` and, where refused, ``free``."""
    volumes = written_out(planned)
    judgement = judge(volumes, standing=standing, organisation_id=organisation_id, besides=besides)
    windows: list[FreeWindow] = []
    if judgement.is_refused:
        windows = free_windows(planned, standing=standing, organisation_id=organisation_id, besides=besides)
    return {
        "accepted": not judgement.is_refused,
        "conflicts": conflicts_shown(judgement, volumes, actor),
        "free": [free_window_shown(each) for each in windows],
    }


def conflicts_shown(judgement: Judgement, volumes: Sequence[Volume4D], actor: Actor) -> list[dict[str, Any]]:
    """Return conflicts as the actor may see them, those that refuse first.

    Of an operation that the actor may not see: that something is there, between which heights, until when, and whom to
    ask about it. Of a zone the same.
    """
    operations = sorted(judgement.operations, key=_is_no_refusal)[:MOST_SHOWN]
    zones = sorted(judgement.zones, key=_is_no_refusal)[:MOST_SHOWN]
    seen = _operations_seen([each.other.id for each in operations], actor)
    zones_seen = _zones_seen([each.zone_id for each in zones], actor)
    is_hidden = "contact" in hidden_fields(actor, "operations")
    is_dated = "valid_from" not in hidden_fields(actor, "zones")
    shown = [
        *(_operation_shown(each, volumes, seen.get(each.other.id), is_hidden=is_hidden) for each in operations),
        *(_zone_shown(each, volumes, zones_seen.get(each.zone_id), is_dated=is_dated) for each in zones),
    ]
    return sorted(shown, key=lambda each: each["verdict"] != Verdict.REFUSED)


def _is_no_refusal(conflict: OperationConflict | ZoneConflict) -> bool:
    """Return a key by which what refuses comes first."""
    return conflict.verdict is not Verdict.REFUSED


def _operations_seen(ids: Sequence[UUID], actor: Actor) -> dict[UUID, dict[str, Any]]:
    if not ids:
        return {}
    rows = visible(Operation.objects.filter(pk__in=ids), actor, "operations.view").select_related("kind")
    bodies = [
        {
            "id": row.pk,
            "organisation_id": row.organisation_id,
            "title": row.title,
            "kind": row.kind.slug,
            "priority": row.priority,
            "state": row.state,
            "contact": row.contact,
            "starts_at": instant(row.starts_at),
            "ends_at": instant(row.ends_at),
        }
        for row in rows
    ]
    return {UUID(str(body["id"])): body for body in kept_back(actor, "operations.view", bodies)}


def titles_seen(operation_ids: Iterable[UUID], actor: Actor) -> dict[UUID, str]:
    """Return what operations are called, of those whose title and times an actor sees."""
    seen = _operations_seen(list(operation_ids), actor)
    return {pk: body["title"] for pk, body in seen.items() if {"title", "starts_at", "ends_at"} <= body.keys()}


def _zones_seen(ids: Sequence[UUID], actor: Actor) -> dict[UUID, dict[str, Any]]:
    if not ids:
        return {}
    rows = visible(Zone.objects.filter(pk__in=ids), actor, "zones.view").select_related("kind")
    bodies = [
        {"id": row.pk, "organisation_id": row.organisation_id, "name": row.name, "kind": row.kind.slug} for row in rows
    ]
    return {UUID(str(body["id"])): body for body in kept_back(actor, "zones.view", bodies)}


def _operation_shown(
    conflict: OperationConflict, volumes: Sequence[Volume4D], seen: dict[str, Any] | None, *, is_hidden: bool
) -> dict[str, Any]:
    held = conflict.held[:MOST_TIMES]
    masked_contact = "" if is_hidden else conflict.other.contact
    return {
        "type": "operation",
        "verdict": conflict.verdict.value,
        "comparable": conflict.meeting is Meeting.MEET,
        "operation": seen,
        "zone": None,
        "contact": masked_contact if seen is None else seen.get("contact", ""),
        "volumes": [
            _volume_shown(volumes[each.place].number, each.volume, masked="starts_at" not in (seen or {}))
            for each in held
        ],
    }


def _zone_shown(
    conflict: ZoneConflict, volumes: Sequence[Volume4D], seen: dict[str, Any] | None, *, is_dated: bool
) -> dict[str, Any]:
    masked = seen is None or not is_dated
    return {
        "type": "zone",
        "verdict": conflict.verdict.value,
        "comparable": conflict.meeting is Meeting.MEET,
        "operation": None,
        "zone": seen,
        "contact": "",
        "volumes": [_volume_shown(volumes[conflict.place].number, conflict.volume, masked=masked)],
    }


def _volume_shown(number: int, volume: Volume4D, *, masked: bool) -> dict[str, Any]:
    """Return the heights and times of what is in the way of a wanted volume; masked, not since when."""
    band = volume.band
    return {
        "wanted": number,
        "lower_m": band.lower_m,
        "lower_datum": band.lower_datum,
        "upper_m": band.upper_m,
        "upper_datum": band.upper_datum,
        "starts_at": None if masked else _finite(volume.during.start),
        "ends_at": _finite(volume.during.end),
    }


def free_window_shown(window: FreeWindow) -> dict[str, Any]:
    """Return a way out as what it would make of the plan: when it begins and ends, at which heights, each volume."""
    times = written_out(window.volumes)
    lowers = [each.band.lower_m for each in window.volumes if each.band.lower_m is not None]
    uppers = [each.band.upper_m for each in window.volumes if each.band.upper_m is not None]
    return {
        "later_s": window.shift.later.total_seconds(),
        "higher_m": window.shift.higher_m,
        "starts_at": instant(min(each.during.start for each in times)),
        "ends_at": instant(max(each.during.end for each in times)),
        "lower_m": min(lowers) if len(lowers) == len(window.volumes) else None,
        "upper_m": max(uppers) if len(uppers) == len(window.volumes) else None,
        "volumes": [_moved_shown(each) for each in window.volumes],
    }


def sees_plan(operation: Operation, actor: Actor) -> bool:
    """Say whether an actor sees exactly where and when an operation is planned."""
    feature = operation_feature(operation)
    properties = {name: feature.properties[name] for name in PLANNED if name != "area"}
    body = {"id": operation.pk, "organisation_id": operation.organisation_id, "area": feature.geometry, **properties}
    (shown,) = kept_back(actor, "operations.view", [body])
    return shows_plan(body, shown)


def shows_plan(body: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    """Say whether what is shown of an operation's body says exactly where and when it is planned."""
    return shown is body or all(_as_json(body[name]) == shown.get(name) for name in PLANNED)


def _as_json(value: object) -> Any:
    """Return a value as it is once it has been JSON, as what may be kept back is: lists for tuples, text for ids."""
    return orjson.loads(orjson.dumps(value, default=str))


def _moved_shown(volume: PlannedVolume) -> dict[str, Any]:
    rule, band = volume.recurrence, volume.band
    return {
        "lower_m": band.lower_m,
        "lower_datum": band.lower_datum,
        "upper_m": band.upper_m,
        "upper_datum": band.upper_datum,
        "starts_at": instant(volume.starts_at),
        "ends_at": instant(volume.ends_at),
        "recurrence": {"rule": rule.rule, "time_zone": rule.time_zone} if rule else None,
    }


def _finite(at: datetime) -> str | None:
    """Return an instant; nothing for the ends of all time."""
    return None if at in (ALWAYS.start, ALWAYS.end) else instant(at)
