"""The tables of grants: guardian's, with a foreign key to the one noun that they are about, and a period.

An app makes two of them per noun that is shared one by one, each with its ``content_object``, and names them in its
``Protected``.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.access.models import always

TWICE = "This is granted for that time already."


def _constraints(subject: str) -> tuple[models.BaseConstraint, ...]:
    return (
        models.CheckConstraint(condition=Q(during__isempty=False), name="%(class)s_period_not_empty"),
        ExclusionConstraint(
            name="%(class)s_once",
            expressions=[
                (subject, RangeOperators.EQUAL),
                ("permission", RangeOperators.EQUAL),
                ("content_object", RangeOperators.EQUAL),
                ("during", RangeOperators.OVERLAPS),
            ],
            violation_error_message=TWICE,
        ),
    )


class Bounded(models.Model):
    """What holds for a period, half-open; without bounds unless it says otherwise."""

    during = DateTimeRangeField(default=always)

    class Meta:
        abstract = True

    @property
    def begins_at(self) -> datetime | None:
        """Return from when on it holds."""
        begins_at: datetime | None = self.during.lower
        return begins_at

    @property
    def ends_at(self) -> datetime | None:
        """Return until when it holds."""
        ends_at: datetime | None = self.during.upper
        return ends_at


class UserGrant(Bounded, UserObjectPermissionBase):
    """One action on one object for one person, for a period."""

    class Meta(UserObjectPermissionBase.Meta):
        abstract = True
        # Guardian's says once for ever; ours says once at a time.
        unique_together = []
        constraints = _constraints("user")
        indexes = (models.Index(fields=("user", "permission"), name="%(class)s_of"),)


class GroupGrant(Bounded, GroupObjectPermissionBase):
    """One action on one object for one group, for a period."""

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = True
        unique_together = []
        constraints = _constraints("group")
        indexes = (models.Index(fields=("group", "permission"), name="%(class)s_of"),)
