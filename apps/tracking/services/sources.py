"""Sources: the ways by which positions reach us, registered by people."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.access.queries import authorize_in
from apps.access.types import Actor
from apps.core.constraints import broken_constraints
from apps.core.types import Conflict, FieldError, Invalid, NotFound
from apps.tracking.models import Source


@transaction.atomic
def add_source(*, slug: str, name: str, actor: Actor, at: datetime) -> Source:
    """Return the new source; raises ``Conflict`` when the slug is taken, ``Invalid`` when it is none."""
    authorize_in(actor, "sources.add", None)
    source = Source(slug=slug.strip(), name=name.strip())
    _save(source)
    return source


@transaction.atomic
def rename_source(source_id: int, *, name: str, actor: Actor, at: datetime) -> Source:
    """Return the source under its new name. Its slug is part of what its fixes are, and stays."""
    authorize_in(actor, "sources.change", None)
    source = Source.objects.select_for_update().filter(pk=source_id).first()
    if source is None:
        raise NotFound("There is no such source.")
    source.name = name.strip()
    _save(source)
    return source


def _save(source: Source) -> None:
    def invalid(pointer: str, detail: str) -> Invalid:
        return Invalid(detail, errors=[FieldError(pointer=pointer, code="invalid", detail=detail)])

    with broken_constraints(
        {
            "tracking_source_slug_key": lambda: Conflict("There is a source of this name already.", code="taken"),
            "source_slug_is_slug": lambda: invalid("/slug", "A slug has lower-case letters, digits and single dashes."),
            "source_has_name": lambda: invalid("/name", "A source has a name."),
        }
    ):
        source.save()
