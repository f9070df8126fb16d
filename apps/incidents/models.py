"""The tables of rules and incidents.

An incident copies what it needs to know of asset, zone and fix: it outlives the track, and the asset too.
Written only by ``services``.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.gis.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.access.granting import GroupGrant, UserGrant
from apps.core.ids import new_id
from apps.core.models import Row, Token
from apps.incidents.types import LIFECYCLE, OVER, FindingKind, RuleTerms, Severity
from apps.lifecycle.models import Stateful, state_is_whole

KINDS = [(each.value, each.value.replace("_", " ")) for each in FindingKind]
NOT_NEGATIVE = timedelta(0)
# The first version of the shipped lifecycle, whose states and stamps the table knows; others are as they say.
SHIPPED = Q(lifecycle_key=LIFECYCLE, lifecycle_version=1)


class Rule(Row):
    """Which findings, of which assets in which zones, open which incident.

    It applies to assets and zones that belong to its organisation or to one below it. An empty selector means
    any. ``hysteresis`` is how long the finding must stay true first; ``dedupe_window`` is how long after the
    last finding a further one joins the same incident even if that is over; ``escalate_after`` null is never.
    """

    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    finding = models.CharField(max_length=20, choices=KINDS)
    zone_kind = models.ForeignKey("zones.ZoneKind", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    zone = models.ForeignKey("zones.Zone", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    asset_kind = models.ForeignKey(
        "assets.AssetKind", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.MODERATE)
    hysteresis = models.DurationField(
        default=timedelta(0), help_text="How long the finding must stay true before an incident opens."
    )
    dedupe_window = models.DurationField(
        default=timedelta(minutes=10),
        help_text="For so long after the last finding, a further one joins the same incident even if that is over.",
    )
    escalate_after = models.DurationField(
        null=True, blank=True, help_text="Escalate by itself if nobody acts for so long. Empty means never."
    )
    title_template = models.CharField(
        "title", max_length=200, default="{asset} {finding} {zone}", help_text="May name {asset}, {zone} and {finding}."
    )
    lifecycle = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text="The key of the lifecycle that its incidents follow. Empty means the shipped one.",
    )
    is_enabled = models.BooleanField("enabled", default=True)

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(name="rule_has_name", condition=~Q(name="") & ~Q(title_template="")),
            models.CheckConstraint(
                name="rule_finding_is_known", condition=Q(finding__in=[each.value for each in FindingKind])
            ),
            models.CheckConstraint(name="rule_severity_is_known", condition=Q(severity__in=Severity.values)),
            models.CheckConstraint(
                name="rule_durations_not_negative",
                condition=Q(hysteresis__gte=NOT_NEGATIVE, dedupe_window__gte=NOT_NEGATIVE)
                & (Q(escalate_after__isnull=True) | Q(escalate_after__gt=NOT_NEGATIVE)),
            ),
            models.CheckConstraint(
                name="rule_zone_or_kind", condition=Q(zone__isnull=True) | Q(zone_kind__isnull=True)
            ),
        )
        indexes = (models.Index(fields=["organisation", "finding"], condition=Q(is_enabled=True), name="rule_enabled"),)

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> RuleTerms:
        """Return the rule as findings are judged by it."""
        return RuleTerms(
            id=self.id,
            organisation_id=self.organisation_id,
            finding=FindingKind(self.finding),
            zone_id=self.zone_id,
            zone_kind_id=self.zone_kind_id,
            asset_kind_id=self.asset_kind_id,
            severity=Severity(self.severity),
            hysteresis=self.hysteresis,
            dedupe_window=self.dedupe_window,
            escalate_after=self.escalate_after,
            title_template=self.title_template,
            lifecycle=self.lifecycle,
        )


class RuleSet(Token):
    """One row: changes whenever any rule does."""

    class Meta:
        constraints = (models.CheckConstraint(name="rule_set_is_one_row", condition=Q(id=1)),)


class Incident(Stateful):
    """Something that people must deal with. It belongs to the organisation of the asset that it is about.

    ``dedupe_key`` names what it is about (rule, asset, and zone or operation): at most one incident of a key is not
    over, and the unique constraint decides the race. Incidents opened by hand have none.
    """

    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, null=True, blank=True, related_name="incidents")
    finding = models.CharField(max_length=20, choices=KINDS, blank=True)
    title = models.CharField(max_length=300)
    description = models.TextField(blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.MODERATE)
    asset_id = models.UUIDField(null=True, blank=True)
    asset_name = models.CharField("asset", max_length=200, blank=True)
    zone_id = models.UUIDField(null=True, blank=True)
    zone_name = models.CharField("zone", max_length=200, blank=True)
    location = models.PointField(srid=4326, null=True, blank=True)
    assignee = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    escalate_after = models.DurationField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=120, null=True, blank=True, editable=False)
    opened_at = models.DateTimeField()
    last_found_at = models.DateTimeField(null=True, editable=False)
    evidence_count = models.PositiveIntegerField("evidence", default=0, editable=False)
    acknowledged_at = models.DateTimeField(null=True, editable=False)
    escalated_at = models.DateTimeField(null=True, editable=False)
    resolved_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-opened_at", "-id")
        permissions = (
            ("comment_incident", "Can comment on incident"),
            ("assign_incident", "Can assign incident"),
            ("acknowledge_incident", "Can acknowledge incident"),
            ("escalate_incident", "Can escalate incident"),
            ("resolve_incident", "Can resolve incident"),
            ("close_incident", "Can close incident"),
            ("reopen_incident", "Can reopen incident"),
            ("view_calls_incident", "Can see what services were asked about incident"),
            ("settle_calls_incident", "Can try calls about incident again, or give them up"),
            ("share_incident", "Can share incident"),
        )
        constraints = (
            models.CheckConstraint(name="incident_has_title", condition=~Q(title="")),
            models.CheckConstraint(name="incident_severity_is_known", condition=Q(severity__in=Severity.values)),
            state_is_whole("incident_state_is_whole"),
            models.CheckConstraint(name="incident_follows_a_lifecycle", condition=~Q(lifecycle_key="")),
            models.CheckConstraint(
                name="incident_state_is_known",
                condition=~SHIPPED
                | Q(state__in=["open", "reopened"], state_category="open")
                | Q(state__in=["acknowledged", "escalated"], state_category="active")
                | Q(state__in=["resolved", "closed"], state_category="done"),
            ),
            models.CheckConstraint(
                name="incident_new_has_no_past",
                condition=~SHIPPED
                | ~Q(state__in=["open", "reopened"])
                | Q(acknowledged_at=None, escalated_at=None, resolved_at=None, closed_at=None),
            ),
            models.CheckConstraint(
                name="incident_acknowledged_says_when",
                condition=~SHIPPED | ~Q(state="acknowledged") | Q(acknowledged_at__isnull=False),
            ),
            models.CheckConstraint(
                name="incident_escalated_says_when",
                condition=~SHIPPED | ~Q(state="escalated") | Q(escalated_at__isnull=False),
            ),
            models.CheckConstraint(
                name="incident_over_says_when",
                condition=~SHIPPED
                | Q(state_category=OVER, resolved_at__isnull=False)
                | (~Q(state_category=OVER) & Q(resolved_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="incident_closed_says_when",
                condition=~SHIPPED
                | Q(state="closed", closed_at__isnull=False)
                | (~Q(state="closed") & Q(closed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="incident_names_what_it_knows",
                condition=(Q(asset_id__isnull=True) | ~Q(asset_name="")) & (Q(zone_id__isnull=True) | ~Q(zone_name="")),
            ),
            models.UniqueConstraint(
                fields=["dedupe_key"], condition=~Q(state_category=OVER), name="incident_once_while_not_over"
            ),
        )
        indexes = (
            models.Index(fields=["opened_at", "id"], name="incident_by_opening"),
            models.Index(fields=["organisation", "opened_at"], name="incident_of_organisation"),
            models.Index(
                fields=["organisation", "severity"], condition=~Q(state_category=OVER), name="incident_not_over"
            ),
            models.Index(fields=["dedupe_key", "last_found_at"], name="incident_by_key"),
            models.Index(fields=["asset_id", "opened_at"], name="incident_of_asset"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_over(self) -> bool:
        """Say whether nothing more is to be done about it."""
        return self.state_category == OVER


class Evidence(models.Model):
    """What was found, copied in as it was then. Never changed, never deleted before its incident."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="evidence")
    finding = models.CharField(max_length=20, choices=KINDS)
    effective_at = models.DateTimeField()
    since = models.DateTimeField(null=True)
    asset = models.JSONField()
    zone = models.JSONField(null=True)
    operation = models.JSONField(null=True)
    fix = models.JSONField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "evidence"
        ordering = ("effective_at", "id")

    def __str__(self) -> str:
        return f"{self.finding} at {self.effective_at:%Y-%m-%d %H:%M:%S}"


