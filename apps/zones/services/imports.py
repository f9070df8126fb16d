"""Import of a whole GeoJSON file: every feature becomes a zone, or none does and each fault is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from apps.access.models import Organisation
from apps.access.queries import authorize_in
from apps.access.types import Actor
from apps.core.types import FieldError, ZoneId
from apps.zones.models import ZoneKind
from apps.zones.rules.features import features_of, read_feature
from apps.zones.services.zones import create_zones
from apps.zones.types import FeatureRead, ImportReport, ImportRow


@transaction.atomic
def import_zones(
    collection: object,
    *,
    organisation: Organisation,
    kind: ZoneKind | None = None,
    kind_property: str = "kind",
    is_dry_run: bool = False,
    actor: Actor,
    at: datetime,
) -> ImportReport:
    """Make a zone of every feature of a GeoJSON FeatureCollection, and return what became of each.

    A feature names its kind by slug in ``kind_property``; ``kind`` is for those that name none. When one row is
    faulty nothing is written: the report then says what is wrong with which. A dry run judges and writes nothing.
    Raises ``Invalid`` when it is no FeatureCollection at all, ``NotAllowed``.
    """
    authorize_in(actor, "zones.add", organisation.pk)
    reads = [read_feature(feature, kind_property=kind_property) for feature in features_of(collection)]
    kinds = _kinds_of(reads)
    judged = [_with_kind(read, kinds, kind, kind_property) for read in reads]
    rows = tuple(ImportRow(index=index, name=read.name, errors=read.errors) for index, read in enumerate(judged))
    report = ImportReport(rows=rows, is_dry_run=is_dry_run)
    if report.faulty or is_dry_run:
        return report
    drafts = [(read.draft, kinds.get(read.kind, kind)) for read in judged]
    ready = [(draft, of_kind) for draft, of_kind in drafts if draft is not None and of_kind is not None]
    zones = create_zones(ready, organisation=organisation, actor=actor, at=at)
    made = (replace(row, zone_id=ZoneId(zone.pk)) for row, zone in zip(rows, zones, strict=True))
    return replace(report, rows=tuple(made))


def _kinds_of(reads: Iterable[FeatureRead]) -> dict[str, ZoneKind]:
    slugs = {read.kind for read in reads if read.kind}
    return {each.slug: each for each in ZoneKind.objects.filter(slug__in=slugs)}


def _with_kind(
    read: FeatureRead, kinds: dict[str, ZoneKind], default: ZoneKind | None, kind_property: str
) -> FeatureRead:
    """Return the read with an error more when it is of no kind that we know."""
    if read.kind in kinds or (not read.kind and default is not None):
        return read
    detail = f"There is no kind of zone called {read.kind[:64]!r}." if read.kind else "Say of which kind the zone is."
    error = FieldError(pointer=f"/properties/{kind_property}", code="unknown_kind", detail=detail)
    return replace(read, draft=None, errors=(*read.errors, error))
