"""Second factors: codes that count once, and the way back for who has lost their phone. allauth keeps the secrets."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction

from apps.access.models import User
from apps.access.queries.holdings import is_all_powerful
from apps.access.services.checks import require
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.locks import lock

# A code is good for its half minute and the one on either side.
CODE_KEPT = timedelta(minutes=2)


@transaction.atomic
def spend_code(authenticator_id: int, code: str, *, at: datetime) -> bool:
    """Say whether the code was not used before, and remember that it is now.

    allauth remembers it in the cache of one process, which other processes do not see.
    """
    row = Authenticator.objects.select_for_update().get(pk=authenticator_id)
    digest = hashlib.sha256(code.encode()).hexdigest()
    spent: dict[str, float] = row.data.get("spent", {})
    if spent.get(digest, 0) > (at - CODE_KEPT).timestamp():
        return False
    recent = {each: since for each, since in spent.items() if since > (at - CODE_KEPT).timestamp()}
    row.data["spent"] = {**recent, digest: at.timestamp()}
    row.save(update_fields=["data"])
    return True


@recorded
def reset_second_factor(user_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Take all second factors of a user away; at the next sign-in they set one up anew."""
    require(is_all_powerful(actor), "Only a superuser resets a second factor.")
    user = lock(User.objects.all(), user_id)
    Authenticator.objects.filter(user=user).delete()
