"""The columns of everything that has a lifecycle, the history of its transitions, and the timers due on it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import new_id
from apps.core.models import Row
from apps.lifecycle.types import Cause, EffectStatus

NAME_LENGTH = 40


class Stateful(Row):
    """A row that follows a lifecycle. ``services`` of this app are the only ones who set these columns.

    ``lifecycle_version`` pins the row to the definition it began with.
    """

    state = models.CharField(max_length=NAME_LENGTH, editable=False)
    state_since = models.DateTimeField(editable=False)
    lifecycle_version = models.PositiveSmallIntegerField(editable=False)

    class Meta:
        abstract = True


class Transition(models.Model):
    """One move that happened: who, why, from where to where, when it counts from and when it was written.

    The first row of an object has an empty ``from_state``. No foreign key: history outlives its object.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    noun = models.CharField(max_length=NAME_LENGTH)
    object_id = models.UUIDField()
    name = models.CharField(max_length=NAME_LENGTH)
    from_state = models.CharField(max_length=NAME_LENGTH, blank=True)
    to_state = models.CharField(max_length=NAME_LENGTH)
    cause = models.CharField(max_length=12, choices=[(each.value, each.value) for each in Cause])
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=["noun", "object_id", "id"], name="transition_of_object"),)
        constraints = (
            models.CheckConstraint(
                name="transition_cause_is_known", condition=Q(cause__in=[each.value for each in Cause])
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.from_state or 'new'} to {self.to_state}"


class Timer(models.Model):
    """A transition that the clock owes an object. The row goes when the object leaves the state.

    Until ``claimed_until`` nobody else takes it: a lease while a worker has it, a pause after a failure.
    ``claimed_until`` null means that nobody has tried yet.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    noun = models.CharField(max_length=NAME_LENGTH)
    object_id = models.UUIDField()
    transition = models.CharField(max_length=NAME_LENGTH)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("due_at", "id")
        constraints = (
            models.UniqueConstraint(fields=["noun", "object_id", "transition"], name="timer_once_per_transition"),
        )
        indexes = (
            models.Index(fields=["due_at", "id"], condition=Q(claimed_until__isnull=True), name="timer_unclaimed"),
            models.Index(fields=["claimed_until"], condition=Q(claimed_until__isnull=False), name="timer_claimed"),
        )

    def __str__(self) -> str:
        return f"{self.transition} of {self.noun}/{self.object_id}"


class Effect(models.Model):
    """What a transition brings about after it: written with the transition, performed by a worker.

    ``seq`` is the order in which the effects of one object are performed. ``due_at`` is when it may be tried: at
    once, after the lease of whoever has it in hand (``claims`` counts those since the last attempt ended), or after
    the pause that follows a failure. ``id`` is the idempotency key.
    """

    seq = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=new_id, unique=True, editable=False)
    kind = models.CharField(max_length=NAME_LENGTH)
    params = models.JSONField(default=dict)
    noun = models.CharField(max_length=NAME_LENGTH)
    object_id = models.UUIDField()
    object = models.JSONField()
    transition = models.CharField(max_length=NAME_LENGTH)
    from_state = models.CharField(max_length=NAME_LENGTH, blank=True)
    to_state = models.CharField(max_length=NAME_LENGTH)
    reason = models.TextField(blank=True)
    effective_at = models.DateTimeField()
    status = models.CharField(
        max_length=8, choices=[(each.value, each.value) for each in EffectStatus], default=EffectStatus.OWED
    )
    due_at = models.DateTimeField()
    claims = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    done_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("seq",)
        constraints = (
            models.CheckConstraint(
                name="effect_status_is_known", condition=Q(status__in=[each.value for each in EffectStatus])
            ),
            models.CheckConstraint(
                name="effect_done_says_when",
                condition=Q(status="done", done_at__isnull=False) | (~Q(status="done") & Q(done_at__isnull=True)),
            ),
        )
        indexes = (
            models.Index(fields=["due_at", "seq"], condition=Q(status="owed"), name="effect_due"),
            models.Index(fields=["noun", "object_id", "seq"], condition=Q(status="owed"), name="effect_line"),
            models.Index(fields=["done_at"], condition=Q(status="done"), name="effect_by_age"),
            models.Index(fields=["seq"], condition=Q(status="dead"), name="effect_dead"),
        )

    def __str__(self) -> str:
        return f"{self.kind} after {self.transition} of {self.noun}/{self.object_id}"
