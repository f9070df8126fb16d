"""The log in the admin: read, never changed."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.access.staff import GuardedAdmin
from apps.events.models import Event


@admin.register(Event)
class EventAdmin(GuardedAdmin):
    """Every event, the latest first."""

    list_display = ("offset", "occurred_at", "type", "subject", "actor_label")
    list_filter = ("noun", "type")
    search_fields = ("=object_id", "actor_label", "type")
    date_hierarchy = "occurred_at"
    ordering = ("-seq",)
    fields = (
        ("type", "subject"),
        ("offset", "id"),
        ("actor_label", "actor_id"),
        ("occurred_at", "recorded_at"),
        ("organisation_id", "previous_organisation_id"),
        "written",
    )
    readonly_fields = ("subject", "written")

    @display(description="Subject")  # type: ignore[untyped-decorator]  # unfold
    def subject(self, event: Event) -> str:
        """Return what it speaks of."""
        return f"{event.noun}/{event.object_id}"

    @display(description="Data")  # type: ignore[untyped-decorator]  # unfold
    def written(self, event: Event) -> SafeString:
        """Return the data, laid out."""
        return format_html("<pre>{}</pre>", json.dumps(event.data, indent=2, ensure_ascii=False))
