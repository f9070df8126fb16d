"""Rows that a service holds until its transaction ends."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.db.models import QuerySet

from apps.core.models import Row
from apps.core.types import NotFound

R = TypeVar("R", bound=Row)


def lock(rows: QuerySet[R], pk: UUID) -> R:
    """Return the row, locked until the transaction ends, and nothing that is joined to it; raises ``NotFound``."""
    row = rows.select_for_update(of=("self",)).filter(pk=pk).first()
    if row is None:
        raise NotFound("There is no such thing, or you may not see it.")
    return row
