"""Imports: all of a file or nothing, and every fault told with its row."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.core.types import Invalid, NotAllowed
from apps.events.models import Event
from apps.zones.models import Zone, ZoneVersion
from apps.zones.services import import_zones
from apps.zones.types import Change
from tests.factories.access import assign, make_cast, make_organisation, make_user
from tests.factories.core import NOON
from tests.factories.zones import make_zone, make_zone_kind
from tests.zones.rules.test_features import BOW_TIE, feature

pytestmark = pytest.mark.django_db

US_ZONES = Path("apps/console/demo/data/us_cfr_zones.geojson")


def collection(*features: object) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": list(features)}


def counts() -> tuple[int, int, int]:
    return Zone.objects.count(), ZoneVersion.objects.count(), Event.objects.filter(noun="zones").count()


def test_every_feature_becomes_a_zone_with_a_version_and_an_event() -> None:
    organisation = make_organisation()
    anchorage, depot = make_zone_kind("anchorage"), make_zone_kind("depot")
    features = [feature(name="A", kind="anchorage"), feature(name="B"), feature(name="C", kind="depot")]
    report = import_zones(collection(*features), organisation=organisation, kind=depot, actor=SYSTEM, at=NOON)
    assert [(row.index, row.name, row.errors) for row in report.rows] == [(0, "A", ()), (1, "B", ()), (2, "C", ())]
    assert (report.imported, report.faulty, counts()) == (3, (), (3, 3, 3))
    stored = {zone.pk: (zone.name, zone.kind_id, zone.organisation_id) for zone in Zone.objects.all()}
    kinds = [anchorage.pk, depot.pk, depot.pk]
    assert stored == {
        row.zone_id: (row.name, kind, organisation.pk) for row, kind in zip(report.rows, kinds, strict=True)
    }


def test_with_a_key_a_second_import_updates_what_differs_and_leaves_the_rest() -> None:
    organisation, kind = make_organisation(), make_zone_kind()
    make_zone("B", organisation=organisation)  # of the same name, and nobody's B
    given: Any = {"organisation": organisation, "kind": kind, "key_property": "no", "actor": SYSTEM, "at": NOON}
    features = [feature(name="A", no=1), feature(name="B", no="b"), feature(name="C", no="c")]
    first = import_zones(collection(*features), **given)
    ids = [row.zone_id for row in first.rows]
    assert [row.change for row in first.rows] == [Change.CREATED] * 3
    Zone.objects.filter(external_id="c").update(is_active=False)

    changed = collection(features[2], feature(name="B renamed", no="b"), feature(name="D", no="d"))
    dry = import_zones(changed, is_dry_run=True, **given)
    second = import_zones(changed, **given)
    told = [(row.name, row.change) for row in second.rows]
    assert told == [("C", None), ("B renamed", Change.UPDATED), ("D", Change.CREATED)]
    assert [(row.name, row.change, row.zone_id) for row in dry.rows] == [(*each, None) for each in told]
    assert dry.summary == "1 zones would be imported. 1 would be updated, 1 as they were."
    assert (second.summary, second.imported) == ("1 zones imported. 1 updated, 1 as they were.", 1)
    assert [row.zone_id for row in second.rows[:2]] == [ids[2], ids[1]]
    stored = Zone.objects.exclude(external_id="").order_by("external_id")
    assert [(zone.external_id, zone.name, zone.version, zone.is_active) for zone in stored] == [
        ("1", "A", 1, True),
        ("b", "B renamed", 2, True),
        ("c", "C", 1, False),
        ("d", "D", 1, True),
    ]


def test_a_key_is_of_one_organisation() -> None:
    kind = make_zone_kind()
    for organisation in (make_organisation(), make_organisation()):
        report = import_zones(
            collection(feature(name="A", no=1)),
            organisation=organisation,
            kind=kind,
            key_property="no",
            actor=SYSTEM,
            at=NOON,
        )
        assert report.imported == 1


def test_features_without_a_key_or_with_the_same_one_are_told() -> None:
    features = [feature(name="A", no=1), feature(name="B"), feature(name="C", no="1"), feature(name="D", no=[])]
    report = import_zones(
        collection(*features),
        organisation=make_organisation(),
        kind=make_zone_kind(),
        key_property="no",
        actor=SYSTEM,
        at=NOON,
    )
    told = [(row.index, error.pointer, error.code) for row in report.faulty for error in row.errors]
    assert [each for each in told if each[2] != "not_a_text"] == [
        (1, "/properties/no", "bad_text"),
        (2, "/properties/no", "double"),
        (3, "/properties/no", "bad_text"),
    ]
    assert counts() == (0, 0, 0)


def test_who_may_add_and_not_change_updates_nothing() -> None:
    cast, kind = make_cast(), make_zone_kind()
    given: Any = {"organisation": cast.harbour, "kind": kind, "key_property": "no", "at": NOON}
    import_zones(collection(feature(name="A", no=1)), actor=SYSTEM, **given)
    adder = make_user()
    assign(adder, ["zones.view", "zones.add", "organisations.view"], cast.harbour)
    again = import_zones(collection(feature(name="A", no=1)), actor=actor_of_user(adder), **given)
    assert [row.change for row in again.rows] == [None]
    with pytest.raises(NotAllowed):
        import_zones(collection(feature(name="Other", no=1)), actor=actor_of_user(adder), **given)


def test_a_long_file_takes_as_many_statements_as_a_short_one() -> None:
    organisation, kind = make_organisation(), make_zone_kind()

    def statements(count: int) -> int:
        features = [feature(name=str(number)) for number in range(count)]
        with CaptureQueriesContext(connection) as captured:
            import_zones(collection(*features), organisation=organisation, kind=kind, actor=SYSTEM, at=NOON)
        return len(captured)

    statements(1)
    assert statements(30) == statements(3)


def test_one_faulty_feature_keeps_all_out_and_each_fault_is_told() -> None:
    kind = make_zone_kind("anchorage")
    features = [feature(name="Good"), feature(BOW_TIE, name="Bad", lower_m="x"), feature(name="Odd", kind="nothing")]
    report = import_zones(collection(*features), organisation=make_organisation(), kind=kind, actor=SYSTEM, at=NOON)
    assert [(row.index, row.name, [(error.pointer, error.code) for error in row.errors]) for row in report.faulty] == [
        (1, "Bad", [("/properties/lower_m", "not_a_number"), ("/geometry/coordinates", "self_crossing")]),
        (2, "Odd", [("/properties/kind", "unknown_kind")]),
    ]
    assert (report.imported, counts()) == (0, (0, 0, 0))


def test_a_dry_run_judges_and_writes_nothing() -> None:
    kind = make_zone_kind()
    report = import_zones(
        collection(feature()), organisation=make_organisation(), kind=kind, is_dry_run=True, actor=SYSTEM, at=NOON
    )
    assert (report.is_dry_run, report.faulty, report.imported, counts()) == (True, (), 0, (0, 0, 0))


def test_a_feature_of_no_kind_is_refused() -> None:
    report = import_zones(collection(feature()), organisation=make_organisation(), actor=SYSTEM, at=NOON)
    assert [error.detail for error in report.rows[0].errors] == ["Say of which kind the zone is."]


def test_whoever_may_not_add_zones_may_not_import_them() -> None:
    cast = make_cast()
    with pytest.raises(NotAllowed):
        import_zones(
            collection(feature()),
            organisation=cast.harbour,
            kind=make_zone_kind(),
            actor=cast.actor("bob"),
            at=NOON,
        )
    assert counts() == (0, 0, 0)


def test_what_is_no_collection_is_refused_before_anything_is_read() -> None:
    with pytest.raises(Invalid):
        import_zones([], organisation=make_organisation(), actor=SYSTEM, at=NOON)


def run(path: Path | str, **options: object) -> str:
    """Run the command; return what it says."""
    output = io.StringIO()
    call_command("import_zones", str(path), stdout=output, stderr=output, no_color=True, **options)
    return output.getvalue()


@pytest.mark.parametrize("is_packed", [False, True])
def test_the_command_imports_a_file(tmp_path: Path, is_packed: bool) -> None:
    organisation, kind = make_organisation(), make_zone_kind("anchorage")
    content = json.dumps(collection(feature(), feature(name="Pier"))).encode()
    path = tmp_path / "zones.geojson"
    path.write_bytes(gzip.compress(content) if is_packed else content)
    assert run(path, organisation=organisation.slug, kind=kind.slug, dry_run=True) == "2 zones would be imported.\n"
    assert counts() == (0, 0, 0)
    assert run(path, organisation=organisation.slug, kind=kind.slug) == "2 zones imported.\n"
    assert counts() == (2, 2, 2)


def test_the_command_tells_every_fault_and_fails(tmp_path: Path) -> None:
    organisation, kind = make_organisation(), make_zone_kind("anchorage")
    path = tmp_path / "zones.geojson"
    path.write_text(json.dumps(collection(feature(), feature(BOW_TIE, name="Bad"))))
    output = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(
            "import_zones", str(path), organisation=organisation.slug, kind=kind.slug, stderr=output, no_color=True
        )
    assert str(failed.value) == "Nothing was imported: 1 of 2 features are not right."
    assert output.getvalue() == "feature 1 'Bad' /geometry/coordinates: Self-intersection at 0.5 0.5 (lon lat).\n"
    assert counts() == (0, 0, 0)


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"type": "FeatureCollection", "features": [NaN]}', b"\x1f\x8b", b"[]"]
)
def test_the_command_refuses_what_is_no_geojson(tmp_path: Path, content: bytes) -> None:
    organisation = make_organisation()
    path = tmp_path / "zones.geojson"
    path.write_bytes(content)
    with pytest.raises(CommandError):
        run(path, organisation=organisation.slug)
    with pytest.raises(CommandError):
        run(tmp_path / "missing", organisation=organisation.slug)


def test_the_zones_of_the_demo_are_imported_as_they_are_published() -> None:
    if not US_ZONES.is_file():
        pytest.skip(f"{US_ZONES} is not here")
    for slug in ("anchorage", "danger_zone", "regulated_navigation_area", "safety_zone", "security_zone"):
        make_zone_kind(slug)
    report = import_zones(
        json.loads(US_ZONES.read_text()),
        organisation=make_organisation(),
        kind_property="zone_type",
        actor=SYSTEM,
        at=NOON,
    )
    assert (report.imported, [row.errors for row in report.faulty]) == (14, [])
