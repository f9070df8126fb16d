"""Cast x action x relation x surface: the whole matrix of who may, generated, over one world that is made once.

A surface is a function that says whether somebody reaches the thing there. Every surface of a noun is asked for every
relation and level at once, and has to answer with exactly those that may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.test import Client, TestCase
from django.urls import reverse

from apps.access.models import User
from apps.access.queries import actor_of_user, allowed_actions, predicate
from apps.events.models import Event
from apps.events.registry import topics
from apps.live.hub.deciding import Shown, decide_row
from apps.live.hub.judged import Judged
from apps.live.queries import Asker, Snapshot, log_row, read_snapshots
from apps.live.types import Limits, View
from tests.factories.access import signed_in
from tests.flows.matrix import MATRIX, TOPICS, Kind
from tests.flows.relations import (
    LEVELS,
    LONGITUDE,
    NAME,
    NOUNS,
    Relations,
    entries,
    make_relations,
)
from tests.flows.told import Told, owed_to, sent_to_all, streamed_to

WRITES: Mapping[str, dict[str, Any]] = {
    "assets": {"name": NAME},
    "zones": {"name": NAME},
    "incidents": {"severity": 3},
    "rules": {"name": NAME},
    "operations": {"contact": "x"},
    "approvals": {"note": NAME},
    "review-rules": {"description": NAME},
}
NOT_HERE = {
    # What these show is part of one of the four, and judged as it (tests/flows/test_permissions.py looks at each).
    *(
        "asset-devices",
        "asset-device",
        "asset-transitions",
        "asset-history",
        "asset-calls",
        "zone-calls",
        "zone-transitions",
        "zone-history",
        "zone-versions",
        "positions",
        "zone-inside",
    ),
    *(name for name in MATRIX if name.startswith(("incident-", "operation-", "operations-"))),
}


class Seat:
    """Somebody at their desk: signed in once, for all surfaces. The hall adds what comes to them by itself."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.actor = actor_of_user(user)
        self.client: Client = signed_in(user)
        self.owed: set[str] = set()
        self.sent: Told = {}
        self.streamed: Told = {}


