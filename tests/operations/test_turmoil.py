"""Planners who do everything at once on connections of their own: whatever happens, no two that hold space clash."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from apps.access.types import SYSTEM
from apps.core.clock import now
from apps.core.types import WatchfloorError
from apps.events.services import number_pending
from apps.operations import queries, services
from apps.operations.models import Occupancy, Operation
from apps.operations.rules.meeting import meetings, verdict
from apps.operations.types import HOLDING, Meeting, Verdict, VolumeDraft
from tests.factories.operations import band, make_operation, make_operation_kind, volume
from tests.factories.zones import make_zone, make_zone_kind, square

pytestmark = pytest.mark.django_db(transaction=True)
PLANNERS, STEPS = 6, 20


def some_volumes(chance: random.Random) -> list[VolumeDraft]:
    """Return one or two volumes in a few cells, some across midnight, some over more cells than are locked singly."""
    at = now().replace(hour=22, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return [
        volume(
            square(chance.randint(0, 3) / 10, 0.05, size=chance.choice([0.05, 0.1, 3.0])),
            heights=band(chance.randint(0, 3) * 100, 1_000 if chance.random() < 0.1 else 400 + chance.randint(0, 1)),
            starts_at=at + timedelta(hours=chance.randint(0, 6)),
            lasting=timedelta(minutes=chance.choice([59, 60, 600])),
        )
        for _ in range(chance.randint(1, 2))
    ]


def do_something(chance: random.Random, pk: UUID) -> None:
    operation = Operation.objects.get(pk=pk)
    deeds: list[Callable[[], object]] = [
        *[lambda: services.move_operation(operation, "submit", actor=SYSTEM, at=now())] * 4,
        lambda: services.move_operation(operation, "withdraw", actor=SYSTEM, at=now()),
        lambda: services.update_operation(pk, volumes=some_volumes(chance), actor=SYSTEM, at=now()),
        lambda: services.update_operation(pk, priority=chance.randint(0, 2), actor=SYSTEM, at=now()),
        lambda: services.update_operation(pk, title=f"Plan {chance.random()}", actor=SYSTEM, at=now()),
        lambda: decide(pk),
        lambda: services.settle_submitted(now()),
        lambda: services.read_zones(now()),
    ]
    chance.choice(deeds)()


def decide(pk: UUID) -> None:
    for approval in queries.approvals_of(pk):
        services.decide_approval(approval.pk, decision="approved", actor=SYSTEM, at=now())


def test_whatever_planners_do_at_once_no_two_that_hold_space_clash() -> None:
    services.read_zones(now())
    kinds = [make_operation_kind(), make_operation_kind(is_reviewed=True)]
    make_zone(kind=make_zone_kind(constraint="authorisation"), area=square(0.2, 0, size=0.1))
    plans = [
        make_operation(kind=kinds[number % 2], volumes=some_volumes(random.Random(number)), priority=number % 2).pk
        for number in range(12)
    ]
    faults: list[BaseException] = []

    def plan(number: int) -> None:
        chance = random.Random(number)
        try:
            for _ in range(STEPS):
                try:
                    do_something(chance, chance.choice(plans))
                except WatchfloorError:
                    continue
        except BaseException as fault:
            faults.append(fault)
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=plan, args=[number]) for number in range(PLANNERS)]
    for thread in threads:
        thread.start()
    make_zone(kind=make_zone_kind(constraint="authorisation"), area=square(0.1, 0, size=0.1))
    number_pending(1_000)
    for thread in threads:
        thread.join(60)
    assert faults == []
    holding = [each for each in Operation.objects.select_related("kind") if each.state in HOLDING]
    assert set(Occupancy.objects.filter(holds=True).values_list("operation", flat=True)) == {
        each.pk for each in holding
    }
    assert len(holding) > 2
    assert [(one.pk, other.pk) for one, other in itertools.combinations(holding, 2) if clash(one, other)] == []


def clash(one: Operation, other: Operation) -> bool:
    met = any(
        meetings([mine], [theirs]) == [Meeting.MEET]
        for mine in queries.volumes_held(one.pk)
        for theirs in queries.volumes_held(other.pk)
    )
    verdicts = verdict(one.standing, other.standing, Meeting.MEET), verdict(other.standing, one.standing, Meeting.MEET)
    return met and verdicts == (Verdict.REFUSED, Verdict.REFUSED)
