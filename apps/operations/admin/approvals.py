"""Approvals in the admin: what one's organisation is asked to agree to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Model
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from apps.access.models import Organisation
from apps.access.queries import visible_in_full
from apps.access.staff import GuardedAdmin, actor_of_staff, narrow
from apps.access.types import Actor
from apps.core.clock import now
from apps.core.staff import READ_VERSION
from apps.core.types import WatchfloorError
from apps.core.widgets import map_preview
from apps.operations import services
from apps.operations.models import Approval, Operation
from apps.operations.published import bands_of
from apps.operations.types import IN_REVIEW, ApprovalChanges, Decision, Reason
from apps.zones.models import Zone

Things: TypeAlias = Mapping[UUID | None, Zone | Operation]

DECIDED = ("decision", "note")
MOST_WAITING = 100
# A page has only so many maps in it; the others are on their own pages.
MOST_MAPS = 8
WHY = {
    Reason.ZONE: "It needs the authorisation of a zone of yours.",
    Reason.ORGANISATION: "Your organisation reviews operations of this kind.",
    Reason.RULE: "A review rule of your organisation asks for it.",
    Reason.NOT_COMPARABLE: "Its heights cannot be compared with those of an operation of yours: do both fit?",
    Reason.NOT_SHARED: "It holds space of an operation of yours, and the two may not share it any more: do both fit?",
}


@admin.register(Approval)
class ApprovalAdmin(GuardedAdmin):
    """Approvals: what one's organisation is asked to agree to."""

    called_by = "operation_title"
    tells_of: ClassVar = {"map": "geometry", "operation": "operation_title", "title": "operation_title"}
    actions_list = ("inbox",)
    list_display = (
        "title",
        "reason",
        "zone_name",
        "rule_name",
        "organisation",
        "decision",
        "decided_by",
        "recorded_at",
    )
    list_filter = ("decision", "reason", "organisation")
    list_select_related = ("operation", "organisation")
    fields = (
        ("title", "organisation"),
        ("reason", "zone_name", "rule_name"),
        ("starts_at", "ends_at", "heights"),
        "contact",
        "map",
        ("decision", "note"),
        ("decided_by", "decided_at"),
    )
    readonly_fields = (
        "title",
        "organisation",
        "reason",
        "zone_name",
        "rule_name",
        "starts_at",
        "ends_at",
        "heights",
        "contact",
        "map",
        "decided_by",
        "decided_at",
    )

    @display(description="Operation", ordering="operation__title")  # type: ignore[untyped-decorator]  # unfold
    def title(self, approval: Approval) -> str:
        """Return what the operation is called."""
        return approval.operation.title

    @display(description="Starts (UTC)")  # type: ignore[untyped-decorator]  # unfold
    def starts_at(self, approval: Approval) -> str:
        """Return when the operation starts, to the minute."""
        return f"{approval.operation.starts_at:%Y-%m-%d %H:%M}"

    @display(description="Ends (UTC)")  # type: ignore[untyped-decorator]  # unfold
    def ends_at(self, approval: Approval) -> str:
        """Return when the operation ends, to the minute."""
        return f"{approval.operation.ends_at:%Y-%m-%d %H:%M}"

    @display(description="Heights")  # type: ignore[untyped-decorator]  # unfold
    def heights(self, approval: Approval) -> str:
        """Return between which heights the operation is planned."""
        return _heights(approval.operation)

    @display(description="Contact")  # type: ignore[untyped-decorator]  # unfold
    def contact(self, approval: Approval) -> str:
        """Return whom to ask about it."""
        return approval.operation.contact

    @display(description="Area")  # type: ignore[untyped-decorator]  # unfold
    def map(self, approval: Approval) -> SafeString | str:
        """Return where the operation is planned."""
        return _map(approval)

    def hidden(self, request: HttpRequest) -> frozenset[str]:
        """Return what a policy may hide from the person: where something is includes at which height."""
        found = super().hidden(request)
        return found | {"heights"} if "geometry" in found else found

    def get_urls(self) -> list[URLPattern]:
        """Return the admin's addresses, and that of the inbox's buttons."""
        view = self.admin_site.admin_view(require_POST(self.decide_view))
        return [path("<path:object_id>/decide/", view, name="operations_approval_decide"), *super().get_urls()]

    @action(description="Inbox", url_path="inbox", permissions=["view"], icon="inbox")  # type: ignore[untyped-decorator]  # unfold
    def inbox(self, request: HttpRequest) -> HttpResponse:
        """Show what waits for the word of this person's organisations, each with its two buttons."""
        rows = self.get_queryset(request).filter(decision=Decision.OPEN, operation__state__in=IN_REVIEW)
        waiting = rows.select_related("operation", "organisation").order_by("operation__starts_at", "id")[:MOST_WAITING]
        mine = [each for each in waiting if self.has_change_permission(request, each)]
        about = _things_seen(mine, actor_of_staff(request))
        context = {
            **self.admin_site.each_context(request),
            "title": "Waiting for your word",
            "opts": self.opts,
            "lines": [self._line(request, each, about, is_drawn=place < MOST_MAPS) for place, each in enumerate(mine)],
        }
        return TemplateResponse(request, "operations/inbox.html", context)

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the decision whose button was pressed, and say what became of it."""
        approval = self.get_object(request, object_id)
        decision = request.POST.get("decision", "")
        is_decision = decision in (Decision.APPROVED, Decision.REJECTED)
        if approval is None or not is_decision or self.is_hidden(request, self.called_by):
            raise Http404
        said = cast("ApprovalChanges", {"decision": decision, "note": request.POST.get("note", "")})
        try:
            decided = services.decide_approval(
                approval.pk, actor=actor_of_staff(request), at=now(), expected_version=_version(request), **said
            )
        except WatchfloorError as error:
            messages.error(request, " ".join([error.message, *(each.detail for each in error.errors)]))
        else:
            messages.success(request, f"{decided.operation}: {decision}.")
        return HttpResponseRedirect(reverse("admin:operations_approval_inbox"))

    def _line(self, request: HttpRequest, approval: Approval, about: Things, *, is_drawn: bool) -> dict[str, Any]:
        """Return one thing that waits: why, when, between which heights, and where; nothing that is hidden."""
        operation = approval.operation
        by = narrow(Organisation.objects.filter(pk=operation.organisation_id), actor_of_staff(request)).first()
        facts = (
            ("operator_id", "Planned by", by.name if by else "an organisation that you may not see"),
            ("asked", "Asked", approval.organisation.name),
            ("starts_at", "Starts", f"{operation.starts_at:%Y-%m-%d %H:%M} UTC"),
            ("ends_at", "Ends", f"{operation.ends_at:%Y-%m-%d %H:%M} UTC"),
            ("heights", "Heights", self.heights(approval)),
            ("zone_name", "Zone", approval.zone_name),
            ("rule_name", "Rule", approval.rule_name),
            ("other_id", "Yours", _in_words(about.get(approval.other_id))),
            ("contact", "Contact", operation.contact),
        )
        is_shown = is_drawn and not self.is_hidden(request, "map")
        return {
            "approval": approval,
            "why": "" if self.is_hidden(request, "reason") else WHY[Reason(approval.reason)],
            "facts": [(term, value) for name, term, value in facts if value and not self.is_hidden(request, name)],
            "map": self._drawn(request, approval, about) if is_shown else "",
            "url": reverse("admin:operations_approval_change", args=[approval.pk]),
            "read_version": READ_VERSION,
            "decide_url": reverse("admin:operations_approval_decide", args=[approval.pk]),
        }

    def _drawn(self, request: HttpRequest, approval: Approval, about: Things) -> SafeString:
        """Return where the operation is planned, and the zone or operation of one's own that it is about."""
        ids = {"zone_name": approval.zone_id, "other_id": approval.other_id}
        shown = [about[pk] for name, pk in ids.items() if pk in about and not self.is_hidden(request, name)]
        return _map(approval, beside=shown[0].area if shown else None)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: operations ask."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the person may decide."""
        return self._may(request, "decide", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no: what was asked stays as it was."""
        return False

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm[Any], change: bool) -> None:
        """Lock the operation before its approval, as everybody does, so that nobody waits for each other."""
        operations = Operation.objects.select_for_update(of=("self",)).order_by("pk")
        operations.filter(pk=cast("Approval", obj).operation_id).first()
        super().save_model(request, obj, form, change)

    def save_through(self, request: HttpRequest, row: Model, form: ModelForm[Any], change: bool) -> Model:
        """Take the decision."""
        changes = {name: form.cleaned_data[name] for name in DECIDED if name in form.changed_data}
        return services.decide_approval(
            row.pk, actor=actor_of_staff(request), at=now(), **cast("ApprovalChanges", changes)
        )


def _map(approval: Approval, *, beside: object = None) -> SafeString:
    return map_preview(approval.operation.area, beside=beside, label="Where the operation is planned")


def _things_seen(approvals: Sequence[Approval], actor: Actor) -> Things:
    """Return the zones and operations that approvals are about, of those that an actor sees in full."""
    zones = Zone.objects.filter(pk__in=[each.zone_id for each in approvals])
    operations = Operation.objects.filter(pk__in=[each.other_id for each in approvals])
    return {
        **visible_in_full(zones, actor, "zones.view").in_bulk(),
        **visible_in_full(operations, actor, "operations.view").in_bulk(),
    }


def _in_words(operation: Zone | Operation | None) -> str:
    """Return an operation as one compares another with it: what, between which heights, when."""
    if not isinstance(operation, Operation):
        return ""
    times = f"{operation.starts_at:%Y-%m-%d %H:%M} to {operation.ends_at:%Y-%m-%d %H:%M} UTC"
    return ", ".join([operation.title, _heights(operation), times])


def _heights(operation: Operation) -> str:
    return "; ".join(band.in_words for band in bands_of(operation))


def _version(request: HttpRequest) -> int | None:
    """Return which version of the approval the page showed whose button was pressed; a form may not say."""
    read = request.POST.get(READ_VERSION, "")
    return int(read) if read.isascii() and read.isdigit() and len(read) < 10 else None
