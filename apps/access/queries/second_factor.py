"""Who has a second factor, whose session has shown it, and who may go nowhere before that."""

from __future__ import annotations

from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from apps.access.models import User


def lacks_second_factor(request: HttpRequest) -> bool:
    """Say whether somebody is signed in by a session that has to show a second factor first.

    Asked of staff and superusers where ``WATCHFLOOR_REQUIRE_MFA`` says so; keys and tokens have no session. The
    request needs ``user`` and ``session``.
    """
    user = getattr(request, "user", None)
    if not settings.WATCHFLOOR.require_mfa or not isinstance(user, User):
        return False
    return (user.is_staff or user.is_superuser) and not has_second_factor(request)


def has_second_factor(request: HttpRequest) -> bool:
    """Say whether the session has shown a second factor of the user whom it is for."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return False
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


def is_enrolled(user_id: UUID) -> bool:
    """Say whether the user has a second factor to show."""
    return bool(Authenticator.objects.filter(user=user_id, type=Authenticator.Type.TOTP).exists())
