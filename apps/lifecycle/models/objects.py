"""Definitions, the columns of everything that follows one, its history, its timers and its effects."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Now

from apps.core.ids import new_id
from apps.core.models import Row
from apps.lifecycle.types import Category, Cause, EffectStatus, RunStatus, Status, TimersThen

NAME_LENGTH = 40


class Stateful(Row):
    """A row that may follow a lifecycle. ``services`` of this app are the only ones who set these columns.

    ``lifecycle_key`` and ``lifecycle_version`` pin the row to the definition it began with. A row that follows none has
    an empty key, state and category, and nulls: the engine never meets one. ``state_category`` is that of the state.
    """

    state = models.CharField(max_length=NAME_LENGTH, default="", db_default="", blank=True, editable=False)
    state_category = models.CharField(max_length=8, default="", db_default="", blank=True, editable=False)
    state_since: models.DateTimeField[datetime, datetime] = models.DateTimeField(  # type: ignore[misc]  # never null where a lifecycle is followed
        null=True, editable=False
    )
    lifecycle_key = models.CharField(max_length=NAME_LENGTH, default="", db_default="", blank=True, editable=False)
    lifecycle_version: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(  # type: ignore[misc]  # as above
        null=True, editable=False
    )

    class Meta:
        abstract = True


def state_is_whole(name: str) -> models.CheckConstraint:
    """Return the constraint by which a row follows a lifecycle entirely, or not at all."""
    known = Q(state_category__in=[each.value for each in Category])
    follows = ~Q(state="") & known & Q(state_since__isnull=False, lifecycle_version__isnull=False)
    nothing = Q(state="", state_category="", state_since__isnull=True, lifecycle_version__isnull=True)
    return models.CheckConstraint(
        name=name, condition=(~Q(lifecycle_key="") & follows) | (Q(lifecycle_key="") & nothing)
    )


class DefinitionVersion(Row):
    """One version of a definition, as its text. What has been published never changes, which a trigger holds.

    ``version`` is that of the row, as everywhere; ``number`` is the definition's. ``is_shipped`` is a copy of a file.
    """

    key = models.CharField(max_length=NAME_LENGTH)
    number = models.PositiveSmallIntegerField("version")
    noun = models.CharField(max_length=NAME_LENGTH)
    title = models.CharField(max_length=60, blank=True)
    status = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in Status], default=Status.DRAFT
    )
    document = models.TextField()
    is_shipped = models.BooleanField("shipped", default=False)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "lifecycle"
        ordering = ("key", "-number")
        constraints = (
            models.UniqueConstraint(fields=["key", "number"], name="definition_once"),
            models.UniqueConstraint(fields=["key"], condition=Q(status="draft"), name="definition_one_draft"),
            models.CheckConstraint(
                name="definition_status_is_known", condition=Q(status__in=[each.value for each in Status])
            ),
            models.CheckConstraint(
                name="definition_published_says_when",
                condition=Q(status="draft", published_at__isnull=True)
                | (~Q(status="draft") & Q(published_at__isnull=False)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.key} {self.number}"


class LogReader(models.Model):
    """How far the log has been read for transitions by event and condition: one row, locked while reading."""

    singleton = models.BooleanField(primary_key=True, default=True)
    offset = models.BigIntegerField()

    class Meta:
        constraints = (models.CheckConstraint(name="log_reader_is_one_row", condition=Q(singleton=True)),)

    def __str__(self) -> str:
        return str(self.offset)


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
    answers = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)
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


class MigrationRun(models.Model):
    """Bringing objects over in the background: the plan, who asked for it, and how far it has come.

    Without ``from_version`` it is about objects that follow none. Until ``due_at`` somebody has it in hand (``claims``
    counts those who let that pass). ``reached`` is the last object that was looked at.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=NAME_LENGTH)
    from_version = models.PositiveSmallIntegerField(null=True, blank=True)
    to_version = models.PositiveSmallIntegerField()
    states = models.JSONField(default=dict, blank=True)
    timers = models.CharField(max_length=10, choices=[(each.value, each.value) for each in TimersThen])
    asked_by_id = models.UUIDField()
    asked_by = models.CharField(max_length=200)
    status = models.CharField(
        max_length=8, choices=[(each.value, each.value) for each in RunStatus], default=RunStatus.RUNNING
    )
    total = models.PositiveIntegerField(default=0)
    moved = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    reached = models.UUIDField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    due_at = models.DateTimeField()
    claims = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "migration"
        ordering = ("-asked_at", "-id")
        constraints = (
            models.CheckConstraint(
                name="run_status_is_known", condition=Q(status__in=[each.value for each in RunStatus])
            ),
            models.CheckConstraint(
                name="run_ended_says_when",
                condition=Q(status="running", ended_at__isnull=True)
                | (~Q(status="running") & Q(ended_at__isnull=False)),
            ),
            models.UniqueConstraint(
                "key", Coalesce("from_version", 0), condition=Q(status="running"), name="run_one_at_a_time"
            ),
        )
        indexes = (models.Index(fields=["key", "-asked_at"], name="run_of_key"),)

    def __str__(self) -> str:
        return f"{self.key} {self.from_version or 'none'} to {self.to_version}"


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
    transition_id = models.UUIDField(null=True, blank=True)
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
