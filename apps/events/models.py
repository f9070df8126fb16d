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

    class Meta:
        ordering = ("-seq",)
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
