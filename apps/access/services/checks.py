"""What the services of access check in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Model, ProtectedError, QuerySet

from apps.access.queries import authorize
from apps.access.registry import all_actions
from apps.access.types import Actor
from apps.core.locks import lock
from apps.core.models import Row
from apps.core.types import Conflict, FieldError, Invalid, NotAllowed, TimeWindow

R = TypeVar("R", bound=Row)


def lock_for(rows: QuerySet[R], pk: UUID, *, actor: Actor, action: str) -> R:
    """Return the row, locked, when the actor may do the action to it."""
    row = lock(rows, pk)
    authorize(actor, action, row)
    return row


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Raise ``NotAllowed`` with the message unless the condition holds."""
    if not condition:
        raise NotAllowed(message)


def as_range(during: TimeWindow) -> DateTimeTZRange:
    """Return a period as it is stored; raises ``Invalid`` for one that ends before it begins."""
    if during.start is not None and during.end is not None and during.end <= during.start:
        raise Invalid("The period ends before it begins.", code="empty_period")
    return DateTimeTZRange(during.start, during.end)


def apply(row: Model, changes: Mapping[str, object], fields: Iterable[str]) -> None:
    """Set the changed fields on the row; a name that is not among ``fields`` is a mistake of the caller's code."""
    allowed = frozenset(fields)
    for name, value in changes.items():
        if name not in allowed:
            raise LookupError(f"{name} is not a field that can be changed.")
        setattr(row, name, value)


def clean(row: Model, *, exclude: Iterable[str] = ()) -> None:
    """Run the model's own checks of fields; raises ``Invalid`` with a pointer to each fault.

    Uniqueness is left to the database, which alone can judge it.
    """
    try:
        row.clean_fields(exclude=set(exclude))
    except ValidationError as error:
        raise Invalid("Some fields are not right.", errors=_field_errors(error)) from error


def require_known_actions(actions: Iterable[str], pointer: str) -> None:
    """Raise ``Invalid`` for actions that nobody registered."""
    unknown = sorted(set(actions) - all_actions())
    if unknown:
        errors = [
            FieldError(pointer=pointer, code="unknown_action", detail=f"There is no {name[:64]}.") for name in unknown
        ]
        raise Invalid("Some actions do not exist.", errors=errors)


@contextmanager
def in_use_is_a_conflict(message: str) -> Iterator[None]:
    """Turn Django's refusal to delete what others point at into a ``Conflict``."""
    try:
        yield
    except ProtectedError as error:
        raise Conflict(message, code="in_use") from error


def _field_errors(error: ValidationError) -> list[FieldError]:
    return [
        FieldError(pointer=f"/{name}", code=str(each.code or "invalid"), detail=" ".join(each.messages))
        for name, found in error.error_dict.items()
        for each in found
    ]
