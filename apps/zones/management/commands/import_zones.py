"""``manage.py import_zones``: zones from a GeoJSON file, all of them or none."""

from __future__ import annotations

import gzip
import sys
import zlib
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from apps.access.queries import find_organisation_by_slug
from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import WatchfloorError
from apps.zones.queries import find_zone_kind
from apps.zones.services import import_zones
from apps.zones.types import ImportReport, ImportRow


class Command(BaseCommand):
    """Reads a GeoJSON FeatureCollection (``.gz`` too, ``-`` is standard input) and makes a zone of every feature.

    When one feature is faulty nothing is written, every fault is told, and the exit status is 1.
    """

    help = "Make zones of the features of a GeoJSON file: all of them, or none and a report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="a GeoJSON FeatureCollection, perhaps gzipped; - is standard input")
        parser.add_argument("--organisation", required=True, metavar="SLUG", help="who shall own the zones")
        parser.add_argument("--kind", metavar="SLUG", help="the kind of the zones that name none")
        parser.add_argument("--kind-property", default="kind", metavar="NAME", help="where a feature names its kind")
        parser.add_argument(
            "--key", metavar="NAME", help="what the source calls a feature; by it a file can be imported again"
        )
        parser.add_argument("--dry-run", action="store_true", help="judge, and write nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, and print the report."""
        collection = _read(options["file"])
        try:
            report = import_zones(
                collection,
                organisation=find_organisation_by_slug(options["organisation"]),
                kind=_kind(options["kind"]),
                kind_property=options["kind_property"],
                key_property=options["key"],
                is_dry_run=options["dry_run"],
                actor=SYSTEM,
                at=now(),
            )
        except WatchfloorError as error:
            raise CommandError("\n".join([error.message, *(each.detail for each in error.errors)])) from error
        self._print(report)

    def _print(self, report: ImportReport) -> None:
        for row in report.faulty:
            for line in _lines(row):
                self.stderr.write(line)
        if report.faulty:
            raise CommandError(
                f"Nothing was imported: {len(report.faulty)} of {len(report.rows)} features are not right."
            )
        self.stdout.write(self.style.SUCCESS(report.summary))


def _read(name: str) -> object:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return orjson.loads(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError(f"{name} cannot be read: {error}") from error
    except orjson.JSONDecodeError as error:
        raise CommandError(f"{name} is not JSON: {error}") from error


def _kind(slug: str | None) -> Any:
    if slug is None:
        return None
    kind = find_zone_kind(slug)
    if kind is None:
        raise CommandError(f"There is no kind of zone called {slug}.")
    return kind


def _lines(row: ImportRow) -> Iterator[str]:
    for error in row.errors:
        yield f"feature {row.index} {row.name!r} {error.pointer or '/'}: {error.detail}"
