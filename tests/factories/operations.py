"""Kinds, volumes and operations, made through the services that make them everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Literal, Unpack
from uuid import UUID

from shapely import MultiPolygon

from apps.access.models import Organisation
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import Datum
from apps.operations import services
from apps.operations.models import Operation, OperationKind, ReviewRule
from apps.operations.types import (
    Area,
    OperationDraft,
    OperationKindChanges,
    Recurrence,
    ReviewRuleChanges,
    VolumeDraft,
)
from apps.zones.types import EVERY_HEIGHT, AltitudeBand
from tests.factories.access import make_organisation
from tests.factories.core import NOON
from tests.factories.zones import square

HOUR = timedelta(hours=1)
_number = count(1)


def make_operation_kind(slug: str = "", **terms: Unpack[OperationKindChanges]) -> OperationKind:
    """Return a kind of operation whose terms are the defaults unless given."""
    slug = slug or f"operation-kind-{next(_number)}"
    filled: OperationKindChanges = {"name": slug.capitalize(), **terms}
    return services.create_operation_kind(slug=slug, actor=SYSTEM, at=NOON, **filled)


def make_review_rule(organisation: Organisation | None = None, **terms: Unpack[ReviewRuleChanges]) -> ReviewRule:
    """Return a rule by which an organisation reviews all that lies below it, unless told otherwise."""
    filled: ReviewRuleChanges = {"name": f"Review rule {next(_number)}", **terms}
    return services.create_review_rule(
        organisation=organisation or make_organisation(), actor=SYSTEM, at=now(), **filled
    )


def band(lower_m: float | None, upper_m: float | None, datum: Datum = Datum.AMSL) -> AltitudeBand:
    """Return a band above one datum."""
    return AltitudeBand(
        lower_m=lower_m,
        lower_datum=None if lower_m is None else datum,
        upper_m=upper_m,
        upper_datum=None if upper_m is None else datum,
    )


def volume(
    area: MultiPolygon | None = None,
    *,
    heights: AltitudeBand = EVERY_HEIGHT,
    starts_at: datetime | None = None,
    lasting: timedelta = HOUR,
    recurrence: Recurrence | None = None,
) -> VolumeDraft:
    """Return a volume: the square from 0 to 1 degree at every height, tomorrow for an hour, unless told otherwise."""
    footprint = square() if area is None else area
    begins = starts_at or now().replace(microsecond=0) + timedelta(days=1)
    return VolumeDraft(
        shape=Area(polygons=footprint),
        footprint=footprint,
        band=heights,
        starts_at=begins,
        ends_at=begins + lasting,
        recurrence=recurrence,
    )


def make_operation(
    title: str = "",
    *,
    volumes: Sequence[VolumeDraft] = (),
    kind: OperationKind | None = None,
    organisation: Organisation | None = None,
    priority: int | None = None,
    contact: str = "",
    asset_ids: Sequence[UUID] = (),
    at: datetime | None = None,
) -> Operation:
    """Return a draft of one ``volume()``, unless told otherwise."""
    draft = OperationDraft(
        title=title or f"Operation {next(_number)}",
        volumes=volumes or [volume()],
        priority=priority,
        contact=contact,
        asset_ids=asset_ids,
    )
    return services.create_operation(
        draft,
        kind=kind or make_operation_kind(),
        organisation=organisation or make_organisation(),
        actor=SYSTEM,
        at=at or now(),
    )


def submit(operation: Operation, *, at: datetime | None = None) -> Operation:
    """Return the operation, submitted: approved then, or in review."""
    return services.move_operation(operation, "submit", actor=SYSTEM, at=at or now())


def decide_all(operation: Operation, decision: Literal["approved", "rejected"] = "approved") -> None:
    """Decide on everything that an operation has asked for."""
    for approval in operation.approvals.order_by("id"):
        services.decide_approval(approval.pk, decision=decision, actor=SYSTEM, at=now())
