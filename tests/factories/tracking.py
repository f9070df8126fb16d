"""Fixes and reports, and taking them in as the services do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.access.types import SYSTEM, Actor
from apps.assets.models import Asset
from apps.core.types import Fix
from apps.tracking import services
from apps.tracking.models import Source
from apps.tracking.types import IngestResult, Item, Report
from tests.factories.core import NOON, after

FAR_AWAY = (10.0, 50.0)
IN_SQUARE = (0.5, 0.5)


def make_fix(minutes: float = 0, place: tuple[float, float] = FAR_AWAY, **parts: Any) -> Fix:
    """Return a fix so many minutes after noon; in the square that ``make_zone`` makes, if asked."""
    return Fix(fixed_at=after(minutes=minutes), lon=place[0], lat=place[1], **parts)


def report(asset: Asset, minutes: float = 0, place: tuple[float, float] = FAR_AWAY, **parts: Any) -> Report:
    """Return a report of an asset by its id."""
    return Report(str(asset.pk), make_fix(minutes, place, **parts))


def ingest(
    *items: Item, actor: Actor = SYSTEM, source: str = "api", received_at: datetime | None = None
) -> IngestResult:
    """Take reports in as one batch, received when the latest of them was fixed unless told otherwise."""
    latest = max((item.fix.fixed_at for item in items if isinstance(item, Report)), default=NOON)
    return services.ingest(items, actor=actor, source=source, received_at=received_at or latest)


def follow(asset: Asset, track: Sequence[tuple[float, tuple[float, float]]]) -> None:
    """Take in a track of one asset fix by fix, each when it was fixed."""
    for minutes, place in track:
        ingest(report(asset, minutes, place))


def source_id(slug: str) -> int:
    """Return the id of a source."""
    return Source.objects.get(slug=slug).pk
