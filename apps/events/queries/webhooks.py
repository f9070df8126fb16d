"""What an endpoint is, seen from outside: for whom it reads, by what it signs, and what it wants of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from apps.access.queries import actor_of_user, is_all_powerful, outranks
from apps.access.queries.standing import standing_of
from apps.access.types import Actor, Channel
from apps.core import sealing
from apps.core.clock import now
from apps.events.models import Delivery, Endpoint, Event
from apps.events.queries.log import Reader
from apps.events.registry import topics
from apps.events.rules import feature_of_object
from apps.events.rules.webhooks import secret_of, wants
from apps.events.types import Cause, DeliveryState
from apps.filters.queries import compile_predicate, parse, require_askable
from apps.filters.registry import queryables_for, queryables_of
from apps.filters.types import Filter, FilterError, Predicate


def owner_of(endpoint: Endpoint) -> Actor:
    """Return the actor with whose eyes an endpoint reads: its owner, within what its maker was confined to."""
    scopes = None if endpoint.scopes is None else frozenset(endpoint.scopes)
    actor = actor_of_user(endpoint.user)
    return replace(actor, scopes=scopes, key_id=endpoint.key_id, channel=Channel.WEBHOOK)


def secrets_of(endpoint: Endpoint, at: datetime) -> list[str]:
    """Return the secrets that sign now, the newest first; those made of former keys of the installation as well."""
    salts = [endpoint.salt]
    if endpoint.former_until is not None and at < endpoint.former_until:
        salts.append(endpoint.former_salt)
    return [secret_of(key, str(endpoint.pk), salt) for key in sealing.installation_keys() for salt in salts]


def dead_letters() -> QuerySet[Delivery]:
    """Return the deliveries of events that were given up, and have not been sent again since."""
    again = Delivery.objects.filter(
        endpoint=OuterRef("endpoint"), event_offset=OuterRef("event_offset"), cause=Cause.REPLAY, pk__gt=OuterRef("pk")
    )
    return Delivery.objects.filter(~Exists(again), state=DeliveryState.DEAD, event_offset__isnull=False)


def may_command(actor: Actor, endpoint: Endpoint) -> bool:
    """Say whether somebody may read what an endpoint was sent, and say where it goes.

    Both show all that its owner sees; so it takes no less: the owner or who outranks them, confined no further than
    the endpoint is.
    """
    if is_all_powerful(actor):
        return True
    if actor.scopes is not None and (endpoint.scopes is None or not actor.scopes >= set(endpoint.scopes)):
        return False
    return outranks(actor, endpoint.user)


def read_filter(source: str, noun: str, actor: Actor) -> Filter | None:
    """Return an endpoint's filter over the objects of a noun, ``None`` for none; raises ``FilterError``.

    The clock cannot be asked, nor what objects do not show, nor what is hidden from the owner.
    """
    if not source.strip():
        return None
    try:
        found = parse(source, queryables=queryables_of(noun))
    except LookupError:
        raise FilterError("These cannot be filtered.", code="not_live") from None
    if found.uses_clock:
        raise FilterError("now() cannot be asked: time passes without an event.", code="not_live")
    compile_predicate(found)
    require_askable(found, queryables_for(actor, noun))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One event for one endpoint: its envelope, ``None`` where there is nothing to tell, and from when on it may be."""

    envelope: Mapping[str, Any] | None = None
    tellable_at: datetime | None = None


class Viewer:
    """Reads events for one endpoint, as its owner may see them now. For the length of one batch only.

    Raises ``FilterError`` when its filter asks for what is hidden from the owner by now.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._actor = owner_of(endpoint)
        self._reader = Reader(self._actor)
        found = read_filter(endpoint.filter, endpoint.noun, self._actor)
        self._passes: Predicate | None = None if found is None else compile_predicate(found)

    @property
    def is_somebody(self) -> bool:
        """Say whether the owner may still come in, and the key still stands."""
        return self._actor.is_account and standing_of(self._actor).is_active

    def look(self, row: Event) -> Sight:
        """Return what may be told of an event."""
        if not self._wants(row):
            return Sight()
        wait = self._reader.delay_of(row)
        envelope = self._reader.read(row)
        if envelope is None or not self._is_let_through(row, envelope["data"]):
            return Sight()
        return Sight(envelope=envelope, tellable_at=_later(row, wait))

    def _wants(self, row: Event) -> bool:
        noun = self._endpoint.noun
        return (not noun or row.noun == noun) and wants(self._endpoint.types, row.type)

    def _is_let_through(self, row: Event, told: Any) -> bool:
        """Say whether the filter lets the object through, as it is told; what is gone from sight has no properties."""
        if self._passes is None or (row.source is None and told["change"] == "removed"):
            return True
        if row.source is not None:
            return False
        shown = told["object"] or told["previous"]
        if not shown or "properties" not in shown:
            return False
        topic = topics.find(row.noun)
        picture = topic.event_feature(shown) if topic else feature_of_object(shown)
        return self._passes(picture) is True


def _later(row: Event, wait: timedelta) -> datetime | None:
    if not wait:
        return None
    at = row.occurred_at + wait
    return at if at > now() else None
