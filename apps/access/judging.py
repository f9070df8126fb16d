"""Policies as they count for one actor and one action: three-valued conditions whose order never matters.

    allow = (held OR some permit is TRUE) AND every require is TRUE AND every deny is FALSE

Pure: what is decided about is a published ``Feature``. The same clauses as SQL are in ``queries/conditions.py``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from apps.core.types import Feature, TimeWindow
from apps.filters.types import Filter

Truth: TypeAlias = bool | None
Test: TypeAlias = Callable[[Feature], Truth]
NO_DELAY: Final = timedelta(0)


class Effect(enum.StrEnum):
    """What a policy does where its condition holds."""

    PERMIT = "permit"  # gives the right
    REQUIRE = "require"  # refuses where the condition does not hold
    DENY = "deny"  # refuses where it does, or may
    LIMIT = "limit"  # gives and refuses nothing: hides fields, coarsens and delays where it holds, or may


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligations:
    """What may be seen of an object only in part: fields that are hidden, a grid in metres, a delay."""

    hidden: frozenset[str] = frozenset()
    coarsen_m: float = 0.0
    delay: timedelta = NO_DELAY

    def __or__(self, other: Obligations) -> Obligations:
        """Return what keeps both."""
        return Obligations(
            hidden=self.hidden | other.hidden,
            coarsen_m=max(self.coarsen_m, other.coarsen_m),
            delay=max(self.delay, other.delay),
        )

    def __and__(self, other: Obligations) -> Obligations:
        """Return what is left where either is enough."""
        return Obligations(
            hidden=self.hidden & other.hidden,
            coarsen_m=min(self.coarsen_m, other.coarsen_m),
            delay=min(self.delay, other.delay),
        )


FREE: Final = Obligations()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One policy, for one actor and one action.

    ``organisation_ids`` are where it counts (``None`` is everywhere); elsewhere its condition is FALSE. ``condition``
    is ``None`` where it always holds; ``values`` are what its variables are bound to. ``is_broken`` marks a condition
    that can be read no more: nothing is known of it. ``test`` is the condition in Python; ``None`` where there is none.
    """

    policy_id: UUID
    version: int
    name: str
    effect: Effect
    organisation_ids: frozenset[UUID] | None = None
    during: TimeWindow = field(default_factory=TimeWindow)
    condition: Filter | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    is_broken: bool = False
    obligations: Obligations = FREE
    test: Test | None = field(default=None, compare=False, repr=False)

    def covers(self, organisation_id: UUID | None) -> bool:
        """Say whether the policy counts for what that organisation owns."""
        return self.organisation_ids is None or organisation_id in self.organisation_ids

    def truth(self, thing: Feature | None) -> Truth:
        """Return what the condition says of an object that is covered; ``None`` where nothing is known, or it fails."""
        if self.is_broken:
            return None
        if self.condition is None:
            return True
        if thing is None or self.test is None:
            return None
        try:
            return self.test(thing)
        except Exception:  # noqa: BLE001 - whatever it is: a condition that fails says nothing, and so lets nobody in
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The clauses of one actor and one action, by effect. ``is_timed`` where time alone may change what they say."""

    permits: tuple[Clause, ...] = ()
    requires: tuple[Clause, ...] = ()
    denies: tuple[Clause, ...] = ()
    limits: tuple[Clause, ...] = ()
    is_timed: bool = False

    def __bool__(self) -> bool:
        return bool(self.permits or self.requires or self.denies or self.limits)

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Return all of them."""
        return (*self.permits, *self.requires, *self.denies, *self.limits)

    @property
    def asks(self) -> bool:
        """Say whether anything has to be known of an object, besides whose it is, to decide about it."""
        return any(each.condition is not None for each in (*self.permits, *self.requires, *self.denies))

    @property
    def obliges(self) -> bool:
        """Say whether something that is allowed may have to be shown in part."""
        return any(each.obligations != FREE for each in (*self.permits, *self.limits))

    @property
    def coarsens(self) -> bool:
        """Say whether a place may have to be coarsened."""
        return any(each.obligations.coarsen_m for each in (*self.permits, *self.limits))

    @property
    def delays(self) -> bool:
        """Say whether something may have to be told late."""
        return any(each.obligations.delay for each in (*self.permits, *self.limits))

    @property
    def longest_delay(self) -> timedelta:
        """Return by how much something may have to be told late at most."""
        return max((each.obligations.delay for each in (*self.permits, *self.limits)), default=NO_DELAY)

    def allow(
        self, organisation_id: UUID | None, thing: Feature | None, *, held: bool, at: datetime | None = None
    ) -> bool:
        """Decide about an object; ``held`` says whether a role or a grant reaches it.

        ``at`` is the instant of what is history: a permit lets in to what was true in its own period.
        """
        for clause in self.denies:
            if clause.covers(organisation_id) and clause.truth(thing) is not False:
                return False
        for clause in self.requires:
            if clause.covers(organisation_id) and clause.truth(thing) is not True:
                return False
        return held or any(self._granting(organisation_id, thing, at))

    def might_allow(self, organisation_id: UUID | None, *, held: bool) -> bool:
        """Say whether something of an organisation, of which nothing else is known yet, could be allowed."""
        if any(each.covers(organisation_id) and each.condition is None for each in self.denies):
            return False
        return held or any(each.covers(organisation_id) and not each.is_broken for each in self.permits)

    def windows(self, organisation_id: UUID | None, thing: Feature | None) -> Iterable[TimeWindow]:
        """Yield the periods of the permits that let in to an object."""
        return (each.during for each in self._granting(organisation_id, thing, None))

    def obligations(self, organisation_id: UUID | None, thing: Feature | None, *, held: bool) -> Obligations:
        """Return what is to be kept of an object that is allowed.

        What a permit asks is asked of those who see the object by permits alone, and of several the least counts.
        """
        owed = FREE if held else self._of_permits(organisation_id, thing)
        for clause in self.limits:
            if clause.covers(organisation_id) and clause.truth(thing) is not False:
                owed |= clause.obligations
        return owed

    def _of_permits(self, organisation_id: UUID | None, thing: Feature | None) -> Obligations:
        owed: Obligations | None = None
        for clause in self._granting(organisation_id, thing, None):
            owed = clause.obligations if owed is None else owed & clause.obligations
        return owed or FREE

    def _granting(self, organisation_id: UUID | None, thing: Feature | None, at: datetime | None) -> Iterable[Clause]:
        return (
            each
            for each in self.permits
            if each.covers(organisation_id) and (at is None or each.during.contains(at)) and each.truth(thing) is True
        )

    def hideable(self) -> frozenset[str]:
        """Return every field that some clause may hide: nobody may filter, sort or search by these."""
        return frozenset[str]().union(*(each.obligations.hidden for each in (*self.permits, *self.limits)))


NONE: Final = Policies()


def policies_of(clauses: Collection[Clause], *, is_timed: bool) -> Policies:
    """Return clauses by effect."""
    by_effect = {effect: tuple(each for each in clauses if each.effect is effect) for effect in Effect}
    return Policies(
        permits=by_effect[Effect.PERMIT],
        requires=by_effect[Effect.REQUIRE],
        denies=by_effect[Effect.DENY],
        limits=by_effect[Effect.LIMIT],
        is_timed=is_timed,
    )
