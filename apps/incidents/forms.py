"""The admin's forms of incidents and rules. Judging is left to the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.gis.geos import Point
from django.forms import ModelForm

from apps.core.geometry import SRID
from apps.core.widgets import PlaceField
from apps.incidents.models import Incident, Rule
from apps.lifecycle.forms import lifecycle_choice


class IncidentForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """An incident: where it is, only while it is being opened."""

    place = PlaceField(required=False, help_text="Where it is, if it is anywhere.")

    class Meta:
        model = Incident
        fields = ("organisation", "title", "severity", "description", "assignee", "escalate_after")

    def location(self) -> Point | None:
        """Return the place as the model keeps it."""
        place: Any = self.cleaned_data.get("place")
        return Point(place.x, place.y, srid=SRID) if place is not None else None

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


class RuleForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A rule."""

    lifecycle = lifecycle_choice("incidents", empty="The shipped one")

    class Meta:
        model = Rule
        fields = (
            "name",
            "organisation",
            "is_enabled",
            "finding",
            "zone_kind",
            "zone",
            "asset_kind",
            "severity",
            "title_template",
            "hysteresis",
            "dedupe_window",
            "escalate_after",
            "lifecycle",
        )

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


class CommentForm(forms.Form):
    """What somebody wants to say."""

    text = forms.CharField(strip=True, max_length=20_000)
