"""Rules: made, changed and deleted, each with its event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Unpack
from uuid import UUID

from django.db import transaction

from apps.access.models import Organisation
from apps.access.queries import authorize, authorize_image, authorize_in
from apps.access.types import Actor
from apps.core.constraints import broken_constraints
from apps.core.locks import lock
from apps.core.text import text_error
from apps.core.types import Conflict, FieldError, Invalid
from apps.events.types import Change
from apps.incidents.models import Rule
from apps.incidents.published import rule_feature
from apps.incidents.rules import template_errors
from apps.incidents.services.telling import tell_rule
from apps.incidents.types import FindingKind, RuleChanges, Severity
from apps.lifecycle.queries import key_errors

LONGEST: Final = timedelta(days=365)
NAMED: Final = "It has opened incidents, which say so. Switch it off instead."


@transaction.atomic
def create_rule(*, organisation: Organisation, actor: Actor, at: datetime, **terms: Unpack[RuleChanges]) -> Rule:
    """Return a new rule. Raises ``NotAllowed``, ``Invalid``."""
    authorize_in(actor, "rules.add", organisation.pk)
    rule = Rule(organisation=organisation, changed_at=at)
    _assign(rule, terms)
    rule.save(force_insert=True)
    authorize_image(actor, "rules.add", rule)
    tell_rule(Change.CREATED, rule, before=None, actor=actor, at=at)
    return rule


@transaction.atomic
def update_rule(
    rule_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    organisation: Organisation | None = None,
    **changes: Unpack[RuleChanges],
) -> Rule:
    """Return the rule as changed; incidents that it has opened stay as they are.

    Locks the rule. Moving it to another organisation needs ``rules.add`` there as well. Nothing to change is no
    change: the version stays and no event is written.
    """
    rule = lock(Rule.objects.all(), rule_id)
    authorize(actor, "rules.change", rule)
    rule.require_version(expected_version)
    before = rule_feature(rule)
    if organisation is not None and organisation.pk != rule.organisation_id:
        authorize_in(actor, "rules.add", organisation.pk)
        rule.organisation = organisation
    _assign(rule, changes)
    if rule_feature(rule) != before:
        authorize_image(actor, "rules.change", rule)
        if rule.organisation_id != before.organisation_id:
            authorize_image(actor, "rules.add", rule)
        rule.mark_changed(at)
        rule.save()
        tell_rule(Change.UPDATED, rule, before=before, actor=actor, at=at)
    return rule


@transaction.atomic
def delete_rule(rule_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a rule with what waits for it; raises ``Conflict`` once it has opened an incident."""
    rule = lock(Rule.objects.all(), rule_id)
    authorize(actor, "rules.delete", rule)
    rule.require_version(expected_version)
    before = rule_feature(rule)
    with broken_constraints({"fk": lambda: Conflict(NAMED, code="in_use")}):
        Rule.objects.filter(pk=rule_id).delete()
    tell_rule(Change.DELETED, rule, before=before, actor=actor, at=at)


def _assign(rule: Rule, terms: RuleChanges) -> None:
    for name, value in terms.items():
        setattr(rule, name, value.strip() if isinstance(value, str) else value)
    if errors := list(_errors(rule)):
        raise Invalid("This is no rule.", errors=errors)


def _errors(rule: Rule) -> Iterator[FieldError]:
    yield from text_error(rule.name, "/name", max_length=200)
    yield from text_error(rule.title_template, "/title_template", max_length=200)
    yield from template_errors(rule.title_template)
    if rule.finding not in list(FindingKind):
        detail = f"One of {', '.join(FindingKind)}."
        yield FieldError(pointer="/finding", code="unknown", detail=detail)
    if rule.severity not in Severity.values:
        yield FieldError(pointer="/severity", code="unknown", detail="A severity is a number from 1 to 4.")
    yield from key_errors("incidents", rule.lifecycle)
    if rule.zone_id is not None and rule.zone_kind_id is not None:
        detail = "Name one zone or a kind of zone, not both."
        yield FieldError(pointer="/zone_kind_id", code="zone_or_kind", detail=detail)
    yield from _duration_errors(rule)


def _duration_errors(rule: Rule) -> Iterator[FieldError]:
    for name in ("hysteresis", "dedupe_window"):
        if not timedelta(0) <= getattr(rule, name) <= LONGEST:
            detail = "It is between zero and a year."
            yield FieldError(pointer=f"/{name}_s", code="out_of_range", detail=detail)
    if rule.escalate_after is not None and not timedelta(0) < rule.escalate_after <= LONGEST:
        detail = "It is above zero and at most a year."
        yield FieldError(pointer="/escalate_after_s", code="out_of_range", detail=detail)
