"""Sources: the ways by which positions reach us, registered by people."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from apps.access.queries import authorize_in
from apps.access.types import Actor
from apps.core.constraints import broken_constraints
from apps.core.types import Conflict, FieldError, Invalid, NotFound
from apps.tracking.models import Source

# The protocols that we speak are sources by themselves, from their first report on.
BUILT_IN: Final = {"api": "API", "osmand": "OsmAnd", "owntracks": "OwnTracks", "ais": "AIS"}


def open_source(slug: str) -> int:
    """Return the id of a source; a built-in one gets its row. Raises ``Invalid`` for one that nobody registered."""
    if slug in BUILT_IN:
        Source.objects.bulk_create([Source(slug=slug, name=BUILT_IN[slug])], ignore_conflicts=True)
    source_id = Source.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if source_id is None:
        error = FieldError(pointer="?source", code="unknown_source", detail="Nobody registered it.")
        raise Invalid("There is no source of this name.", code="unknown_source", errors=[error])
    return source_id


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
