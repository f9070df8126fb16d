"""The admin's forms of operations."""

from __future__ import annotations

from django.forms import ModelForm
from unfold.widgets import UnfoldAdminColorInputWidget

from apps.lifecycle.forms import lifecycle_choice
from apps.operations.models import OperationKind


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
