"""Who is who: users, and the actors that they become."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from apps.access.models import ApiKey, SignInFailure, User
from apps.access.types import ANONYMOUS, Actor, ActorKind

# Ten wrong passwords for one name or from one address, then a quarter of an hour of waiting.
MAX_FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=15)


def actor_of_user(user: User | AnonymousUser | None) -> Actor:
    """Return the actor that a signed-in user is; nobody, or a deactivated user, is anonymous."""
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    return Actor(kind=ActorKind.USER, label=user.label, user_id=user.pk, is_superuser=user.is_superuser)


def find_user(user_id: UUID | None) -> User | None:
    """Return an active user by id."""
    return User.objects.filter(pk=user_id, is_active=True).first() if user_id else None


def api_keys_of(user_id: UUID) -> QuerySet[ApiKey]:
    """Return the keys that act for a user, newest first."""
    return ApiKey.objects.filter(user=user_id)


def sign_in_blocked_until(subjects: list[str], at: datetime) -> datetime | None:
    """Return until when a name or an address has to wait before it may try to sign in again."""
    blocked = SignInFailure.objects.filter(
        subject__in=subjects, failures__gte=MAX_FAILURES, since__gt=at - FAILURE_WINDOW
    )
    return max((row.since + FAILURE_WINDOW for row in blocked), default=None)
