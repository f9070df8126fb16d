"""Fields and widgets for whoever chooses, or writes, a lifecycle."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from apps.lifecycle.registry import keys_of


class LifecycleChoice(forms.ChoiceField):
    """The keys of a noun's published lifecycles, read whenever the form is shown; one that is named already stays."""

    def __init__(self, noun: str, *, empty: str, **options: Any) -> None:
        super().__init__(
            required=False,
            widget=UnfoldAdminSelectWidget,
            choices=lambda: [("", empty), *((key, key) for key in keys_of(noun))],
            **options,
        )

    def valid_value(self, value: Any) -> bool:  # noqa: ARG002 - Django's signature
        """Leave judging to the service, which knows what is published by then."""
        return True


def lifecycle_choice(noun: str, *, empty: str) -> LifecycleChoice:
    """Return the field by which a kind, or a rule, names the lifecycle that its objects follow."""
    return LifecycleChoice(noun, empty=empty, help_text="New ones follow it; what is there stays with its own.")
