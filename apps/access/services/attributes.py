"""What is known of users: definitions are kept from the top of a tree, values by whoever may describe the user.

Policies ask for attributes, so a value is a right: nobody describes themselves, or somebody who holds more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.gis.geos import GEOSGeometry

from apps.access.models import AttributeDefinition, Policy, User, UserAttribute
from apps.access.queries import authorize, authorize_in
from apps.access.queries.holdings import is_all_powerful, outranks
from apps.access.services.checks import clean, in_use_is_a_conflict, lock_for, require
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.geometry import to_geos
from apps.core.text import json_errors
from apps.core.types import Conflict, FieldError, Invalid, NotFound
from apps.filters.rules.shapes import ShapeFault, read_shape

MOST_TEXTS: Final = 1_000
LONGEST_TEXT: Final = 1_000
BROKEN: Final = {
    "access_attributedefinition_name_key": lambda: taken("/name", "There is an attribute of this name."),
    "access_attribute_name_is_plain": lambda: _bad_name("Small letters, digits and underscores, a letter first."),
    "access_attribute_name_is_free": lambda: _bad_name("This name has a meaning already."),
}


@recorded
def define_attribute(*, name: str, type: str, description: str = "", actor: Actor, at: datetime) -> AttributeDefinition:  # noqa: A002 - what it is called everywhere
    """Return a new attribute that users may have; its name and type stay what they are."""
    authorize_in(actor, "user-attributes.add", None)
    row = AttributeDefinition(name=name, type=type, description=description, recorded_at=at, changed_at=at)
    clean(row)
    with broken_constraints(BROKEN):
        row.save(force_insert=True)
    return row


@recorded
def describe_attribute(
    definition_id: UUID, description: str, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> AttributeDefinition:
    """Return the attribute with another description."""
    row = lock_for(AttributeDefinition.objects.all(), definition_id, actor=actor, action="user-attributes.change")
    row.require_version(expected_version)
    row.description = description
    row.mark_changed(at)
    clean(row)
    row.save()
    return row


@recorded
def delete_attribute(definition_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete an attribute that no user has and no policy asks for."""
    row = lock_for(AttributeDefinition.objects.all(), definition_id, actor=actor, action="user-attributes.delete")
    row.require_version(expected_version)
    if Policy.objects.filter(condition__contains=f"${{user.{row.name}}}").exists():
        raise Conflict("A policy still asks for it.", code="in_use")
    with in_use_is_a_conflict("Somebody still has it."):
        row.delete()


@recorded
def set_attribute(user_id: UUID, name: str, value: object, *, actor: Actor, at: datetime) -> UserAttribute:
    """Return what is known of the user from now on; a geometry is GeoJSON, an instant RFC 3339 with its offset.

    Raises ``Invalid`` for a value that is not of the attribute's type.
    """
    user, definition = _user(user_id, actor), _definition(name)
    kept, area = stored_value(definition.type, value)
    row = UserAttribute.objects.select_for_update().filter(user=user, definition=definition).first()
    if row is None:
        row = UserAttribute(user=user, definition=definition, value=kept, area=area, recorded_at=at, changed_at=at)
        row.save(force_insert=True)
        return row
    row.value, row.area = kept, area
    row.mark_changed(at)
    row.save()
    return row


@recorded
def clear_attribute(user_id: UUID, name: str, *, actor: Actor, at: datetime) -> bool:
    """Forget an attribute of a user, which policies take for unknown; ``False`` if there was none."""
    user = _user(user_id, actor)
    deleted, _ = UserAttribute.objects.filter(user=user, definition=_definition(name)).delete()
    return deleted > 0


def stored_value(of: str, value: object) -> tuple[object, GEOSGeometry | None]:
    """Return a value as its row keeps it: the JSON value, or the geometry; raises ``Invalid``."""
    errors = list(json_errors(value, "/value"))
    if errors:
        raise Invalid("This value cannot be stored.", errors=errors)
    if of == "geometry":
        return None, _area(value)
    fault = _CHECKS[of](value)
    if fault:
        raise _bad_value(fault)
    return value, None


def _user(user_id: UUID, actor: Actor) -> User:
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such user, or you may not see them.")
    authorize(actor, "users.describe", user)
    require(is_all_powerful(actor) or actor.user_id != user.pk, "Nobody describes themselves.")
    require(outranks(actor, user), "This user holds more than you do.")
    return user


def _definition(name: str) -> AttributeDefinition:
    row = AttributeDefinition.objects.filter(name=name[:100]).first() if "\0" not in name else None
    if row is None:
        raise NotFound("There is no such attribute.")
    return row


def _area(value: object) -> GEOSGeometry:
    if not isinstance(value, Mapping):
        raise _bad_value("It is a GeoJSON geometry.")
    try:
        return to_geos(read_shape(value))
    except ShapeFault as fault:
        raise _bad_value(str(fault)) from fault


def _text_fault(value: object) -> str:
    return "" if isinstance(value, str) and len(value) <= LONGEST_TEXT else f"It is a text of {LONGEST_TEXT} at most."


def _number_fault(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return "" if is_number else "It is a number."


def _instant_fault(value: object) -> str:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    return "" if at is not None and at.utcoffset() is not None else "It is an instant, as in 2026-07-01T12:00:00Z."


def _texts_fault(value: object) -> str:
    is_list = isinstance(value, list) and len(value) <= MOST_TEXTS and not any(map(_text_fault, value))
    return "" if is_list else f"It is a list of texts, {MOST_TEXTS} at most."


_CHECKS: Final[Mapping[str, Callable[[Any], str]]] = {
    "text": _text_fault,
    "number": _number_fault,
    "boolean": lambda value: "" if isinstance(value, bool) else "It is true or false.",
    "instant": _instant_fault,
    "text-list": _texts_fault,
}


def _bad_value(detail: str) -> Invalid:
    return Invalid("The value is not right.", errors=[FieldError(pointer="/value", code="bad_value", detail=detail)])


def _bad_name(detail: str) -> Invalid:
    return Invalid("The name is not right.", errors=[FieldError(pointer="/name", code="bad_name", detail=detail)])
