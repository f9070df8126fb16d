"""What one actor holds now: actions by organisation, and objects by grant. Read once, then kept until it changes.

A standing is kept in the process under the access version that was read *before* its rows, so a change in between
can only make it be read again. Numbers of versions are never used twice (``apps.access.triggers``), so what a
transaction read of its own uncommitted change is never taken for the truth afterwards.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q

from apps.access.judging import NONE, Effect, Policies
from apps.access.models import Assignment, DeviceKey, Organisation
from apps.access.queries.clauses import Person, Terms, person_of, policies_for, terms_for
from apps.access.queries.people import find_user, validity_of
from apps.access.types import ALWAYS, Actor, ActorKind, Channel, Protected, Windows, merged
from apps.core import clock
from apps.core.prepared import read_token
from apps.core.types import TimeWindow

T = TypeVar("T")
KEPT = 1_000
# For whoever keeps scopes and asks in a statement of their own whether these still stand.
VERSION_SQL = "SELECT version FROM access_accessversion"
# The one thing that devices do; everything else is refused to them.
REPORT = "report"
# An assignment as ``fill_roles`` takes it: the actions of its role, where it is, what lies above that, and its period.
RoleRow: TypeAlias = tuple[list[str], UUID, UUID | None, DateTimeTZRange]
ROLE_COLUMNS: Final = ("role__actions", "organisation_id", "organisation__parent_id", "during")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Where something is held: ``now``, and for how long where it is not without bounds (begun or over)."""

    now: frozenset[UUID] = frozenset()
    periods: Mapping[UUID, Windows] = field(default_factory=dict)


NOTHING = Held()


@dataclass(slots=True, kw_only=True)
class Standing:
    """What an actor holds, at one version of access.

    ``organisations`` and ``periods`` are by action: where it is held now (expanded downwards), and for how long where
    that has bounds. ``at_root`` are the actions held at the top of a tree. ``granted`` is filled on demand, by noun
    and action.
    """

    version: int
    user_id: UUID | None = None
    expires_at: datetime | None = None
    is_active: bool = False
    is_superuser: bool = False
    organisations: dict[str, frozenset[UUID]] = field(default_factory=dict)
    periods: dict[str, Mapping[UUID, Windows]] = field(default_factory=dict)
    at_root: frozenset[str] = frozenset()
    granted: dict[tuple[str, str], Held] = field(default_factory=dict)
    organisation_id: UUID | None = None
    terms: tuple[Terms, ...] = ()
    person: Person | None = None
    policies: dict[tuple[str, Channel | None], Policies] = field(default_factory=dict)


def access_version() -> int:
    """Return the number that moves with every change of access, 0 before the first; in ``one_moment`` asked once."""
    moment = _moment.get()
    if moment is None:
        return read_token(VERSION_SQL)
    if moment.version is None:
        moment.version = read_token(VERSION_SQL)
    return moment.version


@contextmanager
def one_moment() -> Iterator[None]:
    """Decide everything inside by one version of access: for reading, where a page should not change its mind.

    Never for writing, nor for longer than a request: what has changed since is not seen.
    """
    token = _moment.set(_Moment())
    try:
        yield
    finally:
        _moment.reset(token)


def note_version(version: int) -> None:
    """Decide this moment by a version that was just read with something else; nothing where no moment was begun."""
    moment = _moment.get()
    if moment is not None and moment.version is None:
        moment.version = version


def standing_of(actor: Actor) -> Standing:
    """Return what a user or device holds now; one small query when nothing has changed."""
    at = clock.now()
    version = access_version()
    kept = kept_standing(actor, version, at)
    if kept is None:
        kept = _read(actor, version, at)
        keep_standing(actor, kept)
    return kept


def kept_standing(actor: Actor, version: int, at: datetime) -> Standing | None:
    """Return what an actor holds, if it was read under this version and still stands."""
    kept = _kept.get(_key(actor))
    is_old = kept is None or kept.version != version or (kept.expires_at is not None and at >= kept.expires_at)
    return None if is_old else kept


def keep_standing(actor: Actor, standing: Standing) -> None:
    """Keep what an actor holds, read after the version that it names."""
    _kept.put(_key(actor), standing)


