"""What a GeoJSON feature means as a zone.

Property names are those of the REST body, and the usual ones of published airspace beside them: ``lower_ref``
and ``upper_ref`` for the datums, ``STD`` for pressure altitude, a lower bound of ``SFC`` for none at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from apps.core.geometry import parse_multipolygon
from apps.core.text import text_error
from apps.core.types import Datum, FieldError, Invalid, TimeWindow
from apps.zones.rules.checks import zone_errors
from apps.zones.types import AltitudeBand, FeatureRead, ZoneDraft

T = TypeVar("T")

MOST_FEATURES = 10_000
SURFACE = "SFC"
DATUMS: Mapping[str, Datum] = {**{each.value: each for each in Datum}, "STD": Datum.BARO, "MSL": Datum.AMSL}


def features_of(collection: object) -> Sequence[object]:
    """Return the features of a FeatureCollection; raises ``Invalid`` when it is none, is empty or is too long."""
    features = collection.get("features") if isinstance(collection, Mapping) else None
    if not isinstance(collection, Mapping) or collection.get("type") != "FeatureCollection":
        raise _not_a_collection("", "wrong_type", "Expected a GeoJSON FeatureCollection.")
    if not isinstance(features, list) or not features:
        raise _not_a_collection("/features", "required", "A list of features is missing or empty.")
    if len(features) > MOST_FEATURES:
        detail = f"It has {len(features)} features; {MOST_FEATURES} are taken at once."
        raise _not_a_collection("/features", "too_many", detail)
    return features


def read_feature(feature: object, *, kind_property: str = "kind", key_property: str | None = None) -> FeatureRead:
    """Return one feature as a draft with the slug of its kind, or with everything that is wrong with it.

    Pointers lead from the feature: ``/properties/name``, ``/geometry/coordinates/0/3``.
    """
    if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
        error = FieldError(pointer="", code="wrong_type", detail="Expected a GeoJSON Feature.")
        return FeatureRead(name="", errors=(error,))
    properties = feature.get("properties")
    reader = _Reader(properties if isinstance(properties, Mapping) else {})
    draft = reader.draft(feature.get("geometry"))
    kind, key = reader.text(kind_property), reader.key(key_property) if key_property else ""
    if draft is not None and not reader.errors:
        reader.errors += [_below_properties(error) for error in zone_errors(draft)]
    name = reader.name()
    if reader.errors or draft is None:
        return FeatureRead(name=name, kind=kind, key=key, errors=tuple(reader.errors))
    return FeatureRead(name=name, kind=kind, key=key, draft=draft)


class _Reader:
    """Reads one feature's properties and gathers what is wrong, so that the whole row is told at once."""

    def __init__(self, properties: Mapping[str, object]) -> None:
        self._properties = properties
        self.errors: list[FieldError] = []

    def name(self) -> str:
        name = self._properties.get("name")
        return name.strip()[:200] if isinstance(name, str) else ""

    def draft(self, geometry: object) -> ZoneDraft | None:
        """Return the feature as a draft, or ``None`` when no polygon can be made of it."""
        name, description = self.text("name"), self.text("description") or self.text("note")
        band, validity, dwell_after = self._band(), self._validity(), self._dwell_after()
        try:
            area = parse_multipolygon(geometry)
        except Invalid as error:
            self.errors += error.errors
            return None
        return ZoneDraft(
            name=name.strip(),
            description=description.strip(),
            area=area,
            band=band,
            validity=validity,
            dwell_after=dwell_after,
        )

    def text(self, key: str) -> str:
        value = self._properties.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self._add(key, "not_a_text", "Expected a text.")
        return ""

    def key(self, name: str) -> str:
        """Return what the source calls the feature: a text or a whole number, and never nothing."""
        value = self._properties.get(name)
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else self.text(name)
        for error in text_error(text, f"/{name}", max_length=200):
            self.errors.append(_below_properties(error))
        return text.strip()

    def _band(self) -> AltitudeBand:
        lower_datum, lower_m = self.text("lower_datum") or self.text("lower_ref"), self._number("lower_m")
        if lower_datum == SURFACE:
            lower_datum, lower_m = "", None
        return AltitudeBand(
            lower_m=lower_m,
            lower_datum=self._datum("lower_datum", lower_datum),
            upper_m=self._number("upper_m"),
            upper_datum=self._datum("upper_datum", self.text("upper_datum") or self.text("upper_ref")),
        )

    def _datum(self, key: str, text: str) -> Datum | None:
        if text and text not in DATUMS:
            self._add(key, "unknown_datum", f"{text[:40]!r} is none of {', '.join(DATUMS)}.")
        return DATUMS.get(text)

    def _validity(self) -> TimeWindow:
        return TimeWindow(start=self._instant("valid_from"), end=self._instant("valid_to"))

    def _dwell_after(self) -> timedelta | None:
        seconds = self._number("dwell_after_s")
        return None if seconds is None else self._read("dwell_after_s", lambda: timedelta(seconds=seconds))

    def _instant(self, key: str) -> datetime | None:
        text = self.text(key)
        return self._read(key, lambda: _parse_instant(text)) if text else None

    def _number(self, key: str) -> float | None:
        value = self._properties.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return None if value is None else self._read(key, lambda: float(value))
        self._add(key, "not_a_number", "Expected a number.")
        return None

    def _read(self, key: str, parse: Callable[[], T]) -> T | None:
        try:
            return parse()
        except (ValueError, OverflowError):
            self._add(key, "unreadable", f"{str(self._properties.get(key))[:60]!r} cannot be read as {key}.")
            return None

    def _add(self, key: str, code: str, detail: str) -> None:
        self.errors.append(_below_properties(FieldError(pointer=f"/{key}", code=code, detail=detail)))


def _parse_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.utcoffset() is None:
        raise ValueError("an instant without an offset from UTC is not an instant")
    return instant.astimezone(UTC)


def _below_properties(error: FieldError) -> FieldError:
    return FieldError(pointer=f"/properties{error.pointer}", code=error.code, detail=error.detail)


def _not_a_collection(pointer: str, code: str, detail: str) -> Invalid:
    return Invalid("The file holds no zones.", errors=[FieldError(pointer=pointer, code=code, detail=detail)])
