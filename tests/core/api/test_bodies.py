"""Kept texts: written once for each state of a row, and never shown for another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import orjson
import pytest
from django.db import connection

from apps.access.models import Role
from apps.core.api.bodies import KeptBodies, RowStamp
from tests.factories.access import make_role

A, B, C = (UUID(int=number) for number in (1, 2, 3))


class Writer:
    """Writes ids at a state, and remembers which it was asked for."""

    def __init__(self, stamp: str = "1", gone: Sequence[UUID] = ()) -> None:
        self.stamp, self.gone = stamp, gone
        self.asked: list[list[UUID]] = []

    def __call__(self, ids: Sequence[UUID]) -> Iterator[tuple[str, bytes]]:
        self.asked.append(list(ids))
        return ((f"{each}{self.stamp}", self.text(each)) for each in ids if each not in self.gone)

    def text(self, each: UUID) -> bytes:
        return orjson.dumps([each.int, self.stamp])


def shown(kept: KeptBodies, writer: Writer, *wanted: tuple[UUID, str]) -> object:
    return orjson.loads(orjson.dumps(kept.page([f"{id_}{state}" for id_, state in wanted], writer)))


def test_only_what_is_in_a_new_state_is_written() -> None:
    kept, first, second = KeptBodies(), Writer("1"), Writer("2")
    assert shown(kept, first, (B, "1"), (A, "1")) == [[2, "1"], [1, "1"]]
    assert shown(kept, second, (A, "1"), (B, "2"), (C, "2")) == [[1, "1"], [2, "2"], [3, "2"]]
    assert (first.asked, second.asked) == ([[B, A]], [[B, C]])


def test_what_is_gone_meanwhile_is_left_out_and_what_has_changed_meanwhile_is_shown_as_it_is() -> None:
    kept, writer = KeptBodies(), Writer("2", gone=[B])
    assert shown(kept, writer, (A, "1"), (B, "1"), (C, "1")) == [[1, "2"], [3, "2"]]
    assert shown(kept, writer, (A, "2")) == [[1, "2"]]
    assert len(writer.asked) == 1


def test_the_oldest_go_first() -> None:
    kept, writer = KeptBodies(most_bytes=2 * len(Writer().text(A))), Writer()
    for each in (A, B, C, B, C):
        shown(kept, writer, (each, "1"))
    assert writer.asked == [[A], [B], [C]]
    shown(kept, writer, (A, "1"))
    assert writer.asked[-1] == [A]


@pytest.mark.django_db
def test_a_stamp_moves_with_every_change_of_its_row_and_with_no_other() -> None:
    one, other = make_role(), make_role()

    def stamps() -> dict[UUID, str]:
        return dict(Role.objects.annotate(stamp=RowStamp()).values_list("pk", "stamp"))

    seen = [stamps()]
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE access_role SET name = name WHERE id = %s", [one.pk])
        seen.append(stamps())
    assert len({each[one.pk] for each in seen}) == 3
    assert len({each[other.pk] for each in seen}) == 1