def granted(standing: Standing, entry: Protected, verb: str) -> Held:
    """Return the objects of a noun that the user may do the action to by grant, or because they are its owner."""
    key = (entry.noun, verb)
    if key not in standing.granted:
        at = clock.now()
        owned = [(pk, ALWAYS[0]) for pk in _owned(entry, verb, standing.user_id)]
        begun = begun_rows(standing, _granted(entry, verb, standing.user_id), at)
        standing.granted[key] = held_of([*begun, *owned], at)
    return standing.granted[key]


def policies_over(standing: Standing, action: str, channel: Channel | None) -> Policies:
    """Return the policies that count for the actor and the action, as clauses."""
    if not standing.terms:
        return NONE
    key = (action, channel)
    kept = standing.policies.get(key)
    if kept is None or kept.is_timed:
        if standing.person is None:
            standing.person = person_of(standing.user_id, standing.organisation_id)
        kept = standing.policies[key] = policies_for(standing.terms, action, standing.person, channel)
    return kept


def windows_in(standing: Standing, action: str, organisation_id: UUID) -> Windows:
    """Return the periods for which the actor holds an action by role in an organisation."""
    always = ALWAYS if organisation_id in standing.organisations.get(action, frozenset()) else ()
    return standing.periods.get(action, {}).get(organisation_id) or always


def codename(entry: Protected, verb: str) -> str:
    """Return the name of guardian's permission for an action: ``assets.view`` is ``view_asset``."""
    return f"{verb}_{entry.model._meta.model_name}"


def _read(actor: Actor, version: int, at: datetime) -> Standing:
    if actor.kind is ActorKind.DEVICE:
        return _read_device(actor, version, at)
    return _read_user(actor, version, at)


def _read_user(actor: Actor, version: int, at: datetime) -> Standing:
    standing = Standing(version=version)
    user = find_user(actor.user_id)
    if user is None:
        return standing
    validity = validity_of(actor, at)
    if not validity.stands:
        return standing
    standing.expires_at = validity.until
    standing.user_id = user.pk
    standing.is_active = True
    standing.is_superuser = user.is_superuser
    standing.organisation_id = user.organisation_id
    _add_roles(standing, user.pk, at)
    _add_terms(standing, at)
    return standing


def _read_device(actor: Actor, version: int, at: datetime) -> Standing:
    standing = Standing(version=version)
    if actor.key_id is None:
        # Known by its id alone: it holds nothing but the one asset that the actor itself carries.
        standing.is_active = True
        _add_terms(standing, at)
        return standing
    device_key = DeviceKey.objects.filter(pk=actor.key_id, organisation=actor.organisation_id).first()
    if device_key is None or not device_key.is_usable(at):
        return standing
    below = Organisation.objects.filter(lineage__contains=[device_key.organisation_id]).values_list("pk", flat=True)
    standing.is_active = True
    standing.expires_at = device_key.expires_at
    standing.organisations = {REPORT: frozenset(below)}
    _add_terms(standing, at)
    return standing


def _add_roles(standing: Standing, user_id: UUID, at: datetime) -> None:
    """Fill in the actions of the user's assignments; two statements."""
    rows = list(Assignment.objects.filter(Q(user=user_id) | Q(group__user=user_id)).values_list(*ROLE_COLUMNS))
    fill_roles(standing, rows, below_each({organisation_id for _, organisation_id, _, _ in rows}), at)


def fill_roles(
    standing: Standing, rows: Iterable[RoleRow], below: Mapping[UUID, Collection[UUID]], at: datetime
) -> None:
    """Fill in the actions of assignments, each with the organisations where it holds, and for how long.

    ``below`` is, for each organisation of an assignment, itself and all that lie below it.
    """
    given: defaultdict[str, list[tuple[UUID, TimeWindow]]] = defaultdict(list)
    at_root: set[str] = set()
    for (actions, organisation_id, parent_id), window in begun_rows(
        standing, (((actions, owner, parent), during) for actions, owner, parent, during in rows), at
    ):
        for action in actions:
            given[action].append((organisation_id, window))
        if parent_id is None and window.contains(at):
            at_root.update(actions)
    standing.at_root = frozenset(at_root)
    for action, places in given.items():
        held = held_of(((each, window) for top, window in places for each in below[top]), at)
        standing.organisations[action] = held.now
        if held.periods:
            standing.periods[action] = held.periods


