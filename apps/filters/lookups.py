"""Values that are shown otherwise than they are stored, as SQL finds them; for the queryables of every app."""

from __future__ import annotations

from django.db.models import FloatField, Func, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Extract, NullIf


def seconds(column: str) -> Combinable:
    """Return a duration as a number of seconds."""
    return Cast(Extract(column, "epoch"), FloatField())


def or_null(column: str) -> Func:
    """Return a text whose emptiness is shown as null."""
    return NullIf(column, Value(""))
