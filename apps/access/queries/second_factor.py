"""Who has a second factor, whose session has shown it, and who may go nowhere before that."""

from __future__ import annotations

from uuid import UUID

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from apps.access.models import User

# What the record of a second factor says that was shown to the identity provider.
ELSEWHERE = "oidc"


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
    """Say whether the session has shown a second factor of the user whom it is for, and the one that they have now.

    What was shown before the app was set up counts no more, nor does it once the app is taken away.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return False
    shown = [record for record in get_authentication_records(request, user) if record.get("method") == "mfa"]
    if not shown or any(record.get("type") == ELSEWHERE for record in shown):
        return bool(shown)
    apps = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP)
    since = apps.values_list("created_at", flat=True).first()
    return since is not None and any(record["at"] >= since.timestamp() for record in shown)


def is_enrolled(user_id: UUID) -> bool:
    """Say whether the user has a second factor to show."""
    return bool(Authenticator.objects.filter(user=user_id, type=Authenticator.Type.TOTP).exists())
