"""The admin's forms of zones."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.forms import ModelForm
from unfold.widgets import (
    UnfoldAdminColorInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.access.models import Organisation
from apps.core.api.json import loads
from apps.core.types import Datum, TimeWindow, WatchfloorError
from apps.core.widgets import AreaField, ZoneMapWidget
from apps.lifecycle.forms import lifecycle_choice
from apps.zones.models import Zone, ZoneKind
from apps.zones.types import AltitudeBand

LARGEST_FILE = 20 * 1024 * 1024


class ZoneKindForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A kind of zone, its colour chosen from a palette."""

    lifecycle = lifecycle_choice("zones", empty="None")

    class Meta:
        model = ZoneKind
        fields = ("name", "slug", "label", "colour", "constraint", "lifecycle")
        widgets = {"colour": UnfoldAdminColorInputWidget}

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


class ZoneForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A zone: its area on a map, its validity as two instants."""

    area = AreaField()
    valid_from = forms.SplitDateTimeField(
        required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="In force from this instant on."
    )
    valid_to = forms.SplitDateTimeField(
        required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="No longer in force at this instant."
    )

    class Meta:
        model = Zone
        fields = (
            "name",
            "kind",
            "organisation",
            "description",
            "area",
            "lower_m",
            "lower_datum",
            "upper_m",
            "upper_datum",
            "dwell_after",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        zone: Zone | None = kwargs.get("instance")
        if zone is not None:
            window = {"valid_from": zone.window.start, "valid_to": zone.window.end}
            kwargs["initial"] = window | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if zone is not None and isinstance(self.fields.get("area"), AreaField):
            self.fields["area"].widget = ZoneMapWidget(colour=zone.kind.colour)

    def band(self) -> AltitudeBand:
        """Return the heights as they were typed; what the form does not show is as it was."""
        names = ("lower_m", "lower_datum", "upper_m", "upper_datum")
        given = {name: self.cleaned_data.get(name, getattr(self.instance, name)) for name in names}
        return AltitudeBand(
            lower_m=given["lower_m"],
            lower_datum=Datum(given["lower_datum"]) if given["lower_datum"] else None,
            upper_m=given["upper_m"],
            upper_datum=Datum(given["upper_datum"]) if given["upper_datum"] else None,
        )

    def validity(self) -> TimeWindow:
        """Return the validity as it was typed; what the form does not show is as it was."""
        start, end = (self.cleaned_data.get(name, self.initial.get(name)) for name in ("valid_from", "valid_to"))
        return TimeWindow(start=start, end=end)

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


class ImportForm(forms.Form):
    """A GeoJSON file, and what its zones shall be."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget, label="GeoJSON file", help_text="A FeatureCollection of polygons."
    )
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(), widget=UnfoldAdminSelectWidget, help_text="Who shall own the zones."
    )
    kind = forms.ModelChoiceField(
        ZoneKind.objects.all(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="The kind of the zones that name none.",
    )
    kind_property = forms.CharField(
        initial="kind",
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text="The property in which a feature names its kind, by slug.",
    )
    key_property = forms.CharField(
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text="The property with what the source calls a feature. With it a second import updates.",
    )
    is_dry_run = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Only judge", help_text="Report, and write nothing."
    )

    def __init__(self, *args: Any, organisations: QuerySet[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Organisation]", self.fields["organisation"]).queryset = organisations

    def clean_file(self) -> object:
        """Return the file's JSON."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST_FILE:
            raise forms.ValidationError("The file is larger than 20 MB.", code="too_large")
        try:
            return loads(file.read(), max_bytes=LARGEST_FILE)
        except WatchfloorError as error:
            raise forms.ValidationError(error.message, code=error.code) from error
