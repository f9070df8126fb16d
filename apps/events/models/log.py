"""The log and its epoch.

Rows are written by ``services.publish`` and numbered by ``services.number_pending``; nothing else in them ever
changes, which a trigger holds (migration 0001).
"""

from __future__ import annotations

from uuid import UUID, uuid4

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.core.ids import new_id


class Event(models.Model):
    """One thing that happened, written in the transaction in which it happened.

    ``seq`` is the order of writing: a transaction that wrote early may commit late, so no reader may use it as a
    cursor. ``offset`` is the order of the log: the relay gives it to committed rows, without gaps, and it is the
    cursor. ``occurred_at`` is when it was true, ``recorded_at`` when the row was written.

    ``source`` and ``source_id`` are those of an event from outside, ``None`` for our own.

    No foreign keys: an event outlives what it speaks of.
    """

    seq = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=new_id, unique=True, editable=False)
    offset = models.BigIntegerField(null=True, unique=True, editable=False)
    type = models.CharField(max_length=100)
    noun = models.CharField(max_length=40)
    object_id = models.UUIDField()
    organisation_id: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True)
    previous_organisation_id = models.UUIDField(null=True)
    also = models.JSONField(default=list)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=200)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    data = models.JSONField()
    source = models.CharField(max_length=200, null=True)  # noqa: DJ001  null is «ours», and keeps the index small
    source_id = models.CharField(max_length=200, null=True)  # noqa: DJ001

    class Meta:
        ordering = ("-seq",)
        constraints = (
            models.UniqueConstraint(
                fields=["actor_id", "source", "source_id"],
                condition=Q(source__isnull=False),
                name="event_once_per_sender",
            ),
            models.CheckConstraint(
                name="event_source_is_whole",
                condition=Q(source__isnull=True, source_id__isnull=True)
                | Q(source__isnull=False, source_id__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=["seq"], condition=Q(offset__isnull=True), name="event_unnumbered"),
            models.Index(fields=["object_id", "seq"], name="event_of_object"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.noun}/{self.object_id}"


class Epoch(models.Model):
    """The one row that says which log this is and how far it goes.

    A restored database must begin a new epoch, since it will give out the same offsets again for other events.
    ``head`` is the last offset given; offsets up to and including ``floor`` have been forgotten.
    """

    singleton = models.BooleanField(primary_key=True, default=True)
    value = models.UUIDField(default=uuid4)
    head = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.CheckConstraint(name="epoch_is_one_row", condition=Q(singleton=True)),
            models.CheckConstraint(name="epoch_floor_below_head", condition=Q(floor__gte=0, floor__lte=F("head"))),
        )

    def __str__(self) -> str:
        return str(self.value)


class StreamCursor(models.Model):
    """How far the log has been copied to a stream."""

    name = models.CharField(primary_key=True, max_length=100)
    offset = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.offset}"
