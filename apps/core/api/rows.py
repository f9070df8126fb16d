"""What every row shows of itself over REST, beside its own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Func, TextField
from rest_framework import serializers

from apps.core.models import Row


class Instant(Func):
    """An instant as the text that stands in the answer (RFC 3339); all our connections speak UTC."""

    template = "replace(replace((%(expressions)s)::text, ' ', 'T'), '+00', 'Z')"
    output_field = TextField()


class RowSerializer(serializers.Serializer[Any]):
    """What every row shows of itself."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True, help_text="Also the ETag.")
    recorded_at = serializers.DateTimeField(read_only=True)
    changed_at = serializers.DateTimeField(read_only=True)


def row_body(row: Row, shown: Mapping[str, object]) -> dict[str, object]:
    """Return a row as REST shows it: what ``RowSerializer`` describes, and its own fields."""
    return {
        "id": row.id,
        "version": row.version,
        "recorded_at": row.recorded_at,
        "changed_at": row.changed_at,
        **shown,
    }
