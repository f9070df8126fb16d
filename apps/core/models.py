"""The columns that every row carries, and the one table that the HTTP plumbing needs.

Rows are changed by services only; what stands here never saves anything.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models.functions import Now

from apps.core.ids import new_id
from apps.core.types import VersionConflict


class Row(models.Model):
    """A row with an id that sorts by age, and a version that is its strong ETag.

    Services call ``mark_changed`` on every change; ``recorded_at`` and ``changed_at`` are when the database
    learnt of it, never when it was true.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True

    def mark_changed(self, at: datetime) -> None:
        """Count one change at the instant; the caller saves."""
        self.version += 1
        self.changed_at = at

    def require_version(self, expected: int | None) -> None:
        """Raise ``VersionConflict`` unless the row is still at the version that the caller read.

        ``None`` means that the caller does not care. Call it on a locked row, or it proves nothing.
        """
        if expected is not None and self.version != expected:
            raise VersionConflict(
                "It was changed since you read it. Read it again and repeat your change.",
                details={"current_version": self.version},
            )


class Token(models.Model):
    """The one row of a table: a number that the database changes, in the same transaction, with what it stands for.

    Compare for equality only. See ``apps.core.triggers``; each kind has a constraint that it is one row.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.version)


class IdempotencyRecord(models.Model):
    """The answer that was given to one ``Idempotency-Key``, to be given again for 24 hours.

    Written in the transaction of the effect: either both exist or neither. Whoever else uses the same key
    is another ``principal`` and meets nothing.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    principal = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("principal", "key"), name="core_idempotency_once_per_principal"),
        )
        indexes = (models.Index(fields=("recorded_at",), name="core_idempotency_age"),)

    def __str__(self) -> str:
        return f"{self.key} ({self.status})"
