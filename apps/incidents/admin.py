"""Incidents and rules in the admin: what is open, what may be done about it, and what opens it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from apps.access.front import WhoMaySee
from apps.access.queries import allowed_actions, hidden_fields, parts_of
from apps.access.staff import GrantInline, GuardedAdmin, GuardedInline, actor_of_staff
from apps.access.types import Actor
from apps.core.clock import now
from apps.core.types import WatchfloorError
from apps.core.widgets import map_preview
from apps.incidents import queries, services
from apps.incidents.forms import CommentForm, IncidentForm, RuleForm
from apps.incidents.models import (
    Evidence,
    Incident,
    IncidentGroupGrant,
    IncidentUserGrant,
    PendingFinding,
    Rule,
)
from apps.incidents.types import IncidentChanges, RuleChanges, Severity
from apps.lifecycle.models import Stateful
from apps.lifecycle.staff import LifecycleAdminMixin, OverFilter, TimelineEntry

CHANGEABLE = ("title", "severity", "description", "escalate_after")


class EvidenceInline(GuardedInline):
    """What was found, as it was then."""

    model = Evidence
    instant = "effective_at"
    fields = ("finding", "effective_at", "asset_was", "zone_was", "fix_was", "recorded_at")
    readonly_fields = fields
    per_page = 10

    @display(description="Asset")  # type: ignore[untyped-decorator]  # unfold
    def asset_was(self, evidence: Evidence) -> str:
        """Return the asset and what others call it."""
        return " · ".join([evidence.asset["name"], *evidence.asset["identifiers"]])

    @display(description="Zone or operation")  # type: ignore[untyped-decorator]  # unfold
    def zone_was(self, evidence: Evidence) -> str:
        """Return the zone and its version, or the operation."""
        if evidence.operation:
            return str(evidence.operation["title"])
        return f"{evidence.zone['name']}, version {evidence.zone['version']}" if evidence.zone else ""

    @display(description="Fix")  # type: ignore[untyped-decorator]  # unfold
    def fix_was(self, evidence: Evidence) -> str:
        """Return where it was and how fast."""
        if not evidence.fix:
            return ""
        speed = evidence.fix["speed_mps"]
        moving = "" if speed is None else f", {speed:.1f} m/s"
        return f"{evidence.fix['lat']:.5f}, {evidence.fix['lon']:.5f}{moving}"


class UserGrantInline(GrantInline):
    """The people with whom one incident is shared."""

    model = IncidentUserGrant
    verbose_name = "grant to a person"
    verbose_name_plural = "grants to people"


class GroupGrantInline(GrantInline):
    """The groups with whom one incident is shared."""

    model = IncidentGroupGrant
    verbose_name = "grant to a group"
    verbose_name_plural = "grants to groups"


@admin.register(Incident)
class IncidentAdmin(WhoMaySee, LifecycleAdminMixin, GuardedAdmin):
    """Incidents: the list of what is to be done, and one page for each."""

    called_by = "title"
    tells_of: ClassVar = {
        "map": "geometry",
        "place": "geometry",
        "EvidenceInline": "geometry",
        "about": "asset_name",
        "assignee": "assignee_id",
        "rule": "rule_id",
        "severity_badge": "severity",
        "state_badge": "state",
        "over": "state",
        "finding_shown": "finding",
    }
    form = IncidentForm
    list_display = (
        "title",
        "severity_badge",
        "state_badge",
        "asset_name",
        "zone_name",
        "assignee",
        "organisation",
        "opened_at",
        "evidence_count",
    )
    list_filter = (OverFilter, "state", "severity", "finding", "rule", "assignee", "organisation")
    list_select_related = ("assignee", "organisation")
    search_fields = ("title", "asset_name", "zone_name", "description")
    date_hierarchy = "opened_at"
    ordering = ("-opened_at", "-id")
    inlines = (EvidenceInline, UserGrantInline, GroupGrantInline)
    change_form_outer_before_template = "incidents/above.html"
    readonly_fields = ("finding_shown", "about", "map", "opened_at", "last_found_at", "rule")

    def fieldsets_of(self, request: HttpRequest, obj: Model | None) -> Any:
        """Return what is asked of a new incident, or what is known of one."""
        if obj is None:
            asked = (("title", "severity"), "organisation", "description", "escalate_after")
            return ((None, {"fields": asked}), ("Place", {"fields": ("place",)}))
        return (
            (None, {"fields": (("title", "severity"), ("assignee", "escalate_after"), "description")}),
            ("Found", {"fields": (("about", "finding_shown", "rule"), ("opened_at", "last_found_at"), "map")}),
        )

    def inlines_of(self, request: HttpRequest, obj: Model | None) -> Any:
        """Return the parts, of an incident that there is."""
        return self.inlines if obj is not None else ()

    @display(description="Severity", ordering="severity")  # type: ignore[untyped-decorator]  # unfold
    def severity_badge(self, incident: Incident) -> SafeString:
        """Return the severity in its colour."""
        return severity_badge(incident.severity)

    @display(description="Finding")  # type: ignore[untyped-decorator]  # unfold
    def finding_shown(self, incident: Incident) -> str:
        """Return what was found."""
        return incident.get_finding_display() or "opened by hand"

    @display(description="About")  # type: ignore[untyped-decorator]  # unfold
    def about(self, incident: Incident) -> str:
        """Return what it is about."""
        return (
            " in ".join(name for name in (incident.asset_name, incident.zone_name) if name) or "nothing in particular"
        )

    @display(description="Where it was found")  # type: ignore[untyped-decorator]  # unfold
    def map(self, incident: Incident) -> SafeString | str:
        """Return the place on a map."""
        if incident.location is None:
            return "nowhere in particular"
        return map_preview(incident.location, label="Where the incident was found")

    def timeline(self, row: Stateful, actor: Actor) -> Sequence[TimelineEntry]:
        """Return transitions and comments."""
        comments = parts_of(queries.comments_on(row.pk), row, actor, "incidents.view", instant="said_at")
        said = [
            TimelineEntry(at=each.said_at, title="Comment", who=each.author_label, text=each.text) for each in comments
        ]
        return [*super().timeline(row, actor), *said]

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's addresses, and that of the comment form."""
        view = self.admin_site.admin_view(require_POST(self.comment_view))
        return [path("<path:object_id>/comment/", view, name="incidents_incident_comment"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the incident, with a place to say something for whoever may."""
        incident = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if incident is not None and "incidents.comment" in allowed_actions(actor_of_staff(request), incident):
            context["comment_url"] = reverse("admin:incidents_incident_comment", args=[object_id])
        return super().change_view(request, object_id, form_url, context)

    def comment_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a comment."""
        incident = self.visible_or_404(request, object_id)
        form = CommentForm(request.POST)
        if not form.is_valid():
            messages.error(request, "A comment says something, in at most 20,000 characters.")
            return self.back_to(incident)
        try:
            services.comment_on_incident(
                incident.pk, form.cleaned_data["text"], actor=actor_of_staff(request), at=now()
            )
        except WatchfloorError as error:
            messages.error(request, error.message)
        return self.back_to(incident)

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Open, change or assign the incident."""
        actor, at, given = actor_of_staff(request), now(), form.cleaned_data
        if not change:
            return services.open_incident(
                organisation=given["organisation"],
                title=given["title"],
                severity=given["severity"],
                description=given["description"],
                location=cast("IncidentForm", form).location(),
                escalate_after=given["escalate_after"],
                actor=actor,
                at=at,
            )
        saved: Model = row
        if "assignee" in form.changed_data:
            saved = services.assign_incident(row.pk, given["assignee"], actor=actor, at=at)
        changes = {name: given[name] for name in CHANGEABLE if name in form.changed_data}
        if changes:
            saved = services.update_incident(row.pk, actor=actor, at=at, **cast("IncidentChanges", changes))
        return saved


@admin.register(Rule)
class RuleAdmin(GuardedAdmin):
    """Rules: which findings open which incidents."""

    form = RuleForm
    list_display = (
        "name",
        "finding",
        "place",
        "asset_kind",
        "severity_badge",
        "hysteresis",
        "escalate_after",
        "organisation",
        "is_enabled",
    )
    list_filter = ("finding", "severity", "is_enabled", "zone_kind", "asset_kind", "organisation")
    list_select_related = ("zone", "zone_kind", "asset_kind", "organisation")
    search_fields = ("name", "title_template")
    fieldsets = (
        (None, {"fields": (("name", "organisation"), "is_enabled")}),
        (
            "When",
            {
                "description": "Empty means any. Name one zone or a kind of zone, not both.",
                "fields": ("finding", ("zone_kind", "zone"), "asset_kind", "hysteresis"),
            },
        ),
        ("Then", {"fields": (("title_template", "severity"), ("dedupe_window", "escalate_after"), "lifecycle")}),
    )

    @display(description="Where", ordering="zone__name")  # type: ignore[untyped-decorator]  # unfold
    def place(self, rule: Rule) -> str:
        """Return the zone or the kind of zone."""
        if rule.zone is not None:
            return rule.zone.name
        return f"any {rule.zone_kind.name}" if rule.zone_kind else "anywhere"

    @display(description="Severity", ordering="severity")  # type: ignore[untyped-decorator]  # unfold
    def severity_badge(self, rule: Rule) -> SafeString:
        """Return the severity in its colour."""
        return severity_badge(rule.severity)

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Make or change the rule."""
        actor, at, given = actor_of_staff(request), now(), dict(form.cleaned_data)
        organisation = given.pop("organisation")
        if not change:
            return services.create_rule(organisation=organisation, actor=actor, at=at, **cast("RuleChanges", given))
        changes = {name: value for name, value in given.items() if name in form.changed_data}
        return services.update_rule(
            row.pk, actor=actor, at=at, organisation=organisation, **cast("RuleChanges", changes)
        )

    def delete_through(self, request: HttpRequest, row: Model) -> None:
        """Delete the rule, unless it has opened incidents."""
        services.delete_rule(row.pk, actor=actor_of_staff(request), at=now())


@admin.register(PendingFinding)
class PendingFindingAdmin(GuardedAdmin):
    """Findings that must stay true before their rule acts; whoever sees the rule sees them."""

    list_display = ("asset_shown", "kind", "rule", "effective_at", "due_at", "attempts", "last_error")
    list_filter = ("kind", "rule")
    list_select_related = ("rule",)
    ordering = ("due_at", "id")
    fields = (("rule", "kind"), ("effective_at", "due_at"), ("attempts", "last_error"), "finding")

    def hidden(self, request: HttpRequest) -> frozenset[str]:
        """Return what is hidden: the finding, from whom something of where assets are is hidden."""
        hides = hidden_fields(actor_of_staff(request), "positions")
        return super().hidden(request) | (frozenset({"finding"}) if hides else frozenset())

    @display(description="Asset")  # type: ignore[untyped-decorator]  # unfold
    def asset_shown(self, pending: PendingFinding) -> str:
        """Return the asset's name."""
        return str(pending.finding.get("asset", {}).get("name", pending.asset_id))


def severity_badge(severity: int) -> SafeString:
    """Return a severity as a coloured word."""
    return format_html('<span class="severity" data-severity="{}">{}</span>', severity, Severity(severity).label)
