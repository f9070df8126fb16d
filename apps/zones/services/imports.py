"""Import of a whole GeoJSON file: every feature becomes a zone, or none does and each fault is told.

With a key a file can be imported again: then a feature finds the zone that it became.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from apps.access.models import Organisation
from apps.access.queries import authorize_in
from apps.access.types import Actor
from apps.core.types import FieldError, ZoneId
from apps.zones.models import Zone, ZoneKind
from apps.zones.rules.features import features_of, read_feature
from apps.zones.services.zones import create_zones, is_as_drafted, update_zone
from apps.zones.types import Change, FeatureRead, ImportReport, ImportRow, ZoneChanges, ZoneDraft


@transaction.atomic
def import_zones(
    collection: object,
    *,
    organisation: Organisation,
    kind: ZoneKind | None = None,
    kind_property: str = "kind",
    key_property: str | None = None,
    is_dry_run: bool = False,
    actor: Actor,
    at: datetime,
) -> ImportReport:
    """Make a zone of every feature of a GeoJSON FeatureCollection, and return what became of each.

    A feature names its kind by slug in ``kind_property``; ``kind`` is for those that name none. When one row is
    faulty nothing is written: the report then says what is wrong with which. A dry run judges and writes nothing.
    With ``key_property``, which names what the source calls a feature, the organisation's zone of that name is found
    again: changed where the file says otherwise, left where it says the same. Zones that the file does not name stay.
    Raises ``Invalid`` when it is no FeatureCollection at all, ``NotAllowed``, ``Conflict`` when somebody else imports
    the same at the same time.
    """
    authorize_in(actor, "zones.add", organisation.pk)
    features = features_of(collection)
    reads = [read_feature(each, kind_property=kind_property, key_property=key_property) for each in features]
    kinds = _kinds_of(reads)
    judged = _once_each([_with_kind(read, kinds, kind, kind_property) for read in reads], key_property)
    plans = _plans(judged, kinds, kind, _known(judged, organisation))
    rows = tuple(
        ImportRow(index=index, name=read.name, errors=read.errors, change=plan.change if plan else Change.CREATED)
        for index, (read, plan) in enumerate(zip(judged, plans, strict=True))
    )
    report = ImportReport(rows=rows, is_dry_run=is_dry_run)
    if report.faulty or is_dry_run:
        return report
    ids = _write([plan for plan in plans if plan], organisation, actor, at)
    return replace(report, rows=tuple(replace(row, zone_id=each) for row, each in zip(rows, ids, strict=True)))


def _once_each(reads: Sequence[FeatureRead], key_property: str | None) -> list[FeatureRead]:
    """Return the reads, with an error on each that has the key of one before it."""
    seen: set[str] = set()
    judged = []
    for read in reads:
        if read.key and read.key in seen:
            detail = f"The file has {read.key[:64]!r} twice."
            error = FieldError(pointer=f"/properties/{key_property}", code="double", detail=detail)
            judged.append(replace(read, draft=None, errors=(*read.errors, error)))
        else:
            judged.append(read)
        seen.add(read.key)
    return judged


def _known(reads: Iterable[FeatureRead], organisation: Organisation) -> dict[str, Zone]:
    """Return the organisation's zones of these keys, locked in the order of their ids."""
    keys = [read.key for read in reads if read.key]
    rows = Zone.objects.select_for_update(of=("self",)).select_related("kind").order_by("id")
    return {zone.external_id: zone for zone in rows.filter(organisation=organisation, external_id__in=keys)}


def _plans(
    reads: Iterable[FeatureRead], kinds: Mapping[str, ZoneKind], default: ZoneKind | None, known: Mapping[str, Zone]
) -> list[_Plan | None]:
    """Return what is to be done about each read; nothing about one that is faulty."""
    plans: list[_Plan | None] = []
    for read in reads:
        kind, zone = kinds.get(read.kind, default), known.get(read.key) if read.key else None
        if read.draft is None or kind is None:
            plans.append(None)
        else:
            plans.append(_Plan(draft=read.draft, kind=kind, key=read.key, zone=zone))
    return plans


def _write(plans: Sequence[_Plan], organisation: Organisation, actor: Actor, at: datetime) -> list[ZoneId]:
    """Make what is new in a few statements, change what differs one by one; return the zone of each plan."""
    new = [plan for plan in plans if plan.zone is None]
    drafts, keys = [(plan.draft, plan.kind) for plan in new], [plan.key for plan in new]
    made = iter(create_zones(drafts, organisation=organisation, external_ids=keys, actor=actor, at=at) if new else ())
    ids = []
    for plan in plans:
        zone = plan.zone or next(made)
        if plan.change is Change.UPDATED:
            update_zone(zone.pk, actor=actor, at=at, **plan.changes())
        ids.append(ZoneId(zone.pk))
    return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a feature says, and the zone that it says it of, if there is one."""

    draft: ZoneDraft
    kind: ZoneKind
    key: str
    zone: Zone | None

    @property
    def change(self) -> Change | None:
        if self.zone is None:
            return Change.CREATED
        return None if is_as_drafted(self.zone, self.draft, self.kind) else Change.UPDATED

    def changes(self) -> ZoneChanges:
        draft = self.draft
        return {
            "kind": self.kind,
            "name": draft.name,
            "description": draft.description,
            "area": draft.area,
            "band": draft.band,
            "validity": draft.validity,
            "dwell_after": draft.dwell_after,
        }


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
