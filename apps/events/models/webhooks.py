"""Webhooks: who is told, what is owed to them, and how each attempt went."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.models import Row
from apps.events.types import Cause, DeliveryState, Stop

SENT_LENGTH = 16_384
ANSWER_LENGTH = 4_096


class Endpoint(Row):
    """An address that is told of events, with the eyes of its owner.

    ``scopes`` and ``key`` are those that its maker was confined to: it never sees more, and ends with the key.
    ``offset`` is its cursor: every event up to it has become a delivery, or was none of its business. Secrets are not
    stored: they are made of the installation's key and ``salt``; the one before is good until ``former_until``.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    key = models.ForeignKey("access.ApiKey", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    scopes = ArrayField(models.CharField(max_length=64), null=True, blank=True)
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    types = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    noun = models.CharField(max_length=40, blank=True)
    filter = models.TextField(blank=True)
    rate = models.FloatField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    stopped_by = models.CharField(max_length=8, choices=Stop.choices, blank=True, editable=False)
    offset = models.BigIntegerField(editable=False)
    salt = models.CharField(max_length=40, editable=False)
    former_salt = models.CharField(max_length=40, blank=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    paced_until = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "webhook"
        ordering = ("name", "id")
        indexes = (models.Index(fields=["offset"], condition=Q(is_enabled=True), name="endpoint_behind"),)
        constraints = (
            models.CheckConstraint(
                name="endpoint_rate_is_one", condition=Q(rate__isnull=True) | Q(rate__gt=0, rate__lte=1000)
            ),
            models.CheckConstraint(name="endpoint_filters_a_noun", condition=Q(filter="") | ~Q(noun="")),
            models.CheckConstraint(
                name="endpoint_stopped_by_something",
                condition=Q(is_enabled=True, stopped_by="") | (Q(is_enabled=False) & ~Q(stopped_by="")),
            ),
        )

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One event that is owed to an endpoint, or was.

    Of one subject only the first that waits is ever taken in hand, and those behind it with it, in the order of their
    ids: the first has a ``due_at``. Whoever sends them moves it to the end of a lease, gives the others the same, and
    counts an attempt: a result counts only for the last attempt.
    """

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event_offset = models.BigIntegerField(null=True)
    message_id = models.UUIDField()
    type = models.CharField(max_length=100)
    subject = models.CharField(max_length=100)
    cause = models.CharField(max_length=8, choices=Cause.choices)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        indexes = (
            models.Index(fields=["endpoint", "due_at"], condition=Q(due_at__isnull=False), name="delivery_due"),
            models.Index(fields=["endpoint", "subject", "id"], condition=Q(state="waiting"), name="delivery_waiting"),
            models.Index(fields=["endpoint", "id"], name="delivery_of_endpoint"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="delivery_age"),
            models.Index(fields=["id"], condition=Q(state="dead"), name="delivery_dead"),
            models.Index(fields=["endpoint", "event_offset"], condition=Q(cause="replay"), name="delivery_replayed"),
        )
        constraints = (
            models.CheckConstraint(
                name="delivery_is_over_or_not",
                condition=Q(state="waiting", finished_at__isnull=True)
                | (~Q(state="waiting") & Q(finished_at__isnull=False, due_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="delivery_of_an_event_or_a_test",
                condition=Q(event_offset__isnull=True, cause="test")
                | (Q(event_offset__isnull=False) & ~Q(cause="test")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class Attempt(models.Model):
    """One time that a delivery was sent: both bodies, cut to a bound, and what became of it."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    number = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")
    sent = models.TextField()
    answer = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["delivery", "number"], name="attempt_once"),)

    def __str__(self) -> str:
        return f"{self.number}: {self.status or self.error}"
