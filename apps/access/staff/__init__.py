"""What every page of the admin is made of: each shows, and lets do, what ``access`` allows."""

from __future__ import annotations

from apps.access.staff.actors import actor_of_staff, do_to_each, in_short, narrow
from apps.access.staff.guarded import GuardedAdmin
from apps.access.staff.inlines import GrantInline, GuardedInline
from apps.access.staff.sign_in import SignInForm

__all__ = [
    "GrantInline",
    "GuardedAdmin",
    "GuardedInline",
    "SignInForm",
    "actor_of_staff",
    "do_to_each",
    "in_short",
    "narrow",
]
