"""A policy as a draft: checked as if it were saved, and put back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.access.models import Policy
from apps.access.queries.dry_run import Draft
from apps.access.queries.many import Standard, find_standard
from apps.access.services.policies import PolicyChanges, change_policy, create_policy
from apps.access.types import Actor


def draft_policy(
    changes: PolicyChanges, *, policy_id: UUID | None, organisation_id: UUID | None, actor: Actor, at: datetime
) -> Draft:
    """Return a new policy, or one with changes, as it is and as it would be.

    It takes the rights, and meets the checks, of saving it. Nothing of it stays, and its locks are held no longer than
    this takes. A period that is yet to begin is taken as begun: the draft says what it does once it is in force.
    """
    with transaction.atomic():
        before = None if policy_id is None else find_standard(policy_id, at)
        put_back = transaction.savepoint()
        try:
            after = _saved(changes, policy_id, organisation_id, actor, at)
        finally:
            transaction.savepoint_rollback(put_back)
    return Draft(before=before, after=after)


def _saved(
    changes: PolicyChanges, policy_id: UUID | None, organisation_id: UUID | None, actor: Actor, at: datetime
) -> Standard | None:
    row: Policy
    if policy_id is None:
        row = create_policy(changes, organisation_id=organisation_id, actor=actor, at=at)
    else:
        row = change_policy(policy_id, changes, actor=actor, at=at)
    return find_standard(row.pk, at)
