"""The tree of organisations, for whoever asks what lies above."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from apps.access.models import Organisation


def lineages_of(organisation_ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Return, for each organisation, itself and all that lie above it; one statement."""
    rows = Organisation.objects.filter(pk__in=list(organisation_ids)).values_list("pk", "lineage")
    return {pk: frozenset(lineage) for pk, lineage in rows}
