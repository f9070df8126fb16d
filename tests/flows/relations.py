"""People around an organisation's things, one for every way to have, or not to have, a right to them.

    port > harbour > pier

Everything belongs to the harbour. For each relation there is a viewer, who has what reads, and a keeper, who has all.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Model

from apps.access import services
from apps.access.models import User
from apps.access.registry import all_protected
from apps.access.types import SYSTEM, Protected
from apps.core.clock import now
from apps.core.types import Fix, TimeWindow
from apps.events.services import number_pending
from apps.tracking.types import Report
from tests.factories.access import assign, make_group, make_organisation, make_policy, make_role, make_user
from tests.factories.assets import make_asset
from tests.factories.incidents import make_incident, make_rule
from tests.factories.operations import make_operation, make_operation_kind, make_review_rule, submit
from tests.factories.tracking import ingest
from tests.factories.zones import make_zone

NAME = "Xylograph"
LONGITUDE = 10.4321
LONG_AGO = datetime(2016, 1, 1, tzinfo=UTC)
NOUNS = ("assets", "zones", "incidents", "rules", "operations", "approvals", "review-rules")
LEVELS = ("viewer", "keeper")


class Relation(enum.StrEnum):
    """How somebody stands to the things of the harbour."""

    OWNER = "owner organisation"
    ABOVE = "child organisation"  # a role in the port, of which the harbour is a child
    BELOW = "parent organisation"  # a role in the pier, whose parent is the harbour
    GROUP = "role of a group"
    GRANT = "grant"
    GROUP_GRANT = "grant to a group"
    POLICY = "policy"
    DENIED = "denied"
    EXPIRED = "expired"
    EXPIRED_GRANT = "expired grant"
    YET_TO_BEGIN = "yet to begin"
    ELSEWHERE = "elsewhere"
    NONE = "none"


# Which relations reach the things; grants reach those that are shared one by one.
REACHING = frozenset({Relation.OWNER, Relation.ABOVE, Relation.GROUP, Relation.POLICY})
GRANTED = frozenset({Relation.GRANT, Relation.GROUP_GRANT})


@dataclass(slots=True, kw_only=True)
class Relations:
    """The things, one of each noun, and the people by relation and level."""

    things: dict[str, Any]
    people: dict[tuple[Relation, str], User] = field(default_factory=dict)

    def reaching(self, noun: str) -> frozenset[Relation]:
        """Return the relations in which one sees a thing of the noun, or at the level of a keeper changes it."""
        return REACHING | GRANTED if entries()[noun].grants else REACHING


def entries() -> dict[str, Protected]:
    """Return the nouns that are somebody's and that a policy can judge, by name."""
    return {each.noun: each for each in all_protected() if each.feature is not None and each.organisation is not None}


def make_relations() -> Relations:
    """Return the things and the people; all made through services, everything numbered in the log."""
    port = make_organisation("Port")
    harbour = make_organisation("Harbour", parent=port)
    pier, elsewhere = make_organisation("Pier", parent=harbour), make_organisation("Elsewhere")
    asset = make_asset(NAME, organisation=harbour)
    operation = submit(make_operation(NAME, organisation=harbour, kind=make_operation_kind(is_reviewed=True)))
    things = {
        "assets": asset,
        "zones": make_zone(NAME, organisation=harbour),
        "incidents": make_incident(harbour, title=NAME),
        "rules": make_rule(harbour, name=NAME),
        "operations": operation,
        "approvals": operation.approvals.get(),
        "review-rules": make_review_rule(harbour, name=NAME, condition="priority >= 100"),
    }
    at = now() - timedelta(seconds=10)
    ingest(Report(str(asset.pk), Fix(fixed_at=at, lon=LONGITUDE, lat=50.0)), received_at=now())
    relations = Relations(things=things)
    for level in LEVELS:
        actions = list(_actions(level))
        role = make_role(*actions, name=level)
        people = {relation: _person(relation, level) for relation in Relation}
        relations.people |= {(relation, level): user for relation, user in people.items()}
        assign(people[Relation.OWNER], role, harbour)
        assign(people[Relation.ABOVE], role, port)
        assign(people[Relation.BELOW], role, pier)
        assign(make_group(people[Relation.GROUP]), role, harbour)
        assign(people[Relation.DENIED], role, harbour)
        assign(people[Relation.EXPIRED], role, harbour, during=TimeWindow(end=LONG_AGO))
        assign(people[Relation.YET_TO_BEGIN], role, harbour, during=TimeWindow(start=now() + timedelta(days=1)))
        assign(people[Relation.ELSEWHERE], role, elsewhere)
        make_policy("permit", actions, organisation=harbour, users=[people[Relation.POLICY]])
        make_policy("deny", ["*"], organisation=harbour, users=[people[Relation.DENIED]])
        for noun, thing in things.items():
            _share(thing, noun, level, people)
    number_pending(10_000)
    return relations


def _person(relation: Relation, level: str) -> User:
    return make_user(f"{level}-{relation.name.lower()}", is_staff=True, password=None)


def _actions(level: str) -> Iterable[str]:
    for noun, entry in entries().items():
        yield from (f"{noun}.{verb}" for verb in entry.actions if level == "keeper" or verb in ("view", "track"))


def _share(thing: Model, noun: str, level: str, people: dict[Relation, User]) -> None:
    if entries()[noun].grants is None:
        return
    group = make_group(people[Relation.GROUP_GRANT])
    over = TimeWindow(end=LONG_AGO)
    for action in (each for each in _actions(level) if each.startswith(f"{noun}.")):
        for to, during in (
            (people[Relation.GRANT], TimeWindow()),
            (group, TimeWindow()),
            (people[Relation.EXPIRED_GRANT], over),
        ):
            services.grant_access(thing, action, to=to, during=during, actor=SYSTEM, at=now())
