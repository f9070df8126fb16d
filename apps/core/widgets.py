"""Maps in forms: draw and edit an area, choose a place, look at either. They work without a network.

The value travels as GeoJSON text, so that a form without scripts still shows and takes it. Fields parse it with
``core.geometry`` and nothing else: the browser's drawing is only a proposal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib.gis.geos import GEOSGeometry
from django.forms.widgets import Script
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from shapely.geometry import MultiPolygon, Point
from shapely.geometry.base import BaseGeometry

from apps.core.geometry import parse_multipolygon, parse_point, to_geojson
from apps.core.types import Invalid

T = TypeVar("T")
MODULE = "core/widgets/map-widget.mjs"
STYLES = ("vendor/maplibre-gl/maplibre-gl.css", "core/tokens.css", "core/widgets/map-widget.css")
DEFAULT_COLOUR = "#0d7f9e"


class MapWidget(forms.Textarea):
    """A map above a text field with the same geometry. ``colour`` is how the shape is drawn, ``#rrggbb``."""

    template_name = "core/map_widget.html"
    shape = "area"

    def __init__(self, attrs: dict[str, Any] | None = None, *, colour: str = DEFAULT_COLOUR) -> None:
        super().__init__(attrs)
        self.colour = colour

    @property
    def media(self) -> forms.Media:
        """Return the map's styles and its module."""
        return forms.Media(css={"all": STYLES}, js=[Script(MODULE, type="module")])  # type: ignore[list-item]  # stubs: str only

    def format_value(self, value: object) -> str | None:
        """Return a geometry as GeoJSON text; text that was typed and refused comes back as it was."""
        return _text_of(value)

    def get_context(self, name: str, value: object, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template needs: the shape's kind and colour beside the usual."""
        return super().get_context(name, value, attrs) | {"shape": self.shape, "colour": self.colour}


class ZoneMapWidget(MapWidget):
    """Draws and edits the polygons of an area."""

    shape = "area"


class PointMapWidget(MapWidget):
    """Chooses one place."""

    shape = "point"


class AreaField(forms.CharField):
    """GeoJSON text as a valid MultiPolygon; each fault becomes an error that names its place."""

    widget = ZoneMapWidget

    def clean(self, value: object) -> MultiPolygon | None:
        """Return the area, ``None`` for an empty field that may be."""
        text = super().clean(value)
        return _parsed(parse_multipolygon, text) if text else None

    def has_changed(self, initial: object, data: object) -> bool:
        """Say whether the text means something else than what was there."""
        return _differs(initial, data)


class PlaceField(forms.CharField):
    """GeoJSON text as a point."""

    widget = PointMapWidget

    def clean(self, value: object) -> Point | None:
        """Return the place, ``None`` for an empty field that may be."""
        text = super().clean(value)
        return _parsed(parse_point, text) if text else None

    def has_changed(self, initial: object, data: object) -> bool:
        """Say whether the text means something else than what was there."""
        return _differs(initial, data)


def map_preview(
    geometry: object, *, beside: object = None, colour: str = DEFAULT_COLOUR, label: str = "Map"
) -> SafeString:
    """Return a map that only shows a geometry (GeoJSON mapping, shapely or Django's), ready for a page.

    What it lies ``beside``, such as a zone that it crosses, is dashed.
    """
    context = {
        "geojson": _text_of(geometry),
        "beside": _text_of(beside),
        "colour": colour,
        "label": label,
        "styles": STYLES,
        "module": MODULE,
    }
    return render_to_string("core/map_preview.html", context)


def _text_of(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, BaseGeometry | GEOSGeometry):
        value = to_geojson(value)
    return json.dumps(value)


def _parsed(parse: Callable[[object], T], text: str) -> T:
    try:
        return parse(json.loads(text))
    except Invalid as error:
        messages = [f"{each.detail} ({each.pointer})" for each in error.errors] or [error.message]
        raise forms.ValidationError(messages, code=error.code) from None
    except (ValueError, RecursionError):
        raise forms.ValidationError("This is not GeoJSON.", code="unreadable") from None


def _differs(initial: object, data: object) -> bool:
    before, after = _text_of(initial), _text_of(data)
    if before is None or after is None:
        return before != after
    try:
        return bool(json.loads(before) != json.loads(after))
    except (ValueError, RecursionError):
        return True
