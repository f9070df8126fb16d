"""Webhooks in the admin, and what has become of what they were owed.

What an endpoint was sent shows all that its owner sees, so deliveries are for the owner and for superusers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.forms import SimpleArrayField
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.access.queries import is_all_powerful
from apps.access.staff import GuardedAdmin, GuardedInline, actor_of_staff, do_to_each, in_short
from apps.access.types import Actor
from apps.core import clock
from apps.events import services
from apps.events.models import Attempt, Delivery, Endpoint
from apps.events.services.endpoints import FIELDS
from apps.events.types import Stop

TONES = {"delivered": "success", "waiting": "info", "withheld": "warning", "dead": "danger"}


class EndpointForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A webhook, its types one to a line."""

    types = SimpleArrayField(
        forms.CharField(),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "class": "wf-short"}),
        delimiter="\n",
        help_text="One to a line; none are all, watchfloor.zone.* is many.",
    )

    class Meta:
        model = Endpoint
        fields = ("user", *FIELDS, "is_enabled")
        widgets: ClassVar = {"filter": UnfoldAdminTextareaWidget(attrs={"rows": 2, "class": "wf-short"})}
        labels: ClassVar = {"url": "URL", "is_enabled": "Enabled", "noun": "About"}
        help_texts: ClassVar = {
            "noun": "Such as incidents; empty is everything.",
            "filter": "CQL2 over the object, such as severity >= 3.",
            "rate": "At most so many a second; empty is no limit.",
        }


@admin.register(Endpoint)
class EndpointAdmin(GuardedAdmin):
    """Webhooks: one's own, and those of the people whom one administers."""

    form = EndpointForm
    list_display = ("name", "url", "user", "state", "waiting", "dead")
    list_filter = ("is_enabled",)
    search_fields = ("name", "url")
    list_select_related = ("user",)
    fields = (("user", "name"), "url", "types", ("noun", "rate"), "filter", ("is_enabled", "state_told"), "scopes_told")
    readonly_fields = ("state_told", "scopes_told")
    actions = ("send_test", "renew_secret")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return the rows, with how much is owed to each."""
        owed = {
            f"{state}_count": models.Count("deliveries", filter=models.Q(deliveries__state=state))
            for state in ("waiting", "dead")
        }
        rows: models.QuerySet[Any] = super().get_queryset(request)
        counted: models.QuerySet[Any] = rows.annotate(**owed)
        return counted

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say yes: everybody makes webhooks for themselves."""
        return True

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Return what cannot be changed: whose it is, once it is somebody's."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "user")

    @display(description="State", label={"on": "success", "off": "danger"})  # type: ignore[untyped-decorator]  # unfold
    def state(self, row: Endpoint) -> tuple[str, str]:
        """Return whether it is told of events, and if not why."""
        return ("on" if row.is_enabled else "off"), self.state_told(row)

    @display(description="State")  # type: ignore[untyped-decorator]  # unfold
    def state_told(self, row: Endpoint) -> str:
        """Return the state in words."""
        return "on" if row.is_enabled else str(Stop(row.stopped_by).label)

    @display(description="Waiting")  # type: ignore[untyped-decorator]  # unfold
    def waiting(self, row: Endpoint) -> SafeString | int:
        """Return how much is owed."""
        return _count(row, "waiting")

    @display(description="Dead")  # type: ignore[untyped-decorator]  # unfold
    def dead(self, row: Endpoint) -> SafeString | int:
        """Return how much was given up."""
        return _count(row, "dead")

    @display(description="Confined to")  # type: ignore[untyped-decorator]  # unfold
    def scopes_told(self, row: Endpoint) -> str:
        """Return what it may see at most."""
        return "what its owner may see" if row.scopes is None else ", ".join(row.scopes)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make the webhook and show its secret, or change it."""
        given, actor, at = dict(form.cleaned_data), actor_of_staff(request), clock.now()
        user, is_enabled = given.pop("user", None), given.pop("is_enabled")
        if change:
            changes = {**given, "is_enabled": is_enabled}
            return services.update_endpoint(row.pk, changes, expected_version=None, actor=actor, at=at)
        endpoint, secret = services.create_endpoint(given, user_id=user.pk, actor=actor, at=at)
        _show(request, secret)
        return endpoint

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the webhook."""
        services.delete_endpoint(row.pk, expected_version=None, actor=actor_of_staff(request), at=clock.now())

    @admin.action(description="Send a test")
    def send_test(self, request: HttpRequest, rows: models.QuerySet[Endpoint]) -> None:
        """Send a test to each."""
        do_to_each(request, rows, services.test_endpoint, "{} tests are on their way.")

    @admin.action(description="Renew the secret")
    def renew_secret(self, request: HttpRequest, rows: models.QuerySet[Endpoint]) -> None:
        """Renew the secret of each and show it."""

        def renew(pk: UUID, *, actor: Actor, at: datetime) -> None:
            _, secret = services.rotate_secret(pk, actor=actor, at=at)
            _show(request, secret)

        do_to_each(request, rows, renew, "{} renewed; the former ones sign for one more day.")


