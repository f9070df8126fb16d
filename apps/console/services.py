"""The buttons of the page Machinery: what has come to a halt goes on, and who pressed one is recorded.

What each button does is a service of its own app, which decides who may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import django_rq
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Model

from apps.access.queries import is_all_powerful
from apps.access.types import Actor
from apps.core.types import NotAllowed, NotFound
from apps.events.models import Delivery
from apps.events.services import replay_delivery, update_endpoint
from apps.lifecycle.services import retry_call, retry_effect, retry_timer

RETRIED: Final = "Tried again from the machinery page."
SENT_AGAIN: Final = "Sent again from the machinery page."
SWITCHED_ON: Final = "Switched on from the machinery page."


@transaction.atomic
def retry(kind: str, key: str, *, actor: Actor, at: datetime) -> None:
    """Let one thing go on, named as a section of the page names it.

    Raises what its service refuses with, ``ValueError`` for a key that is none, and for jobs what RQ and Redis raise.
    """
    act = _RETRIES.get(kind)
    if act is None:
        raise NotFound("There is no such thing.")
    act(key, actor, at)


def _send_again(key: str, actor: Actor, at: datetime) -> None:
    row = Delivery.objects.filter(pk=int(key)).first()
    if row is None:
        raise NotFound("There is no such delivery any more.")
    _record(actor, replay_delivery(row.endpoint_id, row.pk, actor=actor, at=at), SENT_AGAIN)


def _switch_on(key: str, actor: Actor, at: datetime) -> None:
    changes = {"is_enabled": True}
    _record(actor, update_endpoint(UUID(key), changes, expected_version=None, actor=actor, at=at), SWITCHED_ON)


def _perform_again(key: str, actor: Actor, at: datetime) -> None:
    _record(actor, retry_effect(UUID(key), actor=actor, at=at), RETRIED)


def _undo_again(key: str, actor: Actor, at: datetime) -> None:
    _record(actor, retry_call(UUID(key), actor=actor, at=at), RETRIED)


def _advance_again(key: str, actor: Actor, at: datetime) -> None:
    _record(actor, retry_timer(UUID(key), actor=actor, at=at), RETRIED)


def _queue_again(key: str, actor: Actor, at: datetime) -> None:
    """Queue a failed job again; it is no row, and recorded by its id alone."""
    if actor.user_id is None or not is_all_powerful(actor):
        raise NotAllowed("Only superusers look after the queues.")
    name, _, job_id = key.partition(":")
    if name not in settings.RQ_QUEUES:
        raise NotFound("There is no such queue.")
    job = django_rq.get_queue(name).failed_job_registry.requeue(job_id)
    LogEntry.objects.create(
        user_id=actor.user_id,
        object_id=key,
        object_repr=f"Job {job.func_name} of the queue {name}"[:200],
        action_flag=CHANGE,
        change_message=RETRIED,
    )


def _record(actor: Actor, row: Model, message: str) -> None:
    if actor.user_id is None:
        raise NotAllowed("Only people press buttons.")
    rows: Any = type(row)._default_manager.filter(pk=row.pk)
    LogEntry.objects.log_actions(actor.user_id, rows, CHANGE, change_message=message)


_RETRIES: Final[Mapping[str, Callable[[str, Actor, datetime], None]]] = {
    "delivery": _send_again,
    "endpoint": _switch_on,
    "effect": _perform_again,
    "call": _undo_again,
    "timer": _advance_again,
    "job": _queue_again,
}
