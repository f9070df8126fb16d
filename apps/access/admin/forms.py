"""What the forms of access have in common."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms import ModelForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.access.registry import all_actions


def _action_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(all_actions())]


class ActionsField(forms.MultipleChoiceField):
    """Any number of the actions that are registered."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=_action_choices, **options)


def changed(form: ModelForm[Any], given: dict[str, Any]) -> Any:
    """Return what was typed anew, as a service takes it."""
    return {name: value for name, value in given.items() if name.removesuffix("_id") in form.changed_data}
