"""Who has been granted what on one object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Model

from apps.access.models import User
from apps.access.queries.doors import authorize, visible_row
from apps.access.registry import protected, protected_model
from apps.access.types import Actor, Protected, covers
from apps.core.types import Invalid, NotFound, TimeWindow

MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One action on one object for one user or one group, for a period."""

    id: str
    noun: str
    object_id: UUID
    action: str
    user_id: UUID | None
    group_id: int | None
    to: str
    begins_at: datetime | None
    ends_at: datetime | None

    def is_for(self, holder: User | Group) -> bool:
        """Say whether the grant is that user's or that group's."""
        return holder.pk == (self.user_id if isinstance(holder, User) else self.group_id)

    def covers(self, during: TimeWindow) -> bool:
        """Say whether the grant holds for all of a period."""
        return covers((TimeWindow(start=self.begins_at, end=self.ends_at),), during)


def grantable_object(noun: str, object_id: UUID, *, actor: Actor) -> Model:
    """Return an object that the actor may share; raises ``NotFound`` or ``NotAllowed``."""
    thing = _find(noun, object_id, actor)
    authorize(actor, f"{noun}.share", thing)
    return thing


def grants_of(thing: Model) -> list[Grant]:
    """Return the grants on an object, those of users first, at most a thousand of each kind."""
    entry = protected_model(type(thing))
    return [grant for table, who in _tables(entry) for grant in _read(entry, table, who, thing)]


def find_grant(grant_id: str, *, actor: Actor) -> tuple[Model, str, User | Group, int]:
    """Return what a grant is on, for which action, to whom, and its key.

    Raises ``NotFound`` unless the actor may share the object.
    """
    noun, _, rest = grant_id.partition(".")
    kind, _, number = rest.partition(".")
    tables = {who: table for table, who in _tables(_entry(noun))}
    if kind not in tables or not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise NotFound("There is no such grant.")
    row: Any = tables[kind]._default_manager.select_related("permission", kind).filter(pk=int(number)).first()
    if row is None:
        raise NotFound("There is no such grant.")
    thing = grantable_object(noun, row.content_object_id, actor=actor)
    return thing, _action(noun, row.permission.codename), getattr(row, kind), row.pk


def find_holder(user_id: UUID | None, group_id: int | None) -> User | Group:
    """Return the user or the group that is named; raises ``Invalid`` unless it is exactly one, ``NotFound``."""
    if (user_id is None) == (group_id is None):
        raise Invalid("Name a user or a group, not both.", code="user_or_group")
    found: User | Group | None = None
    if user_id is not None:
        found = User.objects.filter(pk=user_id).first()
    elif group_id is not None:
        found = Group.objects.filter(pk=group_id).first()
    if found is None:
        raise NotFound("There is no such user or group, or you may not see them.")
    return found


def _find(noun: str, object_id: UUID, actor: Actor) -> Model:
    return visible_row(_entry(noun).model._default_manager.all(), object_id, actor, f"{noun}.view")


def _entry(noun: str) -> Protected:
    try:
        entry = protected(noun)
    except LookupError as error:
        raise NotFound("There is no such noun.") from error
    if entry.grants is None:
        raise NotFound("Nothing of this noun is shared one by one.")
    return entry


def _tables(entry: Protected) -> list[tuple[type[Model], str]]:
    by_user, by_group = entry.grants or (None, None)
    return [(table, who) for table, who in ((by_user, "user"), (by_group, "group")) if table is not None]


def _read(entry: Protected, table: type[Model], who: str, thing: Model) -> list[Grant]:
    rows: Any = table._default_manager.filter(content_object=thing).select_related("permission", who).order_by("pk")
    return [
        Grant(
            id=f"{entry.noun}.{who}.{row.pk}",
            noun=entry.noun,
            object_id=thing.pk,
            action=_action(entry.noun, row.permission.codename),
            user_id=getattr(row, "user_id", None),
            group_id=getattr(row, "group_id", None),
            to=str(getattr(row, who)),
            begins_at=row.during.lower,
            ends_at=row.during.upper,
        )
        for row in rows[:MOST]
    ]


def _action(noun: str, permission: str) -> str:
    return f"{noun}.{permission.partition('_')[0]}"
