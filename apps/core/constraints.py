"""The border between the database's constraints and our errors: a broken constraint becomes an error with a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from apps.core.types import Conflict, FieldError, WatchfloorError

FOREIGN_KEY = "fk"
FOREIGN_KEY_VIOLATION = "23503"


@contextmanager
def broken_constraints(errors: Mapping[str, Callable[[], WatchfloorError]]) -> Iterator[None]:
    """Raise the domain error that stands for the constraint which the block breaks.

    Runs the block in a savepoint, so that the caller's transaction stays usable. A constraint without an entry is
    a mistake of ours and leaves as the ``IntegrityError`` that it is. The entry ``fk`` stands for every foreign key;
    only where it is given are foreign keys, which are deferred, looked at before the commit.
    """
    try:
        with transaction.atomic():
            yield
            if FOREIGN_KEY in errors:
                connection.check_constraints()
    except ProtectedError as error:
        _raise_ours(errors.get(FOREIGN_KEY), error)
    except IntegrityError as error:
        _raise_ours(errors.get(constraint_of(error)), error)


def taken(pointer: str, message: str) -> Conflict:
    """Return the error for a name that somebody else has."""
    return Conflict(message, code="taken", errors=[FieldError(pointer=pointer, code="taken", detail=message)])


def _raise_ours(make_error: Callable[[], WatchfloorError] | None, error: Exception) -> NoReturn:
    if make_error is None:
        raise error
    ours = make_error()
    raise ours from error


def constraint_of(error: IntegrityError) -> str:
    """Return the name of the constraint that was broken, ``fk`` for a foreign key, or nothing."""
    diagnostics = getattr(error.__cause__, "diag", None)
    if diagnostics is None:
        return ""
    return FOREIGN_KEY if diagnostics.sqlstate == FOREIGN_KEY_VIOLATION else diagnostics.constraint_name or ""