def in_list(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the thing is in the list of REST."""
    items = seat.client.get(f"/api/v1/{noun}").json()["items"]
    assert {each["id"] for each in items} <= {str(thing.pk)}
    return bool(items)


def in_count(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the thing is counted."""
    count: int = seat.client.get(f"/api/v1/{noun}?count=exact&limit=1").json()["count"]
    assert count in (0, 1)
    return count == 1


def in_detail(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the thing can be read; to whom it cannot, it is not there."""
    answer = seat.client.get(f"/api/v1/{noun}/{thing.pk}")
    assert answer.status_code in (200, 404)
    assert (NAME in answer.content.decode()) == (answer.status_code == 200)
    return answer.status_code == 200


def in_write(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the thing can be changed; the change is put back."""
    with transaction.atomic():
        answer = seat.client.patch(
            f"/api/v1/{noun}/{thing.pk}",
            data=WRITES[noun],
            content_type="application/merge-patch+json",
            headers={"If-Match": f'"{thing.version}"'},
        )
        transaction.set_rollback(True)
    assert answer.status_code in (200, 403, 404), answer.content
    return answer.status_code == 200


def in_actions(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether every action of the noun may be done to the thing."""
    may = allowed_actions(seat.actor, thing)
    return may == {f"{noun}.{verb}" for verb in entries()[noun].actions}


def in_admin_list(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the thing is in the admin's list."""
    answer = seat.client.get(reverse(f"admin:{_admin_name(thing)}_changelist"))
    assert answer.status_code in (200, 403), noun
    return NAME in answer.content.decode()


def in_admin_form(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the thing has a page in the admin."""
    answer = seat.client.get(reverse(f"admin:{_admin_name(thing)}_change", args=[thing.pk]))
    assert answer.status_code in (200, 302, 403, 404), noun
    return NAME in answer.content.decode()


def in_snapshot(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the thing is in the feed's first picture."""
    topic = topics.get(noun)
    asker = Asker(seat.actor, predicate(seat.actor, topic.view_action))
    alone, together, _ = (
        found for askers in ([asker], [asker] * 2) for found in read_snapshots(View(topic=noun), askers, Limits())
    )
    assert isinstance(alone, Snapshot)
    assert isinstance(together, Snapshot)
    assert [alone.features, alone.bodies, alone.veils] == [together.features, together.bodies, together.veils]
    found = alone
    assert {each.id for each in found.features} <= {thing.pk}
    return bool(found.features)


def in_event(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the feed tells that the thing was made."""
    topic = topics.get(noun)
    event = Event.objects.filter(object_id=thing.pk, noun=noun).earliest("offset")
    shown = Shown(topic, View(topic=noun), predicate(seat.actor, topic.view_action), Judged())
    return decide_row(log_row(event), shown, {}) is not None


def in_track(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the asset's track is told; whose right is over reads what was then, which is nothing here."""
    answer = seat.client.get(f"/api/v1/{noun}/{thing.pk}/track")
    assert answer.status_code in (200, 404)
    return str(LONGITUDE) in answer.content.decode()


def in_positions(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the asset's last position is told."""
    return str(LONGITUDE) in seat.client.get("/api/v1/positions").content.decode()


def in_owed(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether a webhook is owed events of the thing."""
    return f"{noun}/{thing.pk}" in seat.owed


def in_webhook(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether a webhook to which its events are owed, with right or without, is sent them."""
    return _is_told(seat.sent, noun, thing)


def in_sse(seat: Seat, noun: str, thing: Any) -> bool:
    """Say whether the stream of the log tells events of the thing."""
    return _is_told(seat.streamed, noun, thing)


Surface = Callable[[Seat, str, Any], bool]
# Each surface with the nouns that it shows, and the levels that it takes.
SURFACES: Mapping[Surface, tuple[tuple[str, ...], tuple[str, ...]]] = {
    in_list: (NOUNS, LEVELS),
    in_count: (NOUNS, LEVELS),
    in_detail: (NOUNS, LEVELS),
    in_write: (NOUNS, ("keeper",)),
    in_actions: (NOUNS, ("keeper",)),
    in_admin_list: (NOUNS, LEVELS),
    in_admin_form: (NOUNS, LEVELS),
    in_snapshot: (("assets", "zones", "incidents", "operations"), LEVELS),
    in_event: (("assets", "zones", "incidents", "operations"), LEVELS),
    in_owed: (NOUNS, LEVELS),
    in_webhook: (NOUNS, LEVELS),
    in_sse: (NOUNS, LEVELS),
    in_track: (("assets",), LEVELS),
    in_positions: (("assets",), LEVELS),
}


class _Hall:
    """The world and everybody in it; shared by the cells, each of which puts back what it has done."""

    def __init__(self) -> None:
        self.relations: Relations = make_relations()
        self.seats = {key: Seat(user) for key, user in self.relations.people.items()}
        seats = list(self.seats.values())
        owed, sent = owed_to(seat.user for seat in seats), sent_to_all()
        for seat, streamed in zip(seats, streamed_to(seat.client for seat in seats), strict=True):
            seat.owed, seat.sent, seat.streamed = owed[seat.user.pk], sent[seat.user.pk], streamed

    def __deepcopy__(self, memo: object) -> _Hall:
        return self


class TestExactlyThoseReachItWhoMay(TestCase):
    """A test for each surface and noun, over one world: Django makes it once for the class, in one transaction."""

    hall: _Hall

    @classmethod
    def setUpTestData(cls) -> None:
        """Make the world."""
        cls.hall = _Hall()

    def look(self, surface: Surface, noun: str, levels: tuple[str, ...]) -> None:
        """Compare who reaches the noun's thing on a surface with who may."""
        relations, thing = self.hall.relations, self.hall.relations.things[noun]
        found = {key for key, seat in self.hall.seats.items() if surface(seat, noun, thing)}
        assert found == {(relation, level) for relation in relations.reaching(noun) for level in levels}


def _cell(surface: Surface, noun: str, levels: tuple[str, ...]) -> Callable[[TestExactlyThoseReachItWhoMay], None]:
    return lambda self: self.look(surface, noun, levels)


for _surface, (_nouns, _levels) in SURFACES.items():
    for _noun in _nouns:
        setattr(
            TestExactlyThoseReachItWhoMay,
            f"test_{_surface.__name__}_of_{_noun}",
            _cell(_surface, _noun, _levels),
        )


def test_the_matrix_is_whole() -> None:
    """A noun, a topic or an address that is not here fails the build."""
    assert set(entries()) == set(NOUNS)
    assert {topic.name for topic in topics.all()} == set(TOPICS)
    snapshots = SURFACES[in_snapshot][0]
    assert set(TOPICS) == {*snapshots, "positions"}
    held = {name for name, address in MATRIX.items() if address.path.startswith(tuple(f"/api/v1/{n}" for n in NOUNS))}
    of_things = {name for name in held if MATRIX[name].kind in (Kind.LIST, Kind.ONE)}
    lists_and_ones = {name for noun in NOUNS for name in (noun, noun.removesuffix("s"))}
    assert of_things - NOT_HERE == lists_and_ones | {"asset-track"}


def _is_told(told: Told, noun: str, thing: Any) -> bool:
    """Say whether any event of the thing is told; each that is shows the thing."""
    events = told.get(f"{noun}/{thing.pk}", [])
    assert all(NAME in event["data"]["object"]["properties"].values() for event in events)
    return bool(events)


def _admin_name(thing: Any) -> str:
    return f"{thing._meta.app_label}_{thing._meta.model_name}"
