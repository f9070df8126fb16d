"""Ids: UUIDv7 (RFC 9562), so that new rows land together in an index."""

from __future__ import annotations

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Return a fresh UUIDv7; ids made later sort later, to the millisecond."""
    return UUID(int=uuid_utils.uuid7().int)
