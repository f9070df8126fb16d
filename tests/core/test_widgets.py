"""Maps in forms: what they show is text, what they take is judged, and no name becomes markup."""

from __future__ import annotations

import json

import pytest
from django import forms
from shapely.geometry import MultiPolygon, Point, box

from apps.core.widgets import AreaField, PlaceField, ZoneMapWidget, map_preview

SQUARE = {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]]}
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


class ZoneForm(forms.Form):
    area = AreaField()
    place = PlaceField(required=False)


def test_an_area_is_shown_as_geojson():
    shown = ZoneMapWidget(colour="#ff0000").render("area", MultiPolygon([box(0, 0, 1, 1)]))
    assert 'data-map-widget="area"' in shown
    assert 'data-colour="#ff0000"' in shown
    assert "&quot;MultiPolygon&quot;" in shown


def test_an_area_is_taken_as_geojson():
    form = ZoneForm({"area": json.dumps(SQUARE), "place": '{"type": "Point", "coordinates": [4, 5]}'})
    assert form.errors == {}
    assert form.cleaned_data["area"].equals(MultiPolygon([box(0, 0, 1, 1)]))
    assert form.cleaned_data["place"] == Point(4, 5)


def test_an_empty_place_is_none():
    form = ZoneForm({"area": json.dumps(SQUARE), "place": ""})
    assert form.is_valid()
    assert form.cleaned_data["place"] is None


@pytest.mark.parametrize(
    "text", ["not json", "[" * 100_000, '{"type": "Point", "coordinates": [0, 0]}', json.dumps(BOW_TIE), "", "null"]
)
def test_what_is_no_area_is_refused_and_comes_back(text: str):
    form = ZoneForm({"area": text})
    assert list(form.errors) == ["area"]
    assert form["area"].value() == text


def test_an_area_in_other_words_is_no_change():
    assert not AreaField().has_changed(
        MultiPolygon([box(0, 0, 1, 1)]), json.dumps(MultiPolygon([box(0, 0, 1, 1)]).__geo_interface__)
    )
    assert AreaField().has_changed(MultiPolygon([box(0, 0, 1, 1)]), json.dumps(SQUARE | {"coordinates": []}))


def test_a_preview_escapes_what_it_is_given():
    shown = map_preview(SQUARE, label='"><script>alert(1)</script>')
    assert "<script>alert" not in shown
    assert "&lt;script&gt;" in shown


def test_the_map_is_a_module_of_our_own():
    assert ZoneMapWidget().media.render_js() == [
        '<script src="/static/core/widgets/map-widget.mjs" type="module"></script>'
    ]
