"""What has come to a halt and waits for a person: dead deliveries and effects, stuck calls, failing timers and jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import django_rq
from django.conf import settings
from django.urls import reverse
from redis import RedisError
from rq.job import Job

from apps.events.models import Endpoint
from apps.events.queries import dead_letters
from apps.events.types import Stop
from apps.lifecycle.models import Call, Effect, Timer
from apps.lifecycle.types import CallState, EffectStatus

MOST: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """One thing that does not go on by itself; ``key`` is what its button names."""

    key: str
    title: str
    about: str
    error: str
    at: datetime | None
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Things of one kind: ``kind`` is what a retry names; ``count`` is of all, of which the newest are shown."""

    kind: str
    title: str
    says: str
    lines: Sequence[Halted]
    count: int


def halted() -> list[Section]:
    """Return what waits for a person, kind by kind. Never fails because Redis does."""
    return [_deliveries(), _endpoints(), _effects(), _calls(), _timers(), _jobs()]


def _deliveries() -> Section:
    rows = dead_letters().order_by("-id")
    lines = [
        Halted(
            key=str(row.pk),
            title=row.type,
            about=f"{row.endpoint} · {row.subject}",
            error=row.error,
            at=row.finished_at,
            link=reverse("admin:events_delivery_change", args=[row.pk]),
        )
        for row in rows.select_related("endpoint")[:MOST]
    ]
    says = "given up after ten attempts"
    return Section(kind="delivery", title="Dead letters", says=says, lines=lines, count=rows.count())


def _endpoints() -> Section:
    rows = Endpoint.objects.filter(is_enabled=False).exclude(stopped_by=Stop.HAND).order_by("-changed_at")
    lines = [
        Halted(
            key=str(row.pk),
            title=row.name,
            about=row.url,
            error=Stop(row.stopped_by).label,
            at=row.changed_at,
            link=reverse("admin:events_endpoint_change", args=[row.pk]),
        )
        for row in rows[:MOST]
    ]
    says = "switched off by an answer, or with their owner"
    return Section(kind="endpoint", title="Stopped webhooks", says=says, lines=lines, count=rows.count())


def _effects() -> Section:
    rows = Effect.objects.filter(status=EffectStatus.DEAD).order_by("-seq")
    lines = [
        Halted(
            key=str(row.id),
            title=f"{row.kind} after {row.transition}",
            about=f"{row.noun}/{row.object_id}",
            error=row.last_error,
            at=row.recorded_at,
            link=reverse("admin:lifecycle_effect_change", args=[row.pk]),
        )
        for row in rows[:MOST]
    ]
    says = "of transitions that were made"
    return Section(kind="effect", title="Dead effects", says=says, lines=lines, count=rows.count())


def _calls() -> Section:
    rows = Call.objects.filter(state=CallState.STUCK).order_by("-finished_at")
    lines = [
        Halted(
            key=str(row.pk),
            title=f"{row.service}: {row}",
            about=f"{row.saga.noun}/{row.saga.object_id}",
            error=row.last_error,
            at=row.finished_at,
            link=reverse("admin:lifecycle_call_change", args=[row.pk]),
        )
        for row in rows.select_related("service", "saga")[:MOST]
    ]
    says = "done, or perhaps done, and could not be undone"
    return Section(kind="call", title="Stuck service calls", says=says, lines=lines, count=rows.count())


def _timers() -> Section:
    rows = Timer.objects.filter(attempts__gt=0, claimed_until__isnull=False).order_by("due_at")
    lines = [
        Halted(
            key=str(row.pk),
            title=row.transition,
            about=f"{row.noun}/{row.object_id}",
            error=row.last_error,
            at=row.due_at,
            link=reverse("admin:lifecycle_timer_change", args=[row.pk]),
        )
        for row in rows[:MOST]
    ]
    says = "the clock tries them again, ever more rarely"
    return Section(kind="timer", title="Stuck objects", says=says, lines=lines, count=rows.count())


def _jobs() -> Section:
    try:
        found = list(_failed_jobs())
    except RedisError:
        found = []
    says = "what they were about is in the database, and done by others"
    return Section(kind="job", title="Failed jobs", says=says, lines=found[:MOST], count=len(found))


def _failed_jobs() -> Iterator[Halted]:
    for name in settings.RQ_QUEUES:
        queue = django_rq.get_queue(name)
        for job in Job.fetch_many(queue.failed_job_registry.get_job_ids(), queue.connection, queue.serializer):
            if job is not None:
                result = job.latest_result()
                error = ((result.exc_string if result else "") or "").strip().rpartition("\n")[2]
                yield Halted(
                    key=f"{name}:{job.id}", title=job.func_name or "", about=name, error=error, at=job.ended_at
                )
