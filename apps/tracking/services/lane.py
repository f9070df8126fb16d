"""The positions lane: where assets are now, sent after the commit, latest wins. Losing a message loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import orjson
from django.db import transaction

from apps.assets.types import AssetRef
from apps.core import redis
from apps.core.types import Fix

CHANNEL: Final = "positions"

LaneRow: TypeAlias = tuple[Any, ...]


def lane_row(asset: AssetRef, fix: Fix, connectivity: str) -> LaneRow:
    """Return where an asset is, as the lane says it."""
    return (
        asset.id,
        asset.organisation_id,
        fix.fixed_at,
        fix.lon,
        fix.lat,
        fix.altitude_m,
        fix.speed_mps,
        fix.course_deg,
        fix.heading_deg,
        connectivity,
    )


def tell_lane(rows: Sequence[LaneRow]) -> None:
    """Send the rows as one message when the transaction is committed."""
    if rows:
        message = orjson.dumps(rows, option=orjson.OPT_UTC_Z)
        transaction.on_commit(partial(redis.broadcast, CHANNEL, message), robust=True)
