"""Effects: claiming what is owed, and performing it once.

An effect is a row. What its handler writes and its mark that it is done are one transaction; whoever dies with it in
hand only delays it. The effects of one object are performed in the order in which they came to be owed: one that
fails holds up those behind it until it is done or dead, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.access.queries import authorize
from apps.access.types import Actor
from apps.core import redis
from apps.core.types import Conflict, NotFound
from apps.lifecycle.models import Effect
from apps.lifecycle.registry import effect_kind
from apps.lifecycle.rules.durations import pause_after
from apps.lifecycle.services.engine import EFFECTS_DOORBELL
from apps.lifecycle.services.timers import LONGEST_ERROR, Claim
from apps.lifecycle.types import EffectStatus, Owed

EFFECT_LEASE: Final = timedelta(seconds=30)
MOST_ATTEMPTS: Final = 12  # over about an hour
KEPT: Final = timedelta(days=30)
FORGET_BATCH: Final = 5000

log = structlog.get_logger(__name__)

_CLAIM = """
WITH heads AS (
    SELECT seq, claims FROM lifecycle_effect AS effect
    WHERE status = 'owed' AND due_at <= %(at)s AND NOT EXISTS (
        SELECT FROM lifecycle_effect AS earlier
        WHERE earlier.status = 'owed' AND earlier.noun = effect.noun AND earlier.object_id = effect.object_id
          AND earlier.seq < effect.seq
    )
    ORDER BY due_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE lifecycle_effect AS effect SET due_at = %(until)s, claims = effect.claims + 1
FROM heads WHERE effect.seq = heads.seq
RETURNING effect.id, heads.claims = 0
"""
_FORGET = """
DELETE FROM lifecycle_effect
WHERE seq IN (SELECT seq FROM lifecycle_effect WHERE status = 'done' AND done_at < %s ORDER BY done_at LIMIT %s)
"""


@transaction.atomic
def claim_effects(limit: int, at: datetime) -> Claim:
    """Claim the first owed effect of at most ``limit`` objects; others may claim at the same time."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"at": at, "limit": limit, "until": at + EFFECT_LEASE})
        rows = cursor.fetchall()
    return Claim(
        fresh=tuple(key for key, is_fresh in rows if is_fresh),
        lapsed=tuple(key for key, is_fresh in rows if not is_fresh),
    )


def perform_effects(effect_ids: Iterable[UUID], *, at: datetime) -> int:
    """Perform these effects, and what is owed behind each for the same object; return how many were done.

    Safe to run twice and at the same time with anything. A failure is kept on its row, which rests, longer each
    time, and is dead after ``MOST_ATTEMPTS``. The database's own troubles are raised, and blamed on no effect.
    """
    return sum(_perform_line(effect_id, at) for effect_id in effect_ids)


@transaction.atomic
def retry_effect(effect_id: UUID, *, actor: Actor, at: datetime) -> Effect:
    """Let a dead effect, or one that rests, be tried again at once. Raises ``Conflict`` for one that is done."""
    effect = Effect.objects.select_for_update().filter(id=effect_id).first()
    if effect is None:
        raise NotFound("There is no such effect.")
    authorize(actor, "effects.retry", effect)
    if effect.status == EffectStatus.DONE:
        raise Conflict("It is done.", code="effect_done")
    effect.status, effect.due_at, effect.claims, effect.attempts = EffectStatus.OWED, at, 0, 0
    effect.save(update_fields=["status", "due_at", "claims", "attempts"])
    transaction.on_commit(partial(redis.ring, EFFECTS_DOORBELL), robust=True)
    return effect


def forget_effects(at: datetime) -> int:
    """Delete what was done long ago, a batch at a time; return how many. A tick: safe to run twice."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [at - KEPT, FORGET_BATCH])
        return int(cursor.rowcount)


def _perform_line(effect_id: UUID | None, at: datetime) -> int:
    done = 0
    while effect_id is not None:
        try:
            is_done, behind = _perform(effect_id, at)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  whatever a handler may raise
            _blame(effect_id, error, at)
            return done
        done += is_done
        effect_id = behind
    return done


@transaction.atomic
def _perform(effect_id: UUID, at: datetime) -> tuple[bool, UUID | None]:
    """Perform one effect if it is still owed; say whether, and which of the same object may be tried next."""
    effect = Effect.objects.select_for_update().filter(id=effect_id).first()
    if effect is None or effect.status != EffectStatus.OWED:
        return False, None
    effect_kind(effect.kind).perform(_owed(effect), at)
    effect.status, effect.done_at = EffectStatus.DONE, at
    effect.save(update_fields=["status", "done_at"])
    behind = Effect.objects.filter(
        noun=effect.noun, object_id=effect.object_id, status=EffectStatus.OWED, due_at__lte=at
    )
    return True, behind.order_by("seq").values_list("id", flat=True).first()


def _owed(effect: Effect) -> Owed:
    return Owed(
        id=effect.id,
        kind=effect.kind,
        params=effect.params,
        noun=effect.noun,
        object_id=effect.object_id,
        object=effect.object,
        transition=effect.transition,
        from_state=effect.from_state,
        to_state=effect.to_state,
        reason=effect.reason,
        effective_at=effect.effective_at,
        attempt=effect.attempts + 1,
        transition_id=effect.transition_id,
    )


@transaction.atomic
def _blame(effect_id: UUID, error: Exception, at: datetime) -> None:
    log.warning("lifecycle.effect_failed", effect_id=str(effect_id), exc_info=error)
    for effect in Effect.objects.select_for_update().filter(id=effect_id, status=EffectStatus.OWED):
        effect.attempts += 1
        effect.claims = 0
        effect.last_error = f"{type(error).__name__}: {error}".replace("\x00", "")[:LONGEST_ERROR]
        effect.due_at = at + pause_after(effect.attempts)
        if effect.attempts >= MOST_ATTEMPTS:
            effect.status = EffectStatus.DEAD
        effect.save(update_fields=["attempts", "claims", "last_error", "due_at", "status"])
