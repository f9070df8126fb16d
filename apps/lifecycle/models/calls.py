"""Services of others, what a transition asks of them (a saga), and each call of it."""

from __future__ import annotations

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import new_id
from apps.core.models import Row
from apps.core.outbound import LONGEST_URL
from apps.lifecycle.models.objects import NAME_LENGTH
from apps.lifecycle.types import Auth, Awaits, CallState, SagaState

ANSWER_LENGTH = 4_096
PATH_LENGTH = 1_000
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = timedelta(milliseconds=100), timedelta(minutes=2)
LONGEST_BREAK = timedelta(hours=1)
MOST_AT_ONCE = 100


class Service(Row):
    """A service that definitions may call by its key.

    The secret is kept encrypted. ``failures`` counts those in a row; once they are ``break_after`` nothing is sent
    until ``open_until``, and then one call at a time until one is answered.
    """

    key = models.CharField(max_length=NAME_LENGTH, unique=True)
    name = models.CharField(max_length=100)
    base_url = models.CharField("base URL", max_length=LONGEST_URL)
    auth = models.CharField("authentication", max_length=8, choices=Auth.choices, default=Auth.NONE)
    header = models.CharField(max_length=100, blank=True, help_text="Its name, where a header carries the secret.")
    sealed_secret = models.TextField(blank=True, editable=False)
    timeout = models.DurationField(
        default=timedelta(seconds=10),
        validators=[MinValueValidator(SHORTEST_TIMEOUT), MaxValueValidator(LONGEST_TIMEOUT)],
        help_text="How long one request may take.",
    )
    concurrency = models.PositiveSmallIntegerField(
        default=8,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_AT_ONCE)],
        help_text="Requests at once, of all workers together.",
    )
    break_after = models.PositiveSmallIntegerField(
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="So many failures in a row break the circuit.",
    )
    break_for = models.DurationField(
        default=timedelta(seconds=30),
        validators=[MinValueValidator(SHORTEST_TIMEOUT), MaxValueValidator(LONGEST_BREAK)],
        help_text="How long a broken circuit stays broken before one call tries it.",
    )
    is_enabled = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0, editable=False)
    open_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("key",)
        constraints = (
            models.CheckConstraint(
                name="service_secret_where_one_is_sent",
                condition=Q(auth="none", sealed_secret="") | (~Q(auth="none") & ~Q(sealed_secret="")),
            ),
            models.CheckConstraint(
                name="service_header_where_it_carries",
                condition=Q(auth="header") & ~Q(header="") | (~Q(auth="header") & Q(header="")),
            ),
            models.CheckConstraint(name="service_limits_are_some", condition=Q(concurrency__gte=1, break_after__gte=1)),
        )

    def __str__(self) -> str:
        return self.name


class Saga(models.Model):
    """What one transition asks of services: all of it, or nothing. No foreign key: it outlives its object.

    Its lock orders everything that happens to its calls.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    transition_id = models.UUIDField(unique=True)
    noun = models.CharField(max_length=NAME_LENGTH)
    object_id = models.UUIDField()
    transition = models.CharField(max_length=NAME_LENGTH)
    on_success = models.CharField(max_length=NAME_LENGTH, blank=True)
    on_failure = models.CharField(max_length=NAME_LENGTH, blank=True)
    state = models.CharField(max_length=12, choices=SagaState.choices, default=SagaState.CALLING)
    reason = models.TextField(blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["noun", "object_id", "id"], name="saga_of_object"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="saga_age"),
        )
        constraints = (
            models.CheckConstraint(
                name="saga_is_over_or_not",
                condition=Q(state__in=["calling", "undoing"], finished_at__isnull=True)
                | Q(state__in=["succeeded", "failed"], finished_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.transition} of {self.noun}/{self.object_id}"


class Call(models.Model):
    """One call of a saga; ``id`` is that of its effect, and the idempotency key.

    ``due_at`` is when it is taken in hand next: to be sent, when the lease of whoever has it in hand ends, or when an
    answer is late; null while it waits for its turn, and when it is over. It is in hand until ``claimed_until``.
    ``turn`` counts everything that was decided about it: what comes back counts only if nothing was since it went.
    ``token_hash`` is that of the single-use token by which the service answers later.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    saga = models.ForeignKey(Saga, on_delete=models.CASCADE, related_name="calls")
    place = models.PositiveSmallIntegerField()
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="calls")
    method = models.CharField(max_length=6)
    path = models.CharField(max_length=PATH_LENGTH)
    body = models.JSONField(null=True, blank=True)
    undo = models.JSONField(null=True, blank=True)
    awaits = models.CharField(max_length=8, choices=Awaits.choices, default=Awaits.ANSWER)
    event_type = models.CharField(max_length=100, blank=True)
    event_match = models.TextField(blank=True)
    answer_within = models.DurationField()
    within = models.DurationField()
    most_attempts = models.PositiveSmallIntegerField()
    first_pause = models.DurationField()
    longest_pause = models.DurationField()
    state = models.CharField(max_length=12, choices=CallState.choices, default=CallState.WAITING)
    turn = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    give_up_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True, default="")
    last_error = models.CharField(max_length=300, blank=True, default="")
    token_hash = models.BinaryField(max_length=32, unique=True, editable=False)
    token_until = models.DateTimeField(editable=False)
    token_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided = models.CharField(max_length=8, blank=True, default="")
    decided_by = models.CharField(max_length=200, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("saga", "place")
        constraints = (
            models.UniqueConstraint(fields=["saga", "place"], name="call_once_per_place"),
            models.CheckConstraint(
                name="call_state_is_known", condition=Q(state__in=[each.value for each in CallState])
            ),
            models.CheckConstraint(
                name="call_is_due_while_it_runs",
                condition=~Q(state__in=["running", "awaiting"]) | Q(due_at__isnull=False),
            ),
            models.CheckConstraint(
                name="call_that_is_over_is_not_due",
                condition=~Q(state__in=["succeeded", "failed", "skipped", "compensated", "stuck"])
                | Q(due_at__isnull=True, claimed_until__isnull=True),
            ),
        )
        indexes = (
            models.Index(fields=["service", "due_at"], condition=Q(due_at__isnull=False), name="call_due"),
            models.Index(
                fields=["service", "claimed_until"], condition=Q(claimed_until__isnull=False), name="call_in_hand"
            ),
            models.Index(fields=["give_up_at"], condition=Q(give_up_at__isnull=False), name="call_to_give_up"),
            models.Index(fields=["id"], condition=Q(state="stuck"), name="call_stuck"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
