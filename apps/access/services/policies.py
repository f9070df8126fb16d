"""Policies: made, changed and deleted. Nobody makes one that permits what they do not hold, or over others' things."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final, TypedDict
from uuid import UUID

from django.contrib.auth.models import Group

from apps.access.judging import Effect
from apps.access.models import Organisation, Policy, User
from apps.access.queries import authorize_in, condition_errors, visible
from apps.access.queries.clauses import names_action
from apps.access.queries.holdings import holds_for, is_all_powerful
from apps.access.registry import all_actions, all_protected, judge
from apps.access.services.checks import apply, as_range, clean, lock_for, require
from apps.access.services.recording import recorded
from apps.access.types import Actor
from apps.core.constraints import broken_constraints, taken
from apps.core.types import FieldError, Invalid, NotFound, TimeWindow

LONGEST_DELAY_S: Final = 31 * 24 * 3600
ALWAYS_SHOWN: Final = frozenset({"id", "organisation_id", "version"})
BROKEN: Final = {
    "access_policy_name_once": lambda: taken("/name", "Another policy there has this name."),
    "fk": lambda: NotFound("There is no such user, group or organisation."),
}


class PolicyChanges(TypedDict, total=False):
    """What may be changed of a policy; its organisation stays."""

    name: str
    description: str
    effect: str
    everybody: bool
    user_ids: list[UUID]
    group_ids: list[int]
    actions: list[str]
    condition: str
    hidden_fields: list[str]
    coarsen_m: float | None
    delay_s: int | None
    mandatory: bool
    is_enabled: bool
    during: TimeWindow


COLUMNS: Final = frozenset(PolicyChanges.__annotations__) - {"user_ids", "group_ids"}


@recorded
def create_policy(changes: PolicyChanges, *, organisation_id: UUID | None, actor: Actor, at: datetime) -> Policy:
    """Return a new policy over an organisation and all below it; over everything (``None``) superusers only."""
    authorize_in(actor, "policies.add", organisation_id)
    if organisation_id is not None and not Organisation.objects.filter(pk=organisation_id).exists():
        raise NotFound("There is no such organisation, or you may not see it.")
    row = Policy(organisation_id=organisation_id, recorded_at=at, changed_at=at)
    _fill(row, changes)
    _check(row, changes, actor)
    with broken_constraints(BROKEN):
        row.save(force_insert=True)
    _set_who(row, changes, actor)
    return row


@recorded
def change_policy(
    policy_id: UUID, changes: PolicyChanges, *, actor: Actor, at: datetime, expected_version: int | None = None
) -> Policy:
    """Return the policy with the changes, at once in force.

    Whoever changes a permit must hold what it then permits; what is mandatory only a superuser changes.
    """
    row = lock_for(Policy.objects.all(), policy_id, actor=actor, action="policies.change")
    row.require_version(expected_version)
    require(not row.mandatory or is_all_powerful(actor), "Only a superuser changes what is mandatory.")
    _fill(row, changes)
    _check(row, changes, actor)
    row.mark_changed(at)
    with broken_constraints(BROKEN):
        row.save()
    _set_who(row, changes, actor)
    return row


@recorded
def delete_policy(policy_id: UUID, *, actor: Actor, at: datetime, expected_version: int | None = None) -> None:
    """Delete a policy, at once. Its refusals end with it, so it takes ``policies.delete`` where it stands."""
    row = lock_for(Policy.objects.all(), policy_id, actor=actor, action="policies.delete")
    row.require_version(expected_version)
    require(not row.mandatory or is_all_powerful(actor), "Only a superuser takes away what is mandatory.")
    row.delete()


def named_actions(patterns: Iterable[str]) -> frozenset[str]:
    """Return every registered action that the patterns name."""
    asked = tuple(patterns)
    return frozenset(each for each in all_actions() if names_action(asked, each))


def _fill(row: Policy, changes: PolicyChanges) -> None:
    columns: dict[str, object] = {name: value for name, value in changes.items() if name in COLUMNS}
    if "during" in changes:
        columns["during"] = as_range(changes["during"])
    if "actions" in changes:
        columns["actions"] = sorted(set(changes["actions"]))
    if "hidden_fields" in changes:
        columns["hidden_fields"] = sorted(set(changes["hidden_fields"]))
    if "condition" in changes:
        columns["condition"] = changes["condition"].strip()
    apply(row, columns, COLUMNS)


def _check(row: Policy, changes: PolicyChanges, actor: Actor) -> None:
    errors = [*_faults(row), *_who_faults(row, changes)]
    if errors:
        raise Invalid("This is no policy.", errors=errors)
    clean(row, exclude=["organisation"])
    require(not row.mandatory or is_all_powerful(actor), "Only a superuser makes a mandatory policy.")
    if row.effect == Effect.PERMIT and not is_all_powerful(actor):
        during = TimeWindow(start=row.during.lower, end=row.during.upper)
        held = row.organisation_id is not None and holds_for(
            actor, named_actions(row.actions), row.organisation_id, during
        )
        require(held, "A policy permits at most what you hold yourself.")


def _faults(row: Policy) -> Iterator[FieldError]:
    for pattern in row.actions:
        if not named_actions([pattern]):
            yield FieldError(pointer="/actions", code="unknown_action", detail=f"There is no {pattern[:64]}.")
    yield from condition_errors(row.condition, named_actions(row.actions))
    known = hideable_fields(row.actions)
    for name in row.hidden_fields:
        if name.partition(".")[0] not in known:
            yield FieldError(pointer="/hidden_fields", code="unknown_field", detail=f"There is no field {name[:100]}.")
    yield from _effect_faults(row)


def _effect_faults(row: Policy) -> Iterator[FieldError]:
    keeps = bool(row.hidden_fields or row.coarsen_m or row.delay_s)
    if row.effect not in list(Effect):
        yield FieldError(pointer="/effect", code="unknown_effect", detail=f"It is one of {', '.join(Effect)}.")
    elif row.effect == Effect.LIMIT and not keeps:
        yield FieldError(
            pointer="/effect", code="limits_nothing", detail="A limit hides, coarsens or delays something."
        )
    elif row.effect in (Effect.REQUIRE, Effect.DENY) and keeps:
        yield FieldError(
            pointer="/effect", code="cannot_limit", detail="Only limits and permits hide, coarsen or delay."
        )
    if row.mandatory and row.effect != Effect.DENY:
        yield FieldError(pointer="/mandatory", code="not_a_deny", detail="Only a deny can be mandatory.")
    if row.delay_s is not None and row.delay_s > LONGEST_DELAY_S:
        yield FieldError(pointer="/delay_s", code="too_long", detail="At most 31 days.")


def _who_faults(row: Policy, changes: PolicyChanges) -> Iterator[FieldError]:
    users = changes.get("user_ids", _kept(row, "users"))
    groups = changes.get("group_ids", _kept(row, "groups"))
    if row.everybody == bool(users or groups):
        yield FieldError(
            pointer="/everybody", code="who", detail="It is for everybody, or for the users and groups named."
        )


def _kept(row: Policy, name: str) -> list[object]:
    return [] if row._state.adding else list(getattr(row, name).values_list("pk", flat=True))  # noqa: SLF001 - Django's


def _set_who(row: Policy, changes: PolicyChanges, actor: Actor) -> None:
    if "user_ids" in changes:
        row.users.set(_visible_people(changes["user_ids"], actor))
    if "group_ids" in changes:
        row.groups.set(_groups(changes["group_ids"]))


def _visible_people(ids: Collection[UUID], actor: Actor) -> list[User]:
    found = list(visible(User.objects.filter(pk__in=list(ids)), actor, "users.view"))
    if len(found) < len(set(ids)):
        raise NotFound("There is no such user, or you may not see them.")
    return found


def _groups(ids: Collection[int]) -> list[Group]:
    found = list(Group.objects.filter(pk__in=list(ids)))
    if len(found) < len(set(ids)):
        raise NotFound("There is no such group.")
    return found


def hideable_fields(patterns: Iterable[str]) -> frozenset[str]:
    """Return the fields that a policy over these actions may hide: of its nouns, and of what is judged as them."""
    nouns = {action.partition(".")[0] for action in named_actions(patterns)}
    fields = (each.fields for each in all_protected() if judge(each).noun in nouns)
    return frozenset[str]().union(*fields) - ALWAYS_SHOWN
