"""The tree of organisations, for whoever asks what lies above."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from apps.access.models import Organisation
from apps.core.types import NotFound


def lineages_of(organisation_ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Return, for each organisation, itself and all that lie above it; one statement."""
    rows = Organisation.objects.filter(pk__in=list(organisation_ids)).values_list("pk", "lineage")
    return {pk: frozenset(lineage) for pk, lineage in rows}


def find_organisation(organisation_id: UUID) -> Organisation:
    """Return the organisation; raises ``NotFound``. Whether somebody may act in it is for ``authorize_in`` to say."""
    organisation = Organisation.objects.filter(pk=organisation_id).first()
    if organisation is None:
        raise NotFound("There is no such organisation, or you may not see it.")
    return organisation


def find_organisation_by_slug(slug: str) -> Organisation:
    """Return the organisation of that slug, as an operator names it; raises ``NotFound``."""
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None:
        raise NotFound(f"There is no organisation called {slug}.")
    return organisation