class Comment(models.Model):
    """What somebody said about an incident. Never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey("access.User", on_delete=models.PROTECT, null=True, related_name="+")
    author_label = models.CharField(max_length=200)
    text = models.TextField()
    said_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("id",)
        constraints = (models.CheckConstraint(name="comment_says_something", condition=~Q(text="")),)

    def __str__(self) -> str:
        return f"{self.author_label}: {self.text[:60]}"


class PendingFinding(models.Model):
    """A finding that must stay true until ``due_at`` before its rule acts; the opposite finding removes it.

    ``place_id`` is the zone or the operation that it is about.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="pending")
    kind = models.CharField(max_length=20, choices=KINDS)
    asset_id = models.UUIDField()
    place_id = models.UUIDField(null=True)
    effective_at = models.DateTimeField()
    due_at = models.DateTimeField()
    finding = models.JSONField(help_text="The whole finding, as rules.finding_from_json reads it.")
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("due_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["rule", "asset_id", "place_id"], nulls_distinct=False, name="pending_once_per_rule_and_place"
            ),
            models.CheckConstraint(name="pending_due_after_start", condition=Q(due_at__gte=F("effective_at"))),
        )
        indexes = (
            models.Index(fields=["due_at"], name="pending_by_due"),
            models.Index(fields=["asset_id", "place_id"], name="pending_of_asset"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.asset_id}, due {self.due_at:%Y-%m-%d %H:%M:%S}"


class IncidentUserGrant(UserGrant):
    """One incident shared with one person, for one action."""

    content_object = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="user_grants")


class IncidentGroupGrant(GroupGrant):
    """One incident shared with one group, for one action."""

    content_object = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="group_grants")
