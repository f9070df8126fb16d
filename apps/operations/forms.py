"""The admin's forms of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db.models import QuerySet
from django.forms import ModelForm
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from apps.assets.models import Asset
from apps.lifecycle.forms import lifecycle_choice
from apps.operations.api.serializers import volume_body
from apps.operations.models import HIGHEST_PRIORITY, AssignedAsset, Operation, OperationKind, ReviewRule
from apps.operations.queries import assigned_asset_ids, volumes_of
from apps.operations.types import OperationChanges
from apps.operations.widgets import PlanWidget, VolumesField

PARTS = ("title", "description", "contact", "priority", "volumes")


class OperationKindForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A kind of operation, its colour chosen from a palette."""

    lifecycle = lifecycle_choice("operations", empty="The shipped one")

    class Meta:
        model = OperationKind
        fields = (
            "name",
            "slug",
            "colour",
            "lifecycle",
            "default_priority",
            "may_share",
            "is_reviewed",
            "tolerance_m",
            "nonconforming_after",
            "contingent_after",
        )
        widgets = {"colour": UnfoldAdminColorInputWidget}

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


class ReviewRuleForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A review rule; its condition is judged by the service."""

    condition = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=(
            "CQL2 text over kind, priority, title, description, contact, organisation_id, starts_at, ends_at, period "
            "and geometry: priority >= 50 AND kind = 'tow'. Empty holds for every operation."
        ),
    )

    class Meta:
        model = ReviewRule
        fields = ("name", "organisation", "description", "condition", "is_enabled")
        help_texts: ClassVar = {
            "organisation": "Who is asked, about its own operations and those of all organisations below it; it stays.",
            "is_enabled": "What is in review follows a change within seconds; what is approved stays approved.",
        }

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""


class OperationForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """An operation: what it says of itself, its volumes on a map, and the assets that take part.

    ``assets`` are all that the person may see; assigned ones that they may not see stay as they are. ``about`` is what
    the map has to know that the form does not ask.
    """

    assets: QuerySet[Asset] = Asset.objects.none()
    about: Mapping[str, object] = {}

    priority = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=HIGHEST_PRIORITY,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="The higher goes first. Empty is that of its kind.",
    )
    volumes = VolumesField(label="Plan")
    asset_ids = forms.ModelMultipleChoiceField(
        Asset.objects.none(),
        required=False,
        label="Assets",
        widget=AutocompleteSelectMultiple(AssignedAsset._meta.get_field("asset"), admin.site),
        help_text="Which take part.",
    )

    class Meta:
        model = Operation
        fields = ("title", "priority", "kind", "organisation", "contact", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        operation: Operation | None = kwargs.get("instance")
        self.assigned = assigned_asset_ids([operation.pk]).get(operation.pk, []) if operation else []
        if operation is not None:
            volumes = [volume_body(each) for each in volumes_of([operation.pk]).get(operation.pk, [])]
            given = {"volumes": volumes, "asset_ids": self.assigned}
            kwargs["initial"] = given | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if "asset_ids" in self.fields:
            cast("forms.ModelMultipleChoiceField[Asset]", self.fields["asset_ids"]).queryset = self.assets
        if "volumes" in self.fields:
            cast("PlanWidget", self.fields["volumes"].widget).about = self.about

    def assets_wanted(self) -> list[UUID]:
        """Return the assets that shall take part, with those that the person does not see."""
        seen = self.assets.filter(pk__in=self.assigned).values_list("pk", flat=True)
        unseen = set(self.assigned) - set(seen)
        return [*(each.pk for each in self.cleaned_data["asset_ids"]), *sorted(unseen)]

    def changes(self) -> OperationChanges:
        """Return what was typed anew: two people who change different fields do not undo each other."""
        named = set(self.changed_data)
        changes = {name: self.cleaned_data[name] for name in PARTS if name in named}
        if "priority" in changes and changes["priority"] is None:
            changes["priority"] = self.instance.kind.default_priority
        if "asset_ids" in named:
            changes["asset_ids"] = self.assets_wanted()
        return cast("OperationChanges", changes)

    def _post_clean(self) -> None:
        """Leave judging to the service: the row is never saved by the form."""
