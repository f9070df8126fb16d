"""Review rules in the admin: what an organisation looks at before it is approved."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display

from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core.clock import now
from apps.operations import queries, services
from apps.operations.forms import ReviewRuleForm
from apps.operations.models import ReviewRule
from apps.operations.types import ReviewRuleChanges

LONGEST_SHOWN = 120


@admin.register(ReviewRule)
class ReviewRuleAdmin(GuardedAdmin):
    """Review rules; whose it is is chosen once."""

    form = ReviewRuleForm
    list_display = ("name", "holds_for", "organisation", "is_enabled", "changed_at")
    list_filter = ("is_enabled", "organisation")
    list_select_related = ("organisation",)
    search_fields = ("name", "description", "condition")
    fieldsets = (
        (None, {"fields": (("name", "organisation"), "description", "is_enabled")}),
        ("What is reviewed", {"fields": ("condition",)}),
    )

    @display(description="Holds for")  # type: ignore[untyped-decorator]  # unfold
    def holds_for(self, rule: ReviewRule) -> str:
        """Return what is reviewed by it, of its organisation and of all below."""
        if not rule.condition:
            return "every operation"
        if not queries.is_readable(rule.condition):
            return "every operation, since its condition cannot be read any more"
        is_long = len(rule.condition) > LONGEST_SHOWN
        return f"{rule.condition[:LONGEST_SHOWN]} …" if is_long else rule.condition

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return the organisation, once it is said."""
        return () if obj is None else ("organisation",)

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Make or change the rule."""
        actor, at, given = actor_of_staff(request), now(), dict(form.cleaned_data)
        if not change:
            organisation = given.pop("organisation")
            terms = cast("ReviewRuleChanges", given)
            return services.create_review_rule(organisation=organisation, actor=actor, at=at, **terms)
        changes = {name: value for name, value in given.items() if name in form.changed_data}
        return services.update_review_rule(row.pk, actor=actor, at=at, **cast("ReviewRuleChanges", changes))

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the rule."""
        services.delete_review_rule(row.pk, actor=actor_of_staff(request), at=now())
