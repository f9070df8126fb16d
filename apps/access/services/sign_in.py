"""Signing in with a password: counted before it is judged, so that a thousand tries at once are a thousand tries."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from apps.access.models import SignInFailure
from apps.access.queries.people import FAILURE_WINDOW
from apps.access.rules import sign_in_subjects

COUNT_ATTEMPT = """
INSERT INTO access_signinfailure (id, subject, failures, since) VALUES (gen_random_uuid(), %(subject)s, 1, %(at)s)
ON CONFLICT (subject) DO UPDATE SET
    failures = CASE WHEN access_signinfailure.since <= %(begin)s THEN 1 ELSE access_signinfailure.failures + 1 END,
    since = CASE WHEN access_signinfailure.since <= %(begin)s THEN %(at)s ELSE access_signinfailure.since END
RETURNING failures
"""


@transaction.atomic
def begin_sign_in(username: str, address: str, *, at: datetime) -> bool:
    """Count one attempt and say whether it may be judged; within a window each subject has a number of them.

    What is refused to an address does not count against the name: nobody locks others out from one place.
    """
    with connection.cursor() as cursor:
        # In a fixed order, so that two attempts never wait for each other in a ring; the name comes last.
        for subject, most in sorted(sign_in_subjects(username, address).items()):
            cursor.execute(COUNT_ATTEMPT, {"subject": subject, "at": at, "begin": at - FAILURE_WINDOW})
            (failures,) = cursor.fetchone()
            if failures > most:
                return False
    return True


@transaction.atomic
def note_sign_in(username: str, address: str) -> None:
    """Take a success back out of the count, and forget what this name did wrong from this address before.

    What others did wrong, from this address or under this name, stays.
    """
    subjects = SignInFailure.objects.filter(subject__in=list(sign_in_subjects(username, address)))
    subjects.filter(subject__startswith="both:").delete()
    subjects.filter(failures__gt=0).update(failures=F("failures") - 1)


@transaction.atomic
def forget_sign_in_failures(at: datetime) -> int:
    """Delete failures that no longer count; returns how many."""
    deleted, _ = SignInFailure.objects.filter(since__lt=at - FAILURE_WINDOW - timedelta(hours=1)).delete()
    return deleted
