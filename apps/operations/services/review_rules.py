"""Review rules: made, changed and deleted, each with its event. What waits in review follows them within seconds.

Not in their transaction: a rule may bear on more operations than a request has time for (``settling.follow_rules``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Unpack
from uuid import UUID

from django.db import transaction

from apps.access.models import Organisation
from apps.access.queries import authorize, authorize_image, authorize_in
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.locks import lock
from apps.core.text import text_error
from apps.core.types import FieldError, Invalid
from apps.events.types import Change
from apps.operations.models import ReviewRule
from apps.operations.published import review_rule_feature
from apps.operations.queries import condition_errors
from apps.operations.services.telling import tell_review_rule
from apps.operations.types import ReviewRuleChanges

LONGEST_NAME: Final = 200
LONGEST_DESCRIPTION: Final = 20_000
LONGEST_CONDITION: Final = 8_192
NAME_TAKEN: Final = "Another review rule of the organisation has this name."


@transaction.atomic
def create_review_rule(
    *, organisation: Organisation, actor: Actor, at: datetime, **terms: Unpack[ReviewRuleChanges]
) -> ReviewRule:
    """Return a new rule: its organisation reviews what the rule holds for, of its own and of all below it.

    Raises ``Invalid``, ``NotAllowed``, and ``Conflict`` when the name is taken there.
    """
    authorize_in(actor, "review-rules.add", organisation.pk)
    rule = ReviewRule(organisation=organisation, recorded_at=at, changed_at=at)
    _assign(rule, terms, actor)
    _save(rule, is_new=True)
    authorize_image(actor, "review-rules.add", rule)
    tell_review_rule(Change.CREATED, rule, before=None, actor=actor, at=at)
    return rule


@transaction.atomic
def update_review_rule(
    rule_id: UUID,
    *,
    actor: Actor,
    at: datetime,
    expected_version: int | None = None,
    **changes: Unpack[ReviewRuleChanges],
) -> ReviewRule:
    """Return the rule as changed. Locks it. Nothing to change is no change."""
    rule = lock(ReviewRule.objects.all(), rule_id)
    authorize(actor, "review-rules.change", rule)
    rule.require_version(expected_version)
    before = review_rule_feature(rule)
    _assign(rule, changes, actor)
    if review_rule_feature(rule) == before:
        return rule
    rule.mark_changed(at)
    _save(rule)
    authorize_image(actor, "review-rules.change", rule)
    tell_review_rule(Change.UPDATED, rule, before=before, actor=actor, at=at)
    return rule


@transaction.atomic
def delete_review_rule(rule_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a rule. What it still asks for goes with it, within seconds; what was approved stays approved."""
    rule = lock(ReviewRule.objects.all(), rule_id)
    authorize(actor, "review-rules.delete", rule)
    rule.require_version(expected_version)
    before = review_rule_feature(rule)
    ReviewRule.objects.filter(pk=rule_id).delete()
    tell_review_rule(Change.DELETED, rule, before=before, actor=actor, at=at)


def _assign(rule: ReviewRule, terms: ReviewRuleChanges, actor: Actor) -> None:
    """Give the rule its terms. Raises ``Invalid``. A condition that stays is not read again."""
    was = rule.condition
    for name, value in terms.items():
        setattr(rule, name, value.strip() if isinstance(value, str) else value)
    errors = list(_text_errors(rule))
    if not errors and rule.condition != was:
        errors = list(condition_errors(rule.condition, actor))
    if errors:
        raise Invalid("This is no review rule.", errors=errors)


def _text_errors(rule: ReviewRule) -> Iterator[FieldError]:
    yield from text_error(rule.name, "/name", max_length=LONGEST_NAME)
    for name, longest in (("description", LONGEST_DESCRIPTION), ("condition", LONGEST_CONDITION)):
        text = getattr(rule, name)
        yield from text_error(text, f"/{name}", max_length=longest, may_be_blank=True, is_multiline=True)


def _save(rule: ReviewRule, *, is_new: bool = False) -> None:
    with broken_constraints({"review_rule_name_once": lambda: taken("/name", NAME_TAKEN)}):
        rule.save(force_insert=is_new)