class AttemptInline(GuardedInline):
    """The attempts of a delivery, with both bodies."""

    model = Attempt
    fields = ("number", "sent_at", "took", "outcome", "sent_body", "answer_body")
    readonly_fields = fields
    hide_title = True

    @display(description="Took")  # type: ignore[untyped-decorator]  # unfold
    def took(self, row: Attempt) -> str:
        """Return how long the answer took."""
        return f"{row.duration_ms} ms"

    @display(description="Outcome")  # type: ignore[untyped-decorator]  # unfold
    def outcome(self, row: Attempt) -> str:
        """Return what went wrong, or the status that it was taken with."""
        return row.error or str(row.status)

    @display(description="Sent")  # type: ignore[untyped-decorator]  # unfold
    def sent_body(self, row: Attempt) -> SafeString:
        """Return what was sent."""
        return _body(row.sent)

    @display(description="Answer")  # type: ignore[untyped-decorator]  # unfold
    def answer_body(self, row: Attempt) -> SafeString:
        """Return what came back."""
        return _body(row.answer)


@admin.register(Delivery)
class DeliveryAdmin(GuardedAdmin):
    """What webhooks are owed, and were; to be sent again."""

    list_display = ("recorded_at", "endpoint", "type", "about", "state_label", "attempts", "due_at")
    list_filter = ("state", "cause", "endpoint")
    search_fields = ("subject", "=message_id")
    list_select_related = ("endpoint",)
    fields = (
        ("endpoint", "cause"),
        ("type", "subject"),
        ("state", "attempts", "status"),
        "error",
        ("due_at", "recorded_at", "finished_at"),
        "message_id",
    )
    inlines = (AttemptInline,)
    actions = ("send_again",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return one's own, or everybody's to a superuser."""
        rows, actor = super().get_queryset(request), actor_of_staff(request)
        return rows if is_all_powerful(actor) else rows.filter(endpoint__user_id=actor.user_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: the log makes them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say no."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Say no."""
        return False

    @display(description="Subject", ordering="subject")  # type: ignore[untyped-decorator]  # unfold
    def about(self, row: Delivery) -> str:
        """Return what it is about."""
        return in_short(*row.subject.split("/", 1))

    @display(description="State", label=TONES)  # type: ignore[untyped-decorator]  # unfold
    def state_label(self, row: Delivery) -> str:
        """Return what has become of it."""
        return str(row.state)

    @admin.action(description="Send again")
    def send_again(self, request: HttpRequest, rows: models.QuerySet[Delivery]) -> None:
        """Owe each once more."""
        endpoints = dict(rows.values_list("pk", "endpoint_id"))

        def again(pk: int, *, actor: Actor, at: datetime) -> None:
            services.replay_delivery(endpoints[pk], pk, actor=actor, at=at)

        do_to_each(request, rows.order_by("id"), again, "{} will be sent again.")


def _body(text: str) -> SafeString:
    return format_html('<pre class="wf-body">{}</pre>', text)


def _show(request: HttpRequest, secret: str) -> None:
    messages.warning(request, f"Copy the secret now, it is not shown again: {secret}")


def _count(row: Endpoint, state: str) -> SafeString | int:
    count: int = getattr(row, f"{state}_count", 0)
    if not count:
        return 0
    place = reverse("admin:events_delivery_changelist")
    return format_html('<a href="{}?endpoint__id__exact={}&state__exact={}">{}</a>', place, row.pk, state, count)