def _add_terms(standing: Standing, at: datetime) -> None:
    """Fill in the policies that count for the user.

    A superuser passes all but a mandatory deny, and devices, which nobody permits anything, meet only what refuses.
    """
    terms = terms_for(standing.user_id, at, lambda until: _expire(standing, until))
    standing.terms = tuple(each for each in terms if binds(standing, each))


def binds(standing: Standing, terms: Terms) -> bool:
    """Say whether a policy that names somebody, or everybody, counts for them."""
    if standing.is_superuser:
        return terms.mandatory
    return standing.user_id is not None or terms.effect in (Effect.REQUIRE, Effect.DENY)


def begun_rows(
    standing: Standing, rows: Iterable[tuple[T, DateTimeTZRange]], at: datetime
) -> Iterator[tuple[T, TimeWindow]]:
    """Yield what has begun, over or not, with its period; the standing ends when one of them begins or ends."""
    for what, during in rows:
        if during.lower is not None and at < during.lower:
            _expire(standing, during.lower)
            continue
        if during.upper is not None and at < during.upper:
            _expire(standing, during.upper)
        yield what, TimeWindow(start=during.lower, end=during.upper)


def held_of(places: Iterable[tuple[UUID, TimeWindow]], at: datetime) -> Held:
    """Return where something is held, from the places and the periods for which it is."""
    found: defaultdict[UUID, list[TimeWindow]] = defaultdict(list)
    for id_, window in places:
        found[id_].append(window)
    windows = {id_: merged(tuple(each)) if len(each) > 1 else (each[0],) for id_, each in found.items()}
    return Held(
        now=frozenset(id_ for id_, each in windows.items() if each == ALWAYS or any(one.contains(at) for one in each)),
        periods={id_: each for id_, each in windows.items() if each != ALWAYS},
    )


def _expire(standing: Standing, at: datetime) -> None:
    if standing.expires_at is None or at < standing.expires_at:
        standing.expires_at = at


def below_each(tops: set[UUID]) -> dict[UUID, set[UUID]]:
    """Return, for each organisation, itself and all that lie below it; one query."""
    below: dict[UUID, set[UUID]] = {top: set() for top in tops}
    if tops:
        for pk, lineage in Organisation.objects.filter(lineage__overlap=list(tops)).values_list("pk", "lineage"):
            for top in tops.intersection(lineage):
                below[top].add(pk)
    return below


def _granted(entry: Protected, verb: str, user_id: UUID | None) -> Iterator[tuple[UUID, DateTimeTZRange]]:
    if entry.grants is None:
        return
    by_user, by_group = entry.grants
    permission = {
        "permission__codename": codename(entry, verb),
        "permission__content_type__app_label": entry.model._meta.app_label,
    }
    mine = by_user._default_manager.filter(user_id=user_id, **permission)
    ours = by_group._default_manager.filter(group__user=user_id, **permission)
    # A subquery would be planned with the page it limits; ids are read once and kept with the standing.
    columns = ("content_object_id", "during")
    yield from mine.values_list(*columns).union(ours.values_list(*columns))


def _owned(entry: Protected, verb: str, user_id: UUID | None) -> Iterable[UUID]:
    if entry.owner is None or verb not in entry.owner_actions:
        return ()
    ids: Iterable[UUID] = entry.model._default_manager.filter(**{entry.owner: user_id}).values_list("pk", flat=True)
    return ids


def _key(actor: Actor) -> object:
    return (actor.kind, actor.user_id, actor.key_id, actor.token_id, actor.address, actor.organisation_id)


@dataclass(slots=True)
class _Moment:
    """The version by which a request is decided, once it has been asked for."""

    version: int | None = None


_moment: ContextVar[_Moment | None] = ContextVar("access_moment", default=None)


class _Kept:
    """The standings used last, at most ``KEPT`` of them; shared by the threads of a process."""

    def __init__(self) -> None:
        self._rows: OrderedDict[object, Standing] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> Standing | None:
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)

    def put(self, key: object, standing: Standing) -> None:
        with self._lock:
            self._rows[key] = standing
            self._rows.move_to_end(key)
            while len(self._rows) > KEPT:
                self._rows.popitem(last=False)


_kept = _Kept()
