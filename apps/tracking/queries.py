"""Reads of tracking: where everything is, where one asset was, who is inside a zone. Never writes."""

from __future__ import annotations

from collections.abc import Iterable

from apps.core.types import OrganisationId, ZoneId
from apps.incidents.types import ZoneSnapshot
from apps.tracking.models import Source
from apps.zones.queries import zone_versions

_known_sources: dict[str, int] = {}


def source_ids(slugs: Iterable[str]) -> dict[str, int]:
    """Return the ids of registered sources by slug; those that nobody registered are absent.

    Kept by the process: a source's id and slug never change.
    """
    asked = set(slugs)
    missing = [slug for slug in asked if slug not in _known_sources and "\0" not in slug]
    if missing:
        _known_sources.update(Source.objects.filter(slug__in=missing).values_list("slug", "id"))
    return {slug: _known_sources[slug] for slug in asked if slug in _known_sources}


def last_known_zones(zone_ids: Iterable[ZoneId]) -> dict[ZoneId, ZoneSnapshot]:
    """Return zones that were deleted or switched off, as they last were."""
    found: dict[ZoneId, ZoneSnapshot] = {}
    for zone_id in zone_ids:
        last = zone_versions(zone_id).first()
        if last is not None:
            found[zone_id] = ZoneSnapshot(
                id=zone_id,
                name=last.name,
                kind_id=last.kind_id,
                organisation_id=OrganisationId(last.organisation_id),
                version=last.version,
            )
    return found
