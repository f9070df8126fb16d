"""Who changed whose access, and when: written by the database, read by superusers."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.decorators import display

from apps.access.admin.sign_in import SuperuserAdmin
from apps.access.models import AccessChange, User


@admin.register(AccessChange)
class AccessChangeAdmin(SuperuserAdmin):
    """What was given and taken; search for a name to see what became of one person, and what they did."""

    verbs = frozenset({"view"})
    list_display = ("at", "by", "verb", "what", "whom", "says")
    list_filter = ("verb", "what")
    search_fields = ("actor_label", "username", "row_id")
    search_help_text = "Who changed it, whom it is about, or the key of a row"
    fields = (("at", "by"), ("verb", "what", "row_id"), "whom", "was", "becomes")
    readonly_fields = ("by", "whom")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessChange]:
        """Return the changes, each with the name that its person has now."""
        named = User.objects.filter(pk=OuterRef("user_id")).values("username")
        return AccessChange.objects.annotate(username=Subquery(named))

    @display(description="By", ordering="actor_label")  # type: ignore[untyped-decorator]  # unfold
    def by(self, row: AccessChange) -> str:
        """Return who did it, as they were called then; a sign-in by an identity provider and plain SQL name nobody."""
        return row.actor_label or "(unnamed)"

    @display(description="Whom", ordering="username")  # type: ignore[untyped-decorator]  # unfold
    def whom(self, row: Any) -> str:
        """Return whom it is about."""
        return row.username or str(row.user_id or "")

    @display(description="What it says")  # type: ignore[untyped-decorator]  # unfold
    def says(self, row: AccessChange) -> str:
        """Return what is other than before, or all of what came or went."""
        was, becomes = row.was or {}, row.becomes or {}
        now = becomes or was
        other = {name: now[name] for name in now if name != "id" and was.get(name) != becomes.get(name)}
        return json.dumps(other, ensure_ascii=False)[:200]
