"""The plan of an operation in a form: volumes drawn on a map, with what they meet told as one draws.

The value travels as the JSON that REST takes as ``volumes``, so that a form without scripts still shows and takes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.forms.widgets import Script
from django.urls import reverse
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.serializers import ListField
from rest_framework.settings import api_settings

from apps.core.types import Invalid
from apps.core.widgets import STYLES as MAP_STYLES
from apps.operations.api.reading import read_volumes
from apps.operations.api.serializers import VolumeSerializer
from apps.operations.types import VolumeDraft

NON_FIELD_ERRORS_KEY = api_settings.NON_FIELD_ERRORS_KEY
MODULE = "operations/plan/main.mjs"
STYLES = (*MAP_STYLES, "operations/plan/plan.css")


class PlanWidget(forms.Textarea):
    """A map and a list of volumes above a text field with the same. ``about`` is what is known of their operation."""

    template_name = "operations/plan_widget.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.about: Mapping[str, object] = {}

    @property
    def media(self) -> forms.Media:
        """Return the map's styles and its module."""
        return forms.Media(css={"all": STYLES}, js=[Script(MODULE, type="module")])  # type: ignore[list-item]  # stubs: str only

    def format_value(self, value: object) -> str | None:
        """Return volumes as JSON text; text that was typed and refused comes back as it was."""
        return value if isinstance(value, str) or value is None else json.dumps(value)

    def get_context(self, name: str, value: object, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template needs: what the volumes are checked as, and where."""
        about = {"check": reverse("operations-check"), **self.about}
        return super().get_context(name, value, attrs) | {"about": json.dumps(about)}


class VolumesField(forms.CharField):
    """JSON text as volumes; each fault becomes an error that says in which volume it is."""

    widget = PlanWidget

    def clean(self, value: object) -> Sequence[VolumeDraft]:
        """Return the volumes."""
        text = super().clean(value)
        try:
            return read_volumes(_VOLUMES.run_validation(json.loads(text)))
        except Refused as refused:
            raise forms.ValidationError(list(_told(refused.detail)), code="invalid") from None
        except Invalid as error:
            told = [f"{each.detail} ({each.pointer})" for each in error.errors]
            raise forms.ValidationError(told or [error.message], code=error.code) from None
        except (ValueError, RecursionError):
            raise forms.ValidationError("This is not JSON.", code="unreadable") from None

    def has_changed(self, initial: object, data: object) -> bool:
        """Say whether the text means something else than what was there."""
        try:
            return bool(initial != json.loads(str(data)))
        except (ValueError, RecursionError):
            return True


def _told(detail: Any, where: str = "") -> Iterator[str]:
    """Yield what a serializer says of each fault, with the place of it."""
    if isinstance(detail, str):
        yield f"{detail} ({where})" if where else detail
    elif isinstance(detail, Mapping):
        for name, each in detail.items():
            yield from _told(each, where if name == NON_FIELD_ERRORS_KEY else f"{where}/{name}")
    else:
        for each in detail:
            yield from _told(each, where)


_VOLUMES: Final = ListField(child=VolumeSerializer(), min_length=1, max_length=50)
